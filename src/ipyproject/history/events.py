"""What happens to a session, as values that can be written to a store now, or to a file and from there to a store."""

from __future__ import annotations

import json
from dataclasses import is_dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, cast

from ipyproject.history.records import (
    ErrorRecord,
    MetricRecord,
    NodeRecord,
    RunRecord,
    SessionRecord,
    Status,
    as_document,
    from_document,
)
from ipyproject.history.values import ParameterDocument, jsonable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ipyproject.history.stores.store import Store

Reader: TypeAlias = "Callable[[Any], Any]"


def _of(kind: type[Any]) -> Reader:
    return lambda document: from_document(kind, document)


def _all_of(kind: type[Any]) -> Reader:
    return lambda documents: [from_document(kind, document) for document in documents]


def _error(document: Mapping[str, Any] | None) -> ErrorRecord | None:
    return None if document is None else ErrorRecord(**document)


_ENDING = (str, Status, datetime.fromisoformat, _error)

# Each writing method of a store, with how its arguments are read back from JSON.
READERS: dict[str, tuple[Reader, ...]] = {
    "session_opened": (_of(SessionRecord),),
    "session_described": (str, dict),
    "session_parameters": (str, dict),
    "session_packages": (str, dict),
    "facts_logged": (str, dict),
    "metrics_logged": (str, _all_of(MetricRecord)),
    "session_closed": _ENDING,
    "run_started": (_of(RunRecord),),
    "nodes_finished": (str, _all_of(NodeRecord)),
    "run_finished": _ENDING,
}


class Event(NamedTuple):
    """A call of one of a store's writing methods."""

    kind: str
    arguments: tuple[Any, ...]

    def write_to(self, store: Store) -> None:
        """Make the call."""
        getattr(store, self.kind)(*self.arguments)

    def as_line(self) -> str:
        """Return the event as one line of JSON."""
        return json.dumps([self.kind, *(_written(each) for each in self.arguments)])


def from_line(line: str) -> Event:
    """Return the event of a line.

    Raises:
        ValueError: The line is cut off, or not one of ours.
    """
    try:
        kind, *arguments = json.loads(line)
        return Event(kind, tuple(read(each) for read, each in zip(READERS[kind], arguments, strict=True)))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"not an event: {line[:80]!r}") from error


def _written(argument: Any) -> Any:
    if isinstance(argument, datetime):
        return argument.isoformat()
    if isinstance(argument, ParameterDocument):
        return json.loads(argument.text)
    if isinstance(argument, ErrorRecord):
        return {"type": argument.type, "message": argument.message, "traceback": argument.traceback}
    if is_dataclass(argument):
        return as_document(cast("SessionRecord", argument))
    if isinstance(argument, list):
        return [_written(each) for each in argument]
    return jsonable(argument)
