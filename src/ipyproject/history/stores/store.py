"""What every store of sessions does, and how one fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from ipyproject.errors import HistoryError
from ipyproject.history.records import Status

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ipyproject.history.records import ErrorRecord, MetricRecord, NodeRecord, RunRecord, SessionRecord
    from ipyproject.history.values import ParameterDocument


class HistoryWarning(UserWarning):
    """Something of a session could not be recorded where it belongs; the session itself goes on."""


class StoreBusyError(HistoryError):
    """Other processes kept the store locked for longer than we wait."""


class StoreLostError(HistoryError):
    """The store that was opened is no longer there: deleted, moved, replaced or found to be corrupt."""


class UnknownRecordError(HistoryError):
    """The store has no session or run of that id."""


Operator = Literal["<", "<=", ">", ">=", "!="]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition on one parameter: ``Comparison("model.test_share", ">", 0.2)``.

    A number is compared with numbers only, a text with texts; a session without the parameter does not fit.

    Attributes:
        key: The parameter's dotted path.
        operator: How it is compared.
        value: What with.
    """

    key: str
    operator: Operator
    value: Any

    def __post_init__(self) -> None:
        if self.operator not in get_args(Operator):
            raise HistoryError(f"There is no comparison {self.operator!r}.", f"Known: {', '.join(get_args(Operator))}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions are wanted; what is left out does not matter.

    Attributes:
        project: Of this project.
        env: Opened with this environment.
        status: As shown: INTERRUPTED includes sessions whose process is gone.
        since: Opened at this time or later (aware).
        until: Opened before this time (aware).
        params: With these values among their parameters: nested, or keyed by dotted paths.
        compare: With parameters that compare so.
        pipeline: With a run of this pipeline.
    """

    project: str | None = None
    env: str | None = None
    status: Status | None = None
    since: datetime | None = None
    until: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    compare: Sequence[Comparison] = ()
    pipeline: str | None = None


class Store(ABC):
    """Where sessions are kept. Safe with threads, and with many processes writing at once.

    Every writing method is one transaction and may be repeated with the same arguments without changing anything
    more: that is how what was set aside while a store failed can be taken in once and only once.

    Every method raises `HistoryError` when the store can't be used.

    Attributes:
        location: Where it is, for messages; never with a password.
        project: Where several projects share the store, the one whose sessions are listed, and meant by ``latest`` and
            by the beginning of an id; None for all. A whole id is found wherever it is from.
        notices: What the user should be told about how it was opened.
    """

    location: str
    project: str | None = None
    notices: Sequence[str] = ()

    @abstractmethod
    def batch(self) -> AbstractContextManager[object]:
        """Make all writing within the ``with`` block one transaction."""

    @abstractmethod
    def session_opened(self, record: SessionRecord) -> None:
        """Keep a new session; one that is known already stays as it is."""

    @abstractmethod
    def session_described(self, session_id: str, details: Mapping[str, Any]) -> None:
        """Replace fields of a session's record that were found later, such as ``git``."""

    @abstractmethod
    def session_parameters(self, session_id: str, parameters: Mapping[str, Any] | ParameterDocument) -> None:
        """Keep the resolved parameters (nested), once per distinct content, and let sessions be found by them."""

    @abstractmethod
    def session_packages(self, session_id: str, packages: Mapping[str, str]) -> None:
        """Keep the installed distributions (name -> version), once per distinct set."""

    @abstractmethod
    def facts_logged(self, session_id: str, facts: Mapping[str, Any]) -> None:
        """Keep facts of plugins and users under their names; a later value replaces an earlier one."""

    @abstractmethod
    def metrics_logged(self, session_id: str, metrics: Sequence[MetricRecord]) -> None:
        """Keep values of metrics; one name may have many, at different times."""

    @abstractmethod
    def session_closed(
        self, session_id: str, status: Status, end: datetime, exception: ErrorRecord | None = None
    ) -> None:
        """Keep how and when a session ended."""

    @abstractmethod
    def run_started(self, record: RunRecord) -> None:
        """Keep a new run; one that is known already stays as it is."""

    @abstractmethod
    def nodes_finished(self, run_id: str, nodes: Sequence[NodeRecord]) -> None:
        """Keep nodes of a run that have finished."""

    @abstractmethod
    def run_finished(self, run_id: str, status: Status, end: datetime, exception: ErrorRecord | None = None) -> None:
        """Keep how and when a run ended."""

    @abstractmethod
    def sessions(self, limit: int | None = 20, where: SessionFilter | None = None) -> list[SessionRecord]:
        """Return the newest `limit` sessions (all with None), newest first."""

    @abstractmethod
    def session(self, name: str) -> SessionRecord:
        """Return the session called `name`: an id, a unique beginning of one, ``latest`` or ``latest~2``.

        Raises:
            UnknownRecordError: There is none; the hint lists the closest.
            HistoryError: Several ids begin so; the hint lists them.
        """

    @abstractmethod
    def runs(self, session_id: str) -> list[RunRecord]:
        """Return the runs of a session in the order in which they started."""

    @abstractmethod
    def nodes(self, run_id: str) -> list[NodeRecord]:
        """Return the finished nodes of a run in the order in which they started."""

    @abstractmethod
    def parameters(self, session_id: str) -> dict[str, Any] | None:
        """Return the resolved parameters of a session; None when they never became known."""

    @abstractmethod
    def packages(self, session_id: str) -> dict[str, str] | None:
        """Return the distributions that were installed; None when they never became known."""

    @abstractmethod
    def facts(self, session_id: str) -> dict[str, Any]:
        """Return the facts that were logged."""

    @abstractmethod
    def metrics(self, session_id: str) -> list[MetricRecord]:
        """Return the metrics that were logged, in the order of their times."""

    @abstractmethod
    def delete(self, session_ids: Sequence[str]) -> int:
        """Delete sessions by their full ids, with all that belongs to them; return how many there were."""

    def prunable(self, *, keep_last: int | None = None, older_than: datetime | None = None) -> list[str]:
        """Return the ids of old sessions, newest first; open ones are never among them.

        Args:
            keep_last: None of the newest `keep_last`.
            older_than: Only those that opened before this time (aware). With both, those that neither keeps.
        """
        newest = 0 if keep_last is None else keep_last
        kept = {each.session_id for each in self.sessions(newest)}
        old = self.sessions(None, SessionFilter(until=older_than))
        return [each.session_id for each in old if each.status is not Status.OPEN and each.session_id not in kept]

    @abstractmethod
    def close(self) -> None:
        """Let go of the store; idempotent."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
