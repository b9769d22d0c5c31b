"""A session's side of its record: what is told to the store, and what is known here without asking it."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ipyproject.errors import SessionError
from ipyproject.forks import fork_safe_lock
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
    from_line,
)
from ipyproject.history.facts.background import Finding
from ipyproject.history.facts.tracebacks import trimmed_traceback
from ipyproject.history.recording.masking import masked
from ipyproject.history.recording.recorder import NullRecorder, WorkerRecorder
from ipyproject.history.recording.spool import Spool
from ipyproject.history.values import ParameterDocument
from ipyproject.masking import Masker
from ipyproject.session.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping

    from ipyproject.memo import Memo


_logger = logging.getLogger(__name__)

PARAMETERS_SECONDS = 0.1  # how long a run waits for its parameters to be on record
CLOSING_SECONDS = 0.9  # how long the end of the session does

FEW_PARAMETERS = 50
MOST_METRICS = 10_000  # that are known without asking the store

AnyEvent = TypeVar("AnyEvent", bound=Event)

_run_of_context: ContextVar[str | None] = ContextVar("_run_of_context", default=None)


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
        self._lock = fork_safe_lock()
        self._runs: dict[str, RunRecord] = {}
        self._going_on: list[str] = []
        self._facts: dict[str, Any] = {}
        self._metrics: dict[tuple[str | None, str], MetricRecord] = {}  # the last of each run and name

    @classmethod
    def of_worker(
        cls,
        session: str,
        run_going_on: str | None,
        folders: Collection[str],
        secrets: Iterable[str],
        names: Iterable[str],
    ) -> Self:
        """Return where a process that a run has started takes down what it tells.

        Args:
            session: The session's record, as the line of an event.
            run_going_on: That of the run, if it is known.
            folders: Where the process may write what it tells; none where nothing is kept.
            secrets: What must not be written.
            names: Under which no text must be written.
        """
        record: SessionRecord = _record(session)
        spool = Spool([Path(folder) for folder in folders])
        recorder = WorkerRecorder(record.session_id, spool) if folders else NullRecorder()
        book = cls(record, recorder, Masker(secrets, names))
        book._waiting = None
        if run_going_on is not None:
            run: RunRecord = _record(run_going_on)
            book._runs[run.run_id] = run
            book._going_on.append(run.run_id)
        return book

    def for_worker(self) -> tuple[str, str | None, tuple[str, ...], frozenset[str], frozenset[str]]:
        """Return what `of_worker` takes, in plain values: they can be pickled, whatever the session was opened with."""
        run = self._runs.get(self._run_here() or "")
        return (
            SessionOpened(self._record).as_line(),
            RunStarted(run).as_line() if run is not None else None,
            tuple(map(str, self._recorder.worker_folders)),
            self._masker.known,
            self._masker.names,
        )

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
        self._remember(self._tell(FactsLogged(self._record.session_id, facts)))

    def log_metric(self, name: str, value: float) -> None:
        """Take down a value of a metric, for the run going on if there is one.

        Raises:
            SessionError: The value is no number, or the name no text.
        """
        if not isinstance(name, str):
            raise SessionError(f"The name of a metric is no text: {name!r}.", "Call log_metric(name, value).")
        try:
            number = float(value)
        except (TypeError, ValueError):
            raise SessionError(f"The metric {name!r} is no number: {value!r}.", "Log it as a fact: log(...).") from None
        metric = MetricRecord(name, number, datetime.now(UTC), self._run_here())
        self._remember(self._tell(MetricsLogged(self._record.session_id, (metric,))))

    def _remember(self, event: Event) -> None:
        """Remember facts and the last values of metrics, for those who ask what is known."""
        if isinstance(event, FactsLogged):
            self._facts.update(event.facts)
        elif isinstance(event, MetricsLogged):
            for metric in event.metrics:
                self._metrics[metric.run_id, metric.name] = metric
            while len(self._metrics) > MOST_METRICS:
                del self._metrics[next(iter(self._metrics))]

    def _take_in_workers(self) -> None:
        for event in self._recorder.take_in_workers():
            self._remember(event)

    @contextmanager
    def in_run(self, run_id: str) -> Iterator[None]:
        """Let metrics that are logged in the block, in its thread, belong to a run."""
        token = _run_of_context.set(run_id)
        try:
            yield
        finally:
            _run_of_context.reset(token)

    def _run_here(self) -> str | None:
        """The run going on in this thread, else, for a thread that a node started, the only one, or None."""
        return _run_of_context.get() or (self._going_on[0] if len(self._going_on) == 1 else None)

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
        self._take_in_workers()
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
        if self._taking_down is not None and self._taking_down.finish(CLOSING_SECONDS) is None:
            _logger.warning(
                "The parameters of session %s are not on record: that takes too long.", self._record.session_id
            )
        self._take_in_workers()
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
        if self._waiting is not None:
            with self._lock:
                if self._waiting is not None:
                    self._waiting.append(event)
                    return
        self._recorder.record(event)


def _record(line: str) -> Any:
    """Return the record in the line of an event that something has begun."""
    event = from_line(line)
    return event.record if isinstance(event, (SessionOpened, RunStarted)) else None


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
