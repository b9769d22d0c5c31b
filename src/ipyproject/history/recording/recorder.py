"""Write down what happens to a session, in a way that can never break it or hold it up."""

from __future__ import annotations

import logging
import os
import warnings
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING

from ipyproject.forks import fork_safe_lock
from ipyproject.history.events import Event, RunStarted, SessionClosed, SessionOpened, SessionSeen, joined
from ipyproject.history.recording.pulse import FLUSH_SECONDS, RENEWAL_SECONDS, pulse
from ipyproject.history.recording.spool import Spool, spool_of
from ipyproject.history.stores.failures import HistoryWarning, StoreBusyError, StoreLostError
from ipyproject.history.stores.idle import keep_idle_store, take_idle_store
from ipyproject.history.stores.locations import without_password
from ipyproject.history.stores.opening import open_store
from ipyproject.interrupts import Interrupts
from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ipyproject.history.stores.store import Store

_logger = logging.getLogger(__name__)

MOST_WAITING = 2000  # nodes and metrics that wait to be written together
PATIENCE_SECONDS = 0.5  # what waiting for the store may cost a run in all; one call waits as long again at most
CALL_SECONDS = 0.02  # what a call may take, and each node or parameter in it, without counting as waiting
ROW_SECONDS = 0.0001


class NullRecorder:
    """Records nothing: no file, no folder (``save_on_close=False``).

    Attributes:
        keeps: Whether anything of what it is told is kept.
    """

    keeps = False

    def record(self, event: Event) -> None:
        """Do nothing."""

    def close(self) -> None:
        """Do nothing."""

    def take_in_workers(self) -> list[Event]:
        """Do nothing."""
        return []

    @property
    def worker_folders(self) -> Sequence[Path]:
        """Where workers may write what they tell, the preferred one first; none where nothing is kept."""
        return ()


class WorkerRecorder(NullRecorder):
    """Records what workers may tell in a file of this process, which the session's own process takes in.

    Args:
        session_id: The session.
        spool: Where to.
    """

    keeps = True

    def __init__(self, session_id: str, spool: Spool) -> None:
        self._session_id = session_id
        self._spool = spool

    def record(self, event: Event) -> None:
        """Record an event, if a worker may tell it."""
        if event.is_told_by_workers and self._session_id:
            self._spool.write(self._session_id, [event], worker=True)


