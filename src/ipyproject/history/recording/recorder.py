"""Write down what a session does, in a way that can never break it or hold it up."""

from __future__ import annotations

import logging
import os
import warnings
from abc import ABC, abstractmethod
from collections import defaultdict
from pathlib import Path
from threading import RLock, Timer
from time import monotonic
from typing import TYPE_CHECKING, Any

from ipyproject.errors import HistoryError
from ipyproject.history.events import Event
from ipyproject.history.stores.idle import keep_idle_store, take_idle_store
from ipyproject.history.stores.locations import without_password
from ipyproject.history.stores.opening import open_store, spool_of
from ipyproject.history.stores.store import HistoryWarning, StoreBusyError, StoreLostError
from ipyproject.history.values import ParameterDocument

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from ipyproject.history.records import ErrorRecord, MetricRecord, NodeRecord, RunRecord, SessionRecord, Status
    from ipyproject.history.stores.sql import SqlStore
    from ipyproject.history.stores.store import Store

_logger = logging.getLogger(__name__)

FLUSH_SECONDS = 0.1  # how long a finished node may wait for others to be written with
FLUSH_NODES = 2000
PATIENCE_SECONDS = 0.5  # what waiting for the store may cost a run in all; one call waits as long again at most
CALL_SECONDS = 0.02  # what a call may take, and each node or parameter in it, without counting as waiting
ROW_SECONDS = 0.0001


class BaseRecorder(ABC):
    """The steps of a session that are recorded; none of them raises because of the record.

    Attributes:
        keeps: Whether anything of what it is told is kept.
    """

    keeps = True

    @abstractmethod
    def record(self, kind: str, *arguments: Any) -> None:
        """Record a call of a store's writing method `kind`."""

    def close(self) -> None:
        """Write what is left and let go of the store; closing the session does it, too. Idempotent."""
        return

    def session_opened(self, record: SessionRecord) -> None:
        """Begin: from here on a killed process leaves a record."""
        self.record("session_opened", record)

    def session_described(self, session_id: str, details: Mapping[str, Any]) -> None:
        """Replace fields of the session's record that were found later, such as ``git``."""
        self.record("session_described", session_id, details)

    def session_parameters(self, session_id: str, parameters: Mapping[str, Any] | ParameterDocument) -> None:
        """Record the resolved parameters (nested)."""
        self.record("session_parameters", session_id, parameters)

    def session_packages(self, session_id: str, packages: Mapping[str, str]) -> None:
        """Record the installed distributions (name -> version)."""
        self.record("session_packages", session_id, packages)

    def facts_logged(self, session_id: str, facts: Mapping[str, Any]) -> None:
        """Record facts of plugins and users."""
        self.record("facts_logged", session_id, facts)

    def metrics_logged(self, session_id: str, metrics: Sequence[MetricRecord]) -> None:
        """Record values of metrics."""
        self.record("metrics_logged", session_id, list(metrics))

    def run_started(self, record: RunRecord) -> None:
        """Record that a run begins."""
        self.record("run_started", record)

    def node_finished(self, run_id: str, record: NodeRecord) -> None:
        """Record how a node ended; it may be written together with others, a fraction of a second later."""
        self.record("nodes_finished", run_id, [record])

    def run_finished(self, run_id: str, status: Status, end: datetime, exception: ErrorRecord | None = None) -> None:
        """Record how a run ended."""
        self.record("run_finished", run_id, status, end, exception)

    def session_closed(
        self, session_id: str, status: Status, end: datetime, exception: ErrorRecord | None = None
    ) -> None:
        """Record how the session ended, and let go of the store."""
        self.record("session_closed", session_id, status, end, exception)


class NullRecorder(BaseRecorder):
    """Records nothing: no file, no folder (``save_on_close=False``)."""

    keeps = False

    def record(self, kind: str, *arguments: Any) -> None:
        """Do nothing."""


