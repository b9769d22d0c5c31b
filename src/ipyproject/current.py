"""The current project and the current session: the only global state there is.

Everything else lives on :class:`~ipyproject.project.Project` and session objects. Tests call :func:`reset` after each
test.
"""

from __future__ import annotations

import sys
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import RLock
from typing import TYPE_CHECKING, Any, Protocol

from ipyproject.errors import ProjectNotFoundError, SessionError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
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

    project: Project
    finder: Any


_WAITING_SECONDS = 0.1


@dataclass(slots=True)
class _Current:
    project: Project | None = None
    path_entry: str | None = None
    code: Any = None
    sessions: list[Any] = field(default_factory=list)
    times_asked: int = 0
    reload_lock: RLock = field(default_factory=RLock)
    is_reloading: bool = False


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
    _set_path_entry(project.source_dir if project is not None else None)
    _current.project = project
    if _current.code is not None and _current.code.project != project:
        set_loaded_code(None)


def loaded_code() -> Any | None:
    """Return what the last reload knows of the current project's code; None where none has loaded it.

    Typed loosely because reloading stands above this module.
    """
    return _current.code


def set_loaded_code(code: CodeInfo | None) -> None:
    """Keep what a reload knows of the code that it has loaded; its finder leads ``sys.meta_path``."""
    if _current.code is not None and _current.code.finder in sys.meta_path:
        sys.meta_path.remove(_current.code.finder)
    _current.code = code
    if code is not None and code.finder not in sys.meta_path:
        sys.meta_path.insert(0, code.finder)


def current_session() -> Any | None:
    """Return the session opened last and still open, or None.

    Typed loosely because the session stands above this module; :class:`SessionInfo` says what plugins may rely on.
    """
    _current.times_asked += 1
    return _current.sessions[-1] if _current.sessions else None


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


def open_sessions() -> tuple[Any, ...]:
    """Return the open sessions, the one opened first at the front."""
    return tuple(_current.sessions)


def push_session(session: SessionInfo) -> None:
    """Make a session the current one."""
    _current.sessions.append(session)


def drop_session(session: SessionInfo) -> None:
    """Take a session out; the one opened before it, if still open, is current again."""
    _current.sessions[:] = [other for other in _current.sessions if other is not session]


def reset() -> None:
    """Forget the current project and sessions, and take the project's folder off ``sys.path``."""
    set_project(None)
    _current.sessions.clear()


@dataclass(frozen=True, slots=True)
class CurrentSnapshot:
    """What :func:`snapshot` keeps, to be handed to :func:`restore`."""

    project: Project | None
    path_entry: str | None
    sessions: tuple[Any, ...]
    path: tuple[str, ...]
    code: Any


def snapshot() -> CurrentSnapshot:
    """Return the current project, sessions and ``sys.path``, for a later :func:`restore`."""
    path = tuple(sys.path)
    return CurrentSnapshot(_current.project, _current.path_entry, tuple(_current.sessions), path, _current.code)


def restore(kept: CurrentSnapshot) -> None:
    """Put back what :func:`snapshot` returned."""
    sys.path[:] = kept.path
    _current.project = kept.project
    _current.path_entry = kept.path_entry
    _current.sessions[:] = kept.sessions
    if _current.code is not kept.code:
        set_loaded_code(kept.code)


def _set_path_entry(source_dir: Path | None) -> None:
    entry = str(source_dir) if source_dir is not None else None
    if _current.path_entry in sys.path:
        sys.path.remove(_current.path_entry)  # the first of that name, which is ours
    _current.path_entry = None
    if entry is not None and sys.path[:1] != [entry]:
        sys.path.insert(0, entry)
        _current.path_entry = entry
