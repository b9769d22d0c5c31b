"""The current project, the open sessions and the loaded code: the only global state there is.

Everything else lives on :class:`~ipyproject.project.Project` and session objects. Tests call :func:`reset` after each
test.
"""

from __future__ import annotations

import atexit
import sys
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from threading import Lock, RLock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ipyproject.errors import ProjectNotFoundError, SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path

    from ipyproject.project import Project


class SessionInfo(Protocol):
    """What plugins and components may use of a session, without importing session, context or catalog."""

    @property
    def session_id(self) -> str:
        """The session's id."""

    @property
    def env(self) -> str:
        """The environment it was opened with."""

    @property
    def data(self) -> Mapping[str, Any]:
        """Everything known about the session, static and dynamic; read-only."""

    def log(self, **facts: Any) -> None:
        """Add facts to the session's record."""

    def log_metric(self, name: str, value: float) -> None:
        """Add a value of a metric to the session's record."""


class CodeInfo(Protocol):
    """What this module knows of the code that a reload has loaded."""

    @property
    def project(self) -> Project:
        """The project that the code is of."""

    @property
    def finder(self) -> Any:
        """Finds its modules."""


_WAITING_SECONDS = 0.1


class CurrentSnapshot(NamedTuple):
    """What :func:`snapshot` keeps, to be handed to :func:`restore`.

    The open sessions are not among it: other threads open and close theirs meanwhile.
    """

    project: Project | None
    path_entry: str | None
    path: tuple[str, ...]
    code: CodeInfo | None


class _Current:
    """What is open in this process. Safe with threads that open and close sessions."""

    def __init__(self) -> None:
        self.project: Project | None = None
        self.code: CodeInfo | None = None
        self.times_asked = 0
        self.reload_lock = RLock()
        self.is_reloading = False
        self._path_entry: str | None = None
        self._sessions: list[tuple[SessionInfo, Callable[[], object]]] = []  # each with what closes it at exit
        self._here: ContextVar[SessionInfo | None] = ContextVar("_here", default=None)
        self._lock = Lock()
        self._closes_at_exit = False

    def set_project(self, project: Project | None) -> None:
        self._set_path_entry(project.source_dir if project is not None else None)
        self.project = project
        if self.code is not None and self.code.project != project:
            self.set_code(None)

    def set_code(self, code: CodeInfo | None) -> None:
        if self.code is not None and self.code.finder in sys.meta_path:
            sys.meta_path.remove(self.code.finder)
        self.code = code
        if code is not None and code.finder not in sys.meta_path:
            sys.meta_path.insert(0, code.finder)

    def session(self) -> SessionInfo | None:
        self.times_asked += 1
        sessions = self.sessions()
        here = self._here.get()
        if here is not None and any(each is here for each in sessions):
            return here
        return sessions[-1] if sessions else None

    def sessions(self) -> tuple[SessionInfo, ...]:
        with self._lock:
            return tuple(session for session, _ in self._sessions)

    def push(self, session: SessionInfo, close_at_exit: Callable[[], object]) -> None:
        with self._lock:
            self._sessions.append((session, close_at_exit))
            is_first, self._closes_at_exit = not self._closes_at_exit, True
        if is_first:
            atexit.register(self._close_all)  # once: the interpreter never forgets an entry, even one taken out

    def drop(self, session: SessionInfo) -> None:
        with self._lock:
            self._sessions = [(other, closer) for other, closer in self._sessions if other is not session]

    @contextmanager
    def running(self, session: SessionInfo) -> Iterator[None]:
        token = self._here.set(session)
        try:
            yield
        finally:
            self._here.reset(token)

    def snapshot(self) -> CurrentSnapshot:
        return CurrentSnapshot(self.project, self._path_entry, tuple(sys.path), self.code)

    def restore(self, before: CurrentSnapshot) -> None:
        sys.path[:] = before.path
        self.project = before.project
        self._path_entry = before.path_entry
        if self.code is not before.code:
            self.set_code(before.code)

    def reset(self) -> None:
        self.set_project(None)
        with self._lock:
            self._sessions = []

    def _close_all(self) -> None:
        with self._lock:
            closers = [closer for _, closer in self._sessions]
        with ExitStack() as left:  # the one opened last first; one that fails does not stop the rest
            for closer in closers:
                left.callback(closer)

    def _set_path_entry(self, source_dir: Path | None) -> None:
        entry = str(source_dir) if source_dir is not None else None
        if self._path_entry in sys.path:
            sys.path.remove(self._path_entry)  # the first of that name, which is ours
        self._path_entry = None
        if entry is not None and sys.path[:1] != [entry]:
            sys.path.insert(0, entry)
            self._path_entry = entry


