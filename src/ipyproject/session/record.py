"""A session's side of its record: what is told to the store, and what is known here without asking it."""

from __future__ import annotations

import os
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, replace
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from ipyproject.history import ErrorRecord, MetricRecord, NodeRecord, RunRecord, SessionRecord, Status
from ipyproject.history.events import (
    Event,
    FactsLogged,
    MetricsLogged,
    NodesFinished,
    PackagesFound,
    ParametersResolved,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionDescribed,
    SessionOpened,
)
from ipyproject.history.facts.background import Finding
from ipyproject.history.facts.tracebacks import trimmed_traceback
from ipyproject.history.recording.masking import masked
from ipyproject.history.values import ParameterDocument
from ipyproject.session.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ipyproject.history import NullRecorder
    from ipyproject.masking import Masker
    from ipyproject.memo import Memo


PARAMETERS_SECONDS = 0.1  # how long a run waits for its parameters to be on record

FEW_PARAMETERS = 50
MOST_METRICS = 10_000  # that are known without asking the store

AnyEvent = TypeVar("AnyEvent", bound=Event)

_run_here: ContextVar[str | None] = ContextVar("_run_here", default=None)


def status_of(error: BaseException | None) -> Status:
    """Return the status that ending with this exception, or with none, means."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return Status.COMPLETED
    return Status.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Status.FAILED


class SessionBook:
    """Everything that a session takes down: what happens in it is made a value here, masked once, and written.

    What is told before :meth:`open` waits: a session that never opens, because a reload fails, leaves no record.

    Args:
        record: What is known as the session opens.
        recorder: Where the record is written.
        masker: Hides secrets in it.
        memo: What sessions before have taken down: what is the same is not made again.
    """

    def __init__(self, record: SessionRecord, recorder: NullRecorder, masker: Masker, memo: Memo | None = None) -> None:
        self._record = masked(record, masker)
        self._recorder = recorder
        self._masker = masker
        self._memo = memo
        self._taking_down: Finding[ParameterDocument] | None = None  # the parameters
        self._waiting: list[Event] | None = []
        self._unmade: Mapping[str, Any] | None = None  # resolved parameters that were told before it opened
        self._lock = RLock()
        self._pid = os.getpid()
        self._runs: dict[str, RunRecord] = {}
        self._going_on: list[str] = []
        self._facts: dict[str, Any] = {}
        self._metrics: dict[tuple[str | None, str], MetricRecord] = {}  # the last of each run and name

    @property
    def record(self) -> SessionRecord:
        """The session's record as it is now."""
        return self._record

    @property
    def is_kept(self) -> bool:
        """Whether anything of it is kept."""
        return self._recorder.keeps

    @property
    def runs(self) -> tuple[RunRecord, ...]:
        """The runs so far, oldest first."""
        return tuple(self._runs.values())

    @property
    def is_running(self) -> bool:
        """Whether a run is going on, in whatever thread."""
        return bool(self._going_on)

    @property
    def data(self) -> Mapping[str, Any]:
        """Everything known about the session, read-only at every depth; of a metric the last value in each run."""
        data: Mapping[str, Any] = frozen(
            {
                **{each.name: getattr(self._record, each.name) for each in fields(self._record)},
                "runs": self.runs,
                "facts": dict(self._facts),
                "metrics": tuple(self._metrics.values()),
            }
        )
        return data

    def open(self) -> None:
        """Open the record; from here on a killed process leaves it behind."""
        with self._lock:
            self._recorder.record(SessionOpened(self._record))
            waiting, self._waiting = self._waiting or [], None
        for event in waiting:
            self._recorder.record(event)
        if self._unmade is not None:
            self._take_down(self._unmade)

    def describe(self, **details: Any) -> None:
        """Take down fields of the record that were found after it was opened."""
        event = masked(SessionDescribed(self._record.session_id, details), self._masker)
        with self._lock:
            self._record = replace(self._record, **event.details)
            if self._waiting is not None:
                return  # the record opens with them
        self._recorder.record(event)

    def parameters(self, resolved: Mapping[str, Any]) -> None:
        """Take down the resolved parameters; nobody may ever change the values in them.

        There may be thousands, each of which the store can find: that takes longer than all else in opening a session,
        so more than a few are taken down beside the main path.
        """
        if self.is_kept:
            with self._lock:
                if self._waiting is not None:
                    self._unmade = resolved
                    return
            self._take_down(resolved)

    def _take_down(self, resolved: Mapping[str, Any]) -> None:
        def document(_: object) -> ParameterDocument:
            return ParameterDocument.of(self._masker.data(resolved), self._memo)

        def tell(made: ParameterDocument) -> None:
            self._recorder.record(ParametersResolved(self._record.session_id, made))

        if _is_few(resolved):
            tell(document(None))
        else:
            self._taking_down = Finding(document, tell)

    def packages(self, installed: Mapping[str, str]) -> None:
        """Take down the installed distributions."""
        self._tell(PackagesFound(self._record.session_id, installed))

    def log(self, facts: Mapping[str, Any]) -> None:
        """Take down facts of plugins and users."""
        event = self._tell(FactsLogged(self._record.session_id, facts))
        self._facts.update(event.facts)

    def log_metric(self, name: str, value: float) -> None:
        """Take down a value of a metric, for the run going on if there is one."""
        run = _run_here.get() or self._only_run()
        event = self._tell(MetricsLogged(self._record.session_id, (MetricRecord(name, value, datetime.now(UTC), run),)))
        [metric] = event.metrics
        self._metrics[run, metric.name] = metric
        if len(self._metrics) > MOST_METRICS:
            del self._metrics[next(iter(self._metrics))]

    @contextmanager
    def in_run(self, run_id: str) -> Iterator[None]:
        """Let metrics that are logged in the block, in its thread, belong to a run."""
        token = _run_here.set(run_id)
        try:
            yield
        finally:
            _run_here.reset(token)

    def _only_run(self) -> str | None:
        """The run going on, for a thread that a node started; None where there are several."""
        return self._going_on[0] if len(self._going_on) == 1 else None

    def run_started(self, record: RunRecord) -> None:
        """Take down that a run begins; what it ran with is on record before it, unless that takes long."""
        if self._taking_down is not None:
            self._taking_down.wait(PARAMETERS_SECONDS)
        event = masked(RunStarted(record), self._masker)
        with self._lock:
            self._runs[record.run_id] = event.record
            self._going_on.append(record.run_id)
        self._pass_on(event)

    def node_ended(self, run_id: str, record: NodeRecord) -> None:
        """Take down how a node ended: names, numbers and sizes, which hold no secret."""
        self._pass_on(NodesFinished(run_id, (record,)))

    def run_ended(self, run_id: str, error: BaseException | None) -> RunRecord:
        """Take down how a run ended, and return its record."""
        self._recorder.take_in_workers()
        event = RunFinished(run_id, status_of(error), datetime.now(UTC), self._failure(error))
        with self._lock:
            record = replace(self._runs[run_id], status=event.status, end=event.end, exception=event.exception)
            self._runs[run_id] = record
            self._going_on[:] = [other for other in self._going_on if other != run_id]
        self._pass_on(event)
        return record

    def close(self, error: BaseException | None) -> None:
        """Take down how the session ended; one that was never opened leaves no record."""
        if self._waiting is not None:
            return
        if self._taking_down is not None:
            self._taking_down.finish()
        self._recorder.take_in_workers()
        event = SessionClosed(self._record.session_id, status_of(error), datetime.now(UTC), self._failure(error))
        self._record = replace(self._record, status=event.status, end=event.end, exception=event.exception)
        self._recorder.record(event)

    def _failure(self, error: BaseException | None) -> ErrorRecord | None:
        if error is None:
            return None
        return ErrorRecord.of(error, trimmed_traceback(error, mask=self._masker.text), mask=self._masker.text)

    def _tell(self, event: AnyEvent) -> AnyEvent:
        """Pass an event on with its secrets hidden, and return it."""
        event = masked(event, self._masker)
        self._pass_on(event)
        return event

    def _pass_on(self, event: Event) -> None:
        # In a process that was forked nobody may be left to let go of the lock.
        if self._waiting is not None and os.getpid() == self._pid:
            with self._lock:
                if self._waiting is not None:
                    self._waiting.append(event)
                    return
        self._recorder.record(event)


def _is_few(parameters: Mapping[str, Any]) -> bool:
    """Whether there are at most so many parameters that they are taken down before anyone notices."""
    left, count = [parameters], 0
    while left:
        for value in left.pop().values():
            count += 1
            if count > FEW_PARAMETERS:
                return False
            if isinstance(value, dict):
                left.append(value)
    return True