class Recorder(NullRecorder):
    """Records one session in a store.

    When the store fails it is opened anew, once, and what it must know is written again. When that fails too, or when
    waiting for it has cost too much, one `HistoryWarning` says so and the rest of the session goes to a file beside the
    store, which the next session that can write takes in. Who turns warnings into errors gets this one in the log.

    In a process that was forked from the session's own, what workers may tell goes to such a file, too, and comes into
    the record when the session's own process looks for it; all else is left to that process.

    Args:
        location: See `open_store`; it is opened by the first event.
        root: What a relative location starts from.
    """

    keeps = True

    def __init__(self, location: str | Path, *, root: Path | None = None) -> None:
        self._location = location
        self._root = root
        self._name = without_password(location)
        self._key = f"{Path.cwd() if root is None else root}\n{location}"
        self._lock = fork_safe_lock()
        self._pid = os.getpid()
        self._store: Store | None = None
        self._session_id = ""
        self._closed = False
        self._to_repeat: list[Event] = []  # what a new store would have to be told first
        self._waiting: list[Event] = []  # for others to be written with
        self._pending: list[Event] = []  # not known to have been written
        self._due = self._renewal = 0.0
        self._reopened = False
        self._waited = 0.0
        self._spool = spool_of(location, root=root)
        self._spooling = False
        self._spooled: Path | None = None
        self._notices: list[str] = []

    @property
    def spooled(self) -> Path | None:
        """The file that the events went to because the store failed; None while it works."""
        return self._spooled

    def record(self, event: Event) -> None:
        """Record an event, and all before it that waited; one that may wait is written `FLUSH_SECONDS` from now."""
        if os.getpid() != self._pid:
            WorkerRecorder(self._session_id, self._spool).record(event)
            return
        begun = monotonic()
        with self._lock:
            blocked = monotonic() - begun  # by a thread that was writing what it had found out
            if event.may_wait and not self._closed:
                self._waiting.append(event)
                if not self._due:
                    self._due = begun + FLUSH_SECONDS
                    pulse.beat_soon()
                if len(self._waiting) < MOST_WAITING and begun < self._due:
                    return
            with Interrupts():  # a transaction that one has ended, and another one while it was undone, would stay open
                self._pending += self._waited_for()
                if not event.may_wait or self._closed:
                    self._note(event, blocked)
                    self._pending.append(event)
                self._write()
                self._closed |= isinstance(event, SessionClosed)
                if self._closed:  # a fact that arrives late opens the store once more
                    self._leave_store()
        self._warn()

    def _note(self, event: Event, blocked: float) -> None:
        if isinstance(event, SessionOpened):
            self._session_id = event.record.session_id
            self._renewal = monotonic() + RENEWAL_SECONDS
            pulse.look_after(self)
        elif isinstance(event, RunStarted) and not self._spooling:
            self._waited = max(0.0, blocked - CALL_SECONDS)

    def beat(self) -> None:
        """Write what has waited, and renew the lease of the session."""
        with self._lock:
            if not self._closed:
                if monotonic() >= self._renewal and not self._spooling:
                    self._renewal = monotonic() + RENEWAL_SECONDS
                    self._pending.append(SessionSeen(self._session_id, datetime.now(UTC)))
                self._flush()

    def take_in_workers(self) -> list[Event]:
        """Take what workers have told until now into the record, and return it."""
        taken: list[Event] = []

        def write(events: Sequence[Event]) -> None:
            self._pending += events
            self._write()
            taken.extend(events)

        if os.getpid() == self._pid and self._session_id:
            with self._lock:
                self._take_in(lambda spool: spool.take_in_workers(self._session_id, write))
        return taken

    @property
    def worker_folders(self) -> Sequence[Path]:
        """Where workers may write what they tell, the preferred one first."""
        return self._spool.folders

    def close(self) -> None:
        """Write what is left and let go of the store; closing the session does it, too. Idempotent."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._flush()
            self._leave_store()
        self._warn()

    def _flush(self) -> None:
        self._pending += self._waited_for()
        if self._pending:
            self._write()

    def _waited_for(self) -> list[Event]:
        waited, self._waiting, self._due = self._waiting, [], 0.0
        return joined(waited)

    def _write(self) -> None:
        """Bring what is pending to the store, else to the spool."""
        if self._spooling:
            self._spool_pending()
            return
        expected = CALL_SECONDS + ROW_SECONDS * sum(event.size for event in self._pending)
        opening = self._store is None
        begun = monotonic()
        try:
            self._put(self._pending)
        except Exception as error:  # noqa: BLE001 - whatever is wrong with the store, the session goes on
            self._recover(error)
        self._waited += max(0.0, monotonic() - begun - expected)
        if self._waited > PATIENCE_SECONDS and not self._spooling:
            self._start_spooling(f"{self._name} answers too slowly.")
        elif opening and self._store is not None:
            store = self._store
            self._take_in(lambda spool: spool.take_in(store))

    def _put(self, events: Sequence[Event]) -> None:
        (self._store or self._open()).write(events)
        self._keep_pending()

    def _open(self) -> Store:
        self._store = take_idle_store(self._key)
        if self._store is None:
            self._store = open_store(self._location, root=self._root, recording=True)
            self._notices += self._store.notices
        return self._store

    def _take_in(self, take_in: Callable[[Spool], list[str]]) -> None:
        try:
            self._notices += take_in(self._spool)
        except Exception as error:
            _logger.debug("Taking in the spooled sessions failed.", exc_info=error)

    def _recover(self, error: Exception) -> None:
        had_worked = self._store is not None
        self._drop_store()
        if had_worked and not self._reopened and not isinstance(error, StoreBusyError):
            self._reopened = True
            try:
                self._put([*self._to_repeat, *self._pending])
            except Exception as again:  # noqa: BLE001 - as above
                self._drop_store()
                error = again
            else:
                if isinstance(error, StoreLostError):  # earlier sessions are elsewhere now; anything else is mended
                    self._notices.append(error.message)
                return
        self._start_spooling(str(error).partition("\n")[0], getattr(error, "hint", None))

    def _start_spooling(self, reason: str, hint: str | None = None) -> None:
        self._drop_store()
        self._spooling = True
        self._spool_pending()
        where = f"goes to {self._spooled} and is taken in by a later session" if self._spooled else "is lost"
        said = f"The history of sessions can't be written: {reason} The record of this one {where}."
        self._notices.append(f"{said} {hint}" if hint else said)

    def _spool_pending(self) -> None:
        spool = self._spool
        if self._spooled is not None:
            self._spooled = spool.write(self._session_id, self._pending, begun=self._spooled)
        if self._spooled is None:  # at first, or its disk is full, too: begin, or begin again elsewhere
            self._spooled = spool.write(self._session_id, [*self._to_repeat, *self._pending])
        if self._spooled is not None or len(self._pending) > MOST_WAITING:  # else there may be room for it later
            self._keep_pending()

    def _keep_pending(self) -> None:
        """Keep what a new store would have to be told; nodes and metrics may be many, and are not."""
        self._to_repeat += [event for event in self._pending if not event.may_wait]
        self._pending = []

    def _leave_store(self) -> None:
        """Leave a store that works to the next session of this process."""
        if self._closed:
            pulse.let_go(self)
        if self._store is not None:
            keep_idle_store(self._key, self._store)
            self._store = None

    def _drop_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _warn(self) -> None:
        while self._notices:
            notice = visible(self._notices.pop(0))
            try:
                warnings.warn(notice, HistoryWarning, stacklevel=4)
            except HistoryWarning:  # a filter has made it an error: what is recorded never breaks what is done
                _logger.warning("%s", notice)
