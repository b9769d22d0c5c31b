"""The current project, the open sessions and the loaded code: the only global state there is.

Everything else lives on :class:`~ipyproject.project.Project` and session objects. Tests call :func:`reset` after each
test.
"""

from __future__ import annotations

import atexit
import sys
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from threading import current_thread, main_thread
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from ipyproject.errors import ProjectNotFoundError, SessionError
from ipyproject.forks import fork_safe_lock

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ipyproject.masking import Masker
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


Created = tuple[Any, Any]  # a function create_pipeline and the pipeline that it made

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
        self._project: Project | None = None
        self._code: CodeInfo | None = None
        self._times_asked = 0
        self._change_lock = fork_safe_lock()
        self._is_reloading = False
        self._created: dict[str, Created] | None = None  # of the block that goes on
        self._reusable: Mapping[str, Created] = {}
        self._path_entry: str | None = None
        # Each with its project, what closes it at exit, and what hides its secrets in messages.
        self._sessions: list[tuple[SessionInfo, Project | None, Callable[[], object], Masker]] = []
        self._here: ContextVar[SessionInfo | None] = ContextVar("_here", default=None)
        self._running: list[SessionInfo] = []  # once for each run that goes on
        self._worker_of: SessionInfo | None = None
        self._lock = fork_safe_lock()
        self._closes_at_exit = False
        self._trusted: set[Path] = set()

    # -- the project and its code

    def project(self) -> Project:
        """Return the project that was bootstrapped or configured last.

        Raises:
            ProjectNotFoundError: None was.
        """
        if self._project is None:
            raise ProjectNotFoundError(
                "No project is open.",
                "Call bootstrap_project(path), or configure_project(package_name) if it is installed.",
            )
        return self._project

    def has_project(self) -> bool:
        """Whether a project was bootstrapped or configured."""
        return self._project is not None

    def set_project(self, project: Project | None) -> None:
        """Make a project the current one: its source folder leads ``sys.path``, and the previous one's leaves it.

        An entry that was on ``sys.path`` before any project was opened stays there.
        """
        self._set_path_entry(project.source_dir if project is not None else None)
        self._project = project
        if self._code is not None and self._code.project != project:
            self.set_code(None)

    def trust(self, root: Path) -> None:
        """Open a project from now on, in this process, although others can change what it executes."""
        self._trusted.add(root)

    def is_trusted(self, root: Path) -> bool:
        """Whether `trust` was called for a project."""
        return root in self._trusted

    def code(self) -> CodeInfo | None:
        """Return what the last reload knows of the current project's code; None where none has loaded it."""
        return self._code

    def set_code(self, code: CodeInfo | None) -> None:
        """Keep what a reload knows of the code that it has loaded; its finder leads ``sys.meta_path``."""
        if self._code is not None and self._code.finder in sys.meta_path:
            sys.meta_path.remove(self._code.finder)
        self._code = code
        if code is not None and code.finder not in sys.meta_path:
            sys.meta_path.insert(0, code.finder)

    @contextmanager
    def only_change(self, while_waiting: Callable[[], object]) -> Iterator[None]:
        """Let one thread at a time change in the block what is current; another one waits.

        Interrupts must not come through meanwhile: nobody would let go of the lock.

        Args:
            while_waiting: Called several times a second meanwhile; may raise.
        """
        while not self._change_lock.acquire(timeout=_WAITING_SECONDS):
            while_waiting()
        try:
            yield
        finally:
            self._change_lock.release()

    @contextmanager
    def only_reload(self, while_waiting: Callable[[], object]) -> Iterator[None]:
        """Let one reload at a time go on in the block; see `only_change`.

        Raises:
            SessionError: Code that is executed by a reload asks for another one.
        """
        with self.only_change(while_waiting):
            if self._is_reloading:
                raise SessionError("A reload is going on, and its code asks for another one.", "Reload from outside.")
            self._is_reloading = True
            try:
                yield
            finally:
                self._is_reloading = False

    @contextmanager
    def creating_pipelines(self, before: Mapping[str, Created]) -> Iterator[dict[str, Created]]:
        """Let pipelines of modules that were not executed again be taken, in the block, as they were made before.

        Args:
            before: Module -> its function ``create_pipeline`` and what that has made: while the function is the very
                same, neither its module nor any that this one names has been executed since.

        Yields:
            The same of all that were made or taken in the block.
        """
        outer, created = (self._created, self._reusable), dict[str, Created]()
        self._created, self._reusable = created, before
        try:
            yield created
        finally:
            self._created, self._reusable = outer

    def created_pipeline(self, module: str, create: Callable[[], Any]) -> Any:
        """Return what a module's function ``create_pipeline`` makes, or has made before; see `creating_pipelines`."""
        known, pipeline = self._reusable.get(module, (None, None))
        if known is not create:
            pipeline = create()
        if self._created is not None:
            self._created[module] = create, pipeline
        return pipeline

    # -- sessions

    def session(self) -> SessionInfo | None:
        """Return the session whose run is going on in this thread, else the one opened last and still open, or None.

        In a thread that a node has started it is the session of the run that is going on, where all that go on are of
        one session; in a process that a run has started, and that has opened none itself, the session of that run.
        """
        self._times_asked += 1
        sessions = self.sessions()
        here = self._here.get()
        if here is None and current_thread() is not main_thread():
            running = {*self._running}
            here = running.pop() if len(running) == 1 else None
        if here is not None and any(each is here for each in sessions):
            return here
        return sessions[-1] if sessions else self._worker_of

    def times_asked(self) -> int:
        """Return how often the current session was asked for: code that asks while it is imported depends on it."""
        return self._times_asked

    def sessions(self) -> tuple[SessionInfo, ...]:
        """Return the open sessions, the one opened first at the front."""
        with self._lock:
            return tuple(session for session, *_ in self._sessions)

    def projects_in_use(self) -> set[Project]:
        """Return the projects of the open sessions."""
        with self._lock:
            return {project for _, project, *_ in self._sessions if project is not None}

    def running_sessions(self) -> tuple[SessionInfo, ...]:
        """Return the sessions of the runs that go on, in whatever thread."""
        return tuple(self._running)

    def set_worker(self, session: SessionInfo | None) -> None:
        """Let a session of another process, which this one works for, be current where none is open."""
        self._worker_of = session

    def push_session(self, session: SessionInfo, close_at_exit: Callable[[], object], masker: Masker) -> None:
        """Make a session the current one.

        Args:
            session: The session.
            close_at_exit: Called when the process ends and the session is still open.
            masker: Hides its secrets in messages as long as it is open.
        """
        with self._lock:
            self._set_sessions([*self._sessions, (session, self._project, close_at_exit, masker)])
            is_first, self._closes_at_exit = not self._closes_at_exit, True
        if is_first:
            atexit.register(self._close_all)  # once: the interpreter never forgets an entry, even one taken out

    def drop_session(self, session: SessionInfo) -> None:
        """Take a session out; the one opened before it, if still open, is current again."""
        with self._lock:
            self._set_sessions([each for each in self._sessions if each[0] is not session])

    @contextmanager
    def running(self, session: SessionInfo) -> Iterator[None]:
        """Let a session be the current one for the block, in this thread, whatever other threads open meanwhile."""
        token = self._here.set(session)
        self._running.append(session)
        try:
            yield
        finally:
            self._running.remove(session)
            self._here.reset(token)

    # -- as a whole

    def snapshot(self) -> CurrentSnapshot:
        """Return the current project, the loaded code and ``sys.path``, for a later :meth:`restore`."""
        return CurrentSnapshot(self._project, self._path_entry, tuple(sys.path), self._code)

    def restore(self, before: CurrentSnapshot) -> None:
        """Put back what :meth:`snapshot` returned."""
        sys.path[:] = before.path
        self._project = before.project
        self._path_entry = before.path_entry
        if self._code is not before.code:
            self.set_code(before.code)

    def reset(self) -> None:
        """Forget the current project, sessions and what is trusted, and take the project's folder off ``sys.path``."""
        self.set_project(None)
        self._trusted.clear()
        with self._lock:
            self._set_sessions([])
        self.set_worker(None)

    def _close_all(self) -> None:
        with self._lock:
            closers = [closer for _, _, closer, _ in self._sessions]
        with ExitStack() as left:  # the one opened last first; one that fails does not stop the rest
            for closer in closers:
                left.callback(closer)

    def _set_sessions(self, sessions: list[tuple[SessionInfo, Project | None, Callable[[], object], Masker]]) -> None:
        from ipyproject.masking import put_in_force

        self._sessions = sessions
        put_in_force(masker for *_, masker in sessions)

    def _set_path_entry(self, source_dir: Path | None) -> None:
        entry = str(source_dir) if source_dir is not None else None
        if self._path_entry in sys.path:
            sys.path.remove(self._path_entry)  # the first of that name, which is ours
        self._path_entry = None
        if entry is not None and sys.path[:1] != [entry]:
            sys.path.insert(0, entry)
            self._path_entry = entry


_current = _Current()

current_project, has_project, set_project = _current.project, _current.has_project, _current.set_project
trust, is_trusted = _current.trust, _current.is_trusted
loaded_code, set_loaded_code = _current.code, _current.set_code
only_change, only_reload = _current.only_change, _current.only_reload
current_session, open_sessions, times_asked = _current.session, _current.sessions, _current.times_asked
projects_in_use = _current.projects_in_use
creating_pipelines, created_pipeline = _current.creating_pipelines, _current.created_pipeline
push_session, drop_session, set_worker = _current.push_session, _current.drop_session, _current.set_worker
running, running_sessions = _current.running, _current.running_sessions
snapshot, restore, reset = _current.snapshot, _current.restore, _current.reset
