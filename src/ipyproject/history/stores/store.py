"""What every store of sessions does, and how one fails."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

from ipyproject.errors import HistoryError
from ipyproject.history.records import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

    from ipyproject.history.events import Event
    from ipyproject.history.records import MetricRecord, NodeRecord, RunRecord, SessionRecord


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

    An event may be written again without changing anything more: that is how what was set aside while a store failed
    can be taken in once and only once.

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
    def write(self, events: Iterable[Event], *, of_known_only: bool = False) -> None:
        """Keep what happened, in one transaction.

        Args:
            events: What happened, in this order.
            of_known_only: Leave out what happened to sessions and runs that the store does not have.

        Raises:
            UnknownRecordError: The store does not have the session or run of an event.
        """

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
