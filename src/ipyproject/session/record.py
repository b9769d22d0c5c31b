"""A session's side of its record: what is told to the store, and what is known here without asking it."""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import fields, replace
from datetime import UTC, datetime
from threading import RLock
from typing import TYPE_CHECKING, Any

from ipyproject.history import ErrorRecord, MetricRecord, NodeRecord, RunRecord, SessionRecord, Status
from ipyproject.history.facts.background import Finding
from ipyproject.history.facts.tracebacks import trimmed_traceback
from ipyproject.history.recording.masking import MaskingRecorder, masked_error, masked_record
from ipyproject.history.values import ParameterDocument
from ipyproject.session.frozen import frozen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ipyproject.history import BaseRecorder
    from ipyproject.masking import Masker
    from ipyproject.memo import Memo


PARAMETERS_SECONDS = 0.1  # how long a run waits for its parameters to be on record

FEW_PARAMETERS = 50

_run_here: ContextVar[str | None] = ContextVar("_run_here", default=None)


def status_of(error: BaseException | None) -> Status:
    """Return the status that ending with this exception, or with none, means."""
    if error is None or (isinstance(error, SystemExit) and not error.code):
        return Status.COMPLETED
    return Status.INTERRUPTED if isinstance(error, KeyboardInterrupt) else Status.FAILED


class SessionBook:
    """Everything that a session takes down.

    What is told before :meth:`open` waits: a session that never opens, because a reload fails, leaves no record.

    Args:
        record: What is known as the session opens.
        recorder: Where the record is written.
        masker: Hides secrets in it.
        memo: What sessions before have taken down: what is the same is not made again.
    """

    def __init__(self, record: SessionRecord, recorder: BaseRecorder, masker: Masker, memo: Memo | None = None) -> None:
        self._record = masked_record(record, masker)
        self._recorder = MaskingRecorder(recorder, masker)
        self._masker = masker
        self._keeps = recorder.keeps
        self._memo = memo
        self._taking_down: Finding[ParameterDocument] | None = None  # the parameters
        self._waiting: list[Callable[[], None]] | None = []
        self._lock = RLock()
        self._runs: dict[str, RunRecord] = {}
        self._going_on: list[str] = []
        self._facts: dict[str, Any] = {}
        self._metrics: list[MetricRecord] = []

    @property
    def record(self) -> SessionRecord:
        """The session's record as it is now."""
        return self._record

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
        """Everything known about the session, read-only at every depth."""
        data: Mapping[str, Any] = frozen(
            {
                **{each.name: getattr(self._record, each.name) for each in fields(self._record)},
                "runs": self.runs,
                "facts": dict(self._facts),
                "metrics": tuple(self._metrics),
            }
        )
        return data

    def open(self) -> None:
        """Open the record; from here on a killed process leaves it behind."""
        with self._lock:
            self._recorder.session_opened(self._record)
            waiting, self._waiting = self._waiting or [], None
        for tell in waiting:
            tell()

    def describe(self, **details: Any) -> None:
        """Take down fields of the record that were found after it was opened."""
        with self._lock:
            self._record = masked_record(replace(self._record, **details), self._masker)
            if self._waiting is not None:
                return  # the record opens with them
        self._tell(lambda: self._recorder.session_described(self._record.session_id, details))

    def parameters(self, resolved: Mapping[str, Any]) -> None:
        """Take down the resolved parameters; nobody may ever change the values in them.

        There may be thousands, each of which the store can find: that takes longer than all else in opening a session,
        so more than a few are taken down beside the main path.
        """
        if self._keeps:
            self._tell(lambda: self._take_down(resolved))

    def _take_down(self, resolved: Mapping[str, Any]) -> None:
        def document(_: object) -> ParameterDocument:
            return ParameterDocument.of(self._masker.data(resolved), self._memo)

        session_id = self._record.session_id
        if _is_few(resolved):
            self._recorder.session_parameters(session_id, document(None))
            return
        self._taking_down = Finding(document, lambda made: self._recorder.session_parameters(session_id, made))

    def packages(self, installed: Mapping[str, str]) -> None:
        """Take down the installed distributions."""
        self._tell(lambda: self._recorder.session_packages(self._record.session_id, installed))

    def log(self, facts: Mapping[str, Any]) -> None:
        """Take down facts of plugins and users."""
        self._facts.update(self._masker.data(facts))
        self._tell(lambda: self._recorder.facts_logged(self._record.session_id, facts))

    def log_metric(self, name: str, value: float) -> None:
        """Take down a value of a metric, for the run going on if there is one."""
        metric = MetricRecord(name, value, datetime.now(UTC), _run_here.get() or self._only_run())
        self._metrics.append(metric)
        self._tell(lambda: self._recorder.metrics_logged(self._record.session_id, [metric]))

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
        with self._lock:
            self._runs[record.run_id] = masked_record(record, self._masker)
            self._going_on.append(record.run_id)
        self._tell(lambda: self._recorder.run_started(record))

    def node_ended(self, run_id: str, record: NodeRecord) -> None:
        """Take down how a node ended."""
        if self._waiting is None:  # nearly always; a run has many nodes
            self._recorder.node_finished(run_id, record)
        else:
            self._tell(lambda: self._recorder.node_finished(run_id, record))

    def run_ended(self, run_id: str, error: BaseException | None) -> RunRecord:
        """Take down how a run ended, and return its record."""
        end = datetime.now(UTC)
        failure = self._failure(error)
        with self._lock:
            record = replace(self._runs[run_id], status=status_of(error), end=end, exception=failure)
            self._runs[run_id] = record
            self._going_on[:] = [other for other in self._going_on if other != run_id]
        self._tell(lambda: self._recorder.run_finished(run_id, record.status, end, failure))
        return record

    def close(self, error: BaseException | None) -> None:
        """Take down how the session ended; one that was never opened leaves no record."""
        if self._waiting is not None:
            return
        if self._taking_down is not None:
            self._taking_down.finish()
        end, status = datetime.now(UTC), status_of(error)
        failure = self._failure(error)
        self._record = replace(self._record, status=status, end=end, exception=failure)
        self._recorder.session_closed(self._record.session_id, status, end, failure)

    def _failure(self, error: BaseException | None) -> ErrorRecord | None:
        if error is None:
            return None
        return masked_error(ErrorRecord.of(error, trimmed_traceback(error, mask=self._masker.text)), self._masker)

    def _tell(self, tell: Callable[[], None]) -> None:
        with self._lock:
            if self._waiting is not None:
                self._waiting.append(tell)
                return
        tell()


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
