"""A session in the processes that its runs start: what these are handed, and what they see of it.

A forked process has the session itself. One that is started anew (spawned) is handed what it takes to tell something:
by multiprocessing, with its own start, or with a session that is given to it as an argument. It goes through a pipe, so
that no secret lies in a file or in the environment, and what is told is masked before it is written anywhere.
"""

from __future__ import annotations

import os
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject import current
from ipyproject.current import SessionInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ipyproject.session.record import SessionBook


class HandedOver(NamedTuple):
    """What a worker must know.

    Attributes:
        pid: The process of the session.
        session_id: Its id.
        book: Its record and the run going on; see `SessionBook.for_worker`.
    """

    pid: int
    session_id: str
    book: tuple[Any, ...]


class WorkerSession(SessionInfo):
    """A session as a process sees it that one of its runs has started."""

    def __init__(self, handed_over: HandedOver) -> None:
        self._handed_over = handed_over

    @cached_property
    def _book(self) -> SessionBook:
        from ipyproject.session.record import SessionBook  # a process that tells nothing need not wait for it

        return SessionBook.of_worker(*self._handed_over.book)

    @property
    def session_id(self) -> str:
        """The session's id."""
        return self._handed_over.session_id

    @property
    def env(self) -> str:
        """The environment it was opened with."""
        return self._book.record.env

    @property
    def data(self) -> Mapping[str, Any]:
        """What was known about the session when this was handed over, and what was logged here; read-only."""
        return self._book.data

    def log(self, **facts: Any) -> None:
        """Add facts to the session's record."""
        self._book.log(facts)

    def log_metric(self, name: str, value: float) -> None:
        """Add a value of a metric to the session's record, and to the run that has started this process."""
        self._book.log_metric(name, value)

    def __reduce__(self) -> tuple[Callable[..., SessionInfo], tuple[HandedOver]]:
        return joined, (self._handed_over,)


def joined(handed_over: HandedOver) -> SessionInfo:
    """Return the session that was handed over: itself in its own process, else as a worker sees it, current there."""
    if os.getpid() == handed_over.pid:
        for session in current.open_sessions():
            if session.session_id == handed_over.session_id:
                return session
    worker = WorkerSession(handed_over)
    current.set_worker(worker)
    return worker


class _ToProcesses:
    """Lies in what multiprocessing hands to each process that it starts; is pickled by the thread that starts it."""

    def __reduce__(self) -> tuple[Callable[..., object], tuple[SessionInfo, ...]]:
        session = current.current_session()
        goes_on = isinstance(session, WorkerSession) or session in current.running_sessions()
        return (_arrived, (session,)) if session is not None and goes_on else (bool, ())


def _arrived(_: SessionInfo) -> _ToProcesses:
    return _ToProcesses()


def hand_over_to_processes() -> None:
    """Let every process that multiprocessing starts while a run goes on know the session of the run."""
    from multiprocessing.process import current_process

    # A dict of all that a process hands to those that it starts, as its key for authentication.
    current_process()._config.setdefault("ipyproject", _ToProcesses())  # type: ignore[attr-defined]  # noqa: SLF001