_current = _Current()


def current_project() -> Project:
    """Return the project that was bootstrapped or configured last.

    Raises:
        ProjectNotFoundError: None was.
    """
    if _current.project is None:
        raise ProjectNotFoundError(
            "No project is open.",
            "Call bootstrap_project(path), or configure_project(package_name) if it is installed.",
        )
    return _current.project


def has_project() -> bool:
    """Whether a project was bootstrapped or configured."""
    return _current.project is not None


def set_project(project: Project | None) -> None:
    """Make a project the current one: its source folder leads ``sys.path``, and the previous one's leaves it.

    An entry that was on ``sys.path`` before any project was opened stays there.
    """
    _current.set_project(project)


def loaded_code() -> CodeInfo | None:
    """Return what the last reload knows of the current project's code; None where none has loaded it."""
    return _current.code


def set_loaded_code(code: CodeInfo | None) -> None:
    """Keep what a reload knows of the code that it has loaded; its finder leads ``sys.meta_path``."""
    _current.set_code(code)


def current_session() -> SessionInfo | None:
    """Return the session whose run is going on in this thread, else the one opened last and still open, or None."""
    return _current.session()


def times_asked() -> int:
    """Return how often the current session was asked for: code that asks while it is imported depends on it."""
    return _current.times_asked


@contextmanager
def only_reload(while_waiting: Callable[[], object]) -> Iterator[None]:
    """Let one reload at a time go on in the block; another thread's waits.

    Args:
        while_waiting: Called several times a second meanwhile; may raise.

    Raises:
        SessionError: Code that is executed by a reload asks for another one.
    """
    while not _current.reload_lock.acquire(timeout=_WAITING_SECONDS):
        while_waiting()
    try:
        if _current.is_reloading:
            raise SessionError("A reload is going on, and its code asks for another one.", "Reload from outside.")
        _current.is_reloading = True
        try:
            yield
        finally:
            _current.is_reloading = False
    finally:
        _current.reload_lock.release()


def open_sessions() -> tuple[SessionInfo, ...]:
    """Return the open sessions, the one opened first at the front."""
    return _current.sessions()


def push_session(session: SessionInfo, close_at_exit: Callable[[], object]) -> None:
    """Make a session the current one.

    Args:
        session: The session.
        close_at_exit: Called when the process ends and the session is still open.
    """
    _current.push(session, close_at_exit)


def drop_session(session: SessionInfo) -> None:
    """Take a session out; the one opened before it, if still open, is current again."""
    _current.drop(session)


def running(session: SessionInfo) -> AbstractContextManager[None]:
    """Let a session be the current one for the block, in this thread, whatever other threads open meanwhile."""
    return _current.running(session)


def snapshot() -> CurrentSnapshot:
    """Return the current project, the loaded code and ``sys.path``, for a later :func:`restore`."""
    return _current.snapshot()


def restore(before: CurrentSnapshot) -> None:
    """Put back what :func:`snapshot` returned."""
    _current.restore(before)


def reset() -> None:
    """Forget the current project and sessions, and take the project's folder off ``sys.path``."""
    _current.reset()
