"""What happens to a session, as values: made once, written to a store, or to a file and from there to a store."""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field, fields
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from ipyproject.history.records import (
    ERROR,
    PLAIN,
    STATUS,
    TIME,
    MetricRecord,
    NodeRecord,
    RunRecord,
    SessionRecord,
    as_document,
    from_document,
)
from ipyproject.history.values import ParameterDocument

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from ipyproject.history.records import ErrorRecord, Status

FORMAT = 1  # of an event's line; one that a later version of ours can't be read by this one gets a higher number


class NewerEventError(ValueError):
    """A later version of ours wrote the event."""


def _all_of(kind: type[Any], documents: Iterable[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(from_document(kind, document) for document in documents)


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a session.

    Attributes:
        may_wait: It may be written with others, a fraction of a second later; of two that are, `joined` makes one.
        is_told_by_workers: A process that a run has started may tell it, too.
    """

    may_wait: ClassVar[bool] = False
    is_told_by_workers: ClassVar[bool] = False

    def as_line(self) -> str:
        """Return the event as one line of JSON, without the line's end."""
        return json.dumps({"format": FORMAT, "event": type(self).__name__} | as_document(self))

    @property
    def size(self) -> int:
        """How many rows of a store it fills, roughly."""
        return 1


@dataclass(frozen=True, slots=True)
class SessionOpened(Event):
    """A session begins; from here on a killed process leaves a record."""

    record: SessionRecord = field(metadata={"read": partial(from_document, SessionRecord)})


@dataclass(frozen=True, slots=True)
class SessionDescribed(Event):
    """Fields of a session's record were found later, such as ``git``."""

    session_id: str = field(metadata=PLAIN)
    details: Mapping[str, Any] = field(metadata={"of": SessionRecord})


@dataclass(frozen=True, slots=True)
class SessionSeen(Event):
    """The process of a session says that it is still there."""

    session_id: str = field(metadata=PLAIN)
    time: datetime = field(metadata=TIME)


@dataclass(frozen=True, slots=True)
class ParametersResolved(Event):
    """The resolved parameters of a session are known; they were masked when the document was made."""

    session_id: str = field(metadata=PLAIN)
    parameters: ParameterDocument = field(metadata=PLAIN | {"read": ParameterDocument.of})

    @property
    def size(self) -> int:
        """How many rows of a store it fills, roughly."""
        return len(self.parameters.rows)


@dataclass(frozen=True, slots=True)
class PackagesFound(Event):
    """The installed distributions are known: name -> version."""

    session_id: str = field(metadata=PLAIN)
    packages: Mapping[str, str] = field(metadata=PLAIN)


@dataclass(frozen=True, slots=True)
class FactsLogged(Event):
    """Plugins or users have told facts; a later value of one name replaces an earlier one."""

    is_told_by_workers: ClassVar[bool] = True

    session_id: str = field(metadata=PLAIN)
    facts: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class MetricsLogged(Event):
    """Values of metrics were logged; one name may have many, at different times."""

    may_wait: ClassVar[bool] = True
    is_told_by_workers: ClassVar[bool] = True

    session_id: str = field(metadata=PLAIN)
    metrics: tuple[MetricRecord, ...] = field(metadata={"read": partial(_all_of, MetricRecord)})

    @property
    def size(self) -> int:
        """How many rows of a store it fills, roughly."""
        return len(self.metrics)


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """A run begins."""

    record: RunRecord = field(metadata={"read": partial(from_document, RunRecord)})


@dataclass(frozen=True, slots=True)
class NodesFinished(Event):
    """Nodes of a run have finished, well or not."""

    may_wait: ClassVar[bool] = True
    is_told_by_workers: ClassVar[bool] = True

    run_id: str = field(metadata=PLAIN)
    nodes: tuple[NodeRecord, ...] = field(metadata=PLAIN | {"read": partial(_all_of, NodeRecord)})

    @property
    def size(self) -> int:
        """How many rows of a store it fills, roughly."""
        return len(self.nodes)


@dataclass(frozen=True, slots=True)
class RunFinished(Event):
    """A run has ended."""

    run_id: str = field(metadata=PLAIN)
    status: Status = field(metadata=STATUS)
    end: datetime = field(metadata=TIME)
    exception: ErrorRecord | None = field(default=None, metadata=ERROR)


@dataclass(frozen=True, slots=True)
class SessionClosed(Event):
    """A session has ended."""

    session_id: str = field(metadata=PLAIN)
    status: Status = field(metadata=STATUS)
    end: datetime = field(metadata=TIME)
    exception: ErrorRecord | None = field(default=None, metadata=ERROR)


_KINDS = {kind.__name__: kind for kind in Event.__subclasses__()}


# What earlier versions kept as lists: such a name, and the values of the fields.
_EARLIER = {
    "session_opened": SessionOpened,
    "session_described": SessionDescribed,
    "session_parameters": ParametersResolved,
    "session_packages": PackagesFound,
    "facts_logged": FactsLogged,
    "metrics_logged": MetricsLogged,
    "run_started": RunStarted,
    "nodes_finished": NodesFinished,
    "run_finished": RunFinished,
    "session_closed": SessionClosed,
}


def _of_earlier_version(name: str, *values: Any) -> Event:
    kind = _EARLIER[name]
    event: Event = from_document(kind, dict(zip([each.name for each in fields(kind)], values, strict=True)))
    return event


def from_line(line: str) -> Event:
    """Return the event of a line.

    Raises:
        NewerEventError: A later version of ours wrote it.
        ValueError: The line is cut off, or not one of ours.
    """
    try:
        document = json.loads(line)
        if isinstance(document, list):
            return _of_earlier_version(*document)
        if document["format"] > FORMAT:
            raise NewerEventError(f"an event of format {document['format']}")
        event: Event = from_document(_KINDS[document["event"]], document)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not an event: {line[:80]!r}") from error
    return event


def joined(events: Iterable[Event]) -> list[Event]:
    """Return events that could wait with one for each run or session instead of many, in the order of the first."""
    nodes: defaultdict[str, list[NodeRecord]] = defaultdict(list)
    metrics: defaultdict[str, list[MetricRecord]] = defaultdict(list)
    others = []
    for event in events:
        if type(event) is NodesFinished:
            nodes[event.run_id] += event.nodes
        elif type(event) is MetricsLogged:
            metrics[event.session_id] += event.metrics
        else:
            others.append(event)
    return [
        *others,
        *(NodesFinished(run, tuple(some)) for run, some in nodes.items()),
        *(MetricsLogged(session, tuple(some)) for session, some in metrics.items()),
    ]