class Recorder(BaseRecorder):
    """Records one session in a store.

    When the store fails it is opened anew, once, and what it must know is written again. When that fails too, or when
    waiting for it has cost too much, one `HistoryWarning` says so and the rest of the session goes to a file beside the
    store, which the next session that can write takes in. Who turns warnings into errors gets this one as an error.

    Args:
        location: See `open_store`; it is opened by the first step.
        root: What a relative location starts from.
    """

    def __init__(self, location: str | Path, *, root: Path | None = None) -> None:
        self._location = location
        self._root = root
        self._name = without_password(location)
        self._key = f"{Path.cwd() if root is None else root}\n{location}"
        self._lock = RLock()
        self._pid = os.getpid()
        self._store: SqlStore | None = None
        self._session_id = ""
        self._closed = False
        self._to_repeat: list[Event] = []  # what a new store would have to be told first
        self._pending: list[Event] = []  # not known to have been written
        self._nodes: defaultdict[str, list[NodeRecord]] = defaultdict(list)  # by their runs
        self._timer: Timer | None = None
        self._due = 0.0
        self._reopened = False
        self._waited = 0.0
        self._spooling = False
        self._spooled: Path | None = None
        self._notices: list[str] = []

    @property
    def spooled(self) -> Path | None:
        """The file that the events went to because the store failed; None while it works."""
        return self._spooled

    def record(self, kind: str, *arguments: Any) -> None:
        """Record a call of a store's writing method `kind`, and all finished nodes before it."""
        if os.getpid() != self._pid:  # a fork of the process that the session belongs to
            return
        begun = monotonic()
        with self._lock:
            blocked = monotonic() - begun  # by a thread that was writing what it had found out
            if kind == "session_opened":
                self._session_id = arguments[0].session_id
            elif kind == "run_started" and not self._spooling:
                self._waited = max(0.0, blocked - CALL_SECONDS)
            self._collect_nodes()
            self._pending.append(Event(kind, arguments))
            self._write()
            self._closed |= kind == "session_closed"
            if self._closed:  # a fact that arrives late opens the store once more
                self._leave_store()
        self._warn()

    def node_finished(self, run_id: str, record: NodeRecord) -> None:
        """Record how a node ended; it is written at the latest `FLUSH_SECONDS` from now."""
        with self._lock:
            nodes = self._nodes[run_id]
            nodes.append(record)
            is_due = len(nodes) >= FLUSH_NODES or monotonic() > self._due
            if is_due or self._timer is None:
                self._flush_or_wait(is_due=is_due)
        if self._notices:
            self._warn()

    def _flush_or_wait(self, *, is_due: bool) -> None:
        if os.getpid() != self._pid:
            return
        if is_due:
            self._flush()
        else:
            # The next node may take hours: a thread that lives for a moment writes what has finished before it.
            self._timer = Timer(FLUSH_SECONDS, self._flush)
            self._timer.daemon = True
            self._timer.start()

    def close(self) -> None:
        """Write what is left and let go of the store."""
        if os.getpid() != self._pid:
            return
        with self._lock:
            self._flush()
            self._leave_store()
        self._warn()

    def _flush(self) -> None:
        with self._lock:
            self._collect_nodes()
            if self._pending:
                self._write()

    def _collect_nodes(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._pending += [Event("nodes_finished", each) for each in self._nodes.items()]
        self._nodes = defaultdict(list)
        self._due = monotonic() + FLUSH_SECONDS

    def _write(self) -> None:
        """Bring what is pending to the store, else to the spool."""
        if self._spooling:
            self._spool(self._pending)
            return
        expected = CALL_SECONDS + ROW_SECONDS * sum(map(_row_count, self._pending))
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
            self._take_in(self._store)

    def _put(self, events: Sequence[Event]) -> None:
        store = self._store or self._open()
        with store.batch():
            for event in events:
                event.write_to(store)
        self._keep_pending()

    def _open(self) -> SqlStore:
        self._store = take_idle_store(self._key)
        if self._store is None:
            self._store = open_store(self._location, root=self._root, recording=True)
            self._notices += self._store.notices
        return self._store

    def _take_in(self, store: Store) -> None:
        try:
            spool_of(self._location, root=self._root).take_in(store)
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
        self._start_spooling(str(error).partition("\n")[0])

    def _start_spooling(self, reason: str) -> None:
        self._drop_store()
        self._spooling = True
        self._spool([*self._to_repeat, *self._pending])
        where = f"goes to {self._spooled} and is taken in by a later session" if self._spooled else "is lost"
        self._notices.append(f"The history of sessions can't be written: {reason} The record of this one {where}.")

    def _spool(self, events: Sequence[Event]) -> None:
        try:
            spool = spool_of(self._location, root=self._root)
            begun, self._spooled = self._spooled, spool.write(self._session_id, events, begun=self._spooled)
            if begun and self._spooled is None:  # its disk is full, too: begin again elsewhere
                self._spooled = spool.write(self._session_id, [*self._to_repeat, *self._pending])
        except HistoryError:  # the store's name is wrong, so there is no place beside it
            self._spooled = None
        self._keep_pending()

    def _keep_pending(self) -> None:
        self._to_repeat += [event for event in self._pending if event.kind != "nodes_finished"]
        self._pending = []

    def _leave_store(self) -> None:
        """Leave a store that works to the next session of this process."""
        if self._store is not None:
            keep_idle_store(self._key, self._store)
            self._store = None

    def _drop_store(self) -> None:
        if self._store is not None:
            self._store.close()
            self._store = None

    def _warn(self) -> None:
        while self._notices:
            warnings.warn(self._notices.pop(0), HistoryWarning, stacklevel=4)


def _row_count(event: Event) -> int:
    if event.kind == "nodes_finished":
        return len(event.arguments[1])
    made = event.arguments[-1]
    return len(made.rows) if isinstance(made, ParameterDocument) else 0
