"""Hide secrets in what is about to be recorded; what the record is found by stays as it is."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import fields, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ipyproject.history.questions.comparison import flattened
from ipyproject.history.recording.recorder import BaseRecorder
from ipyproject.history.records import ErrorRecord, RunRecord, SessionRecord
from ipyproject.history.stores.store import HistoryWarning
from ipyproject.masking import is_hidden

if TYPE_CHECKING:
    from ipyproject.history.records import NodeRecord
    from ipyproject.masking import Masker

_logger = logging.getLogger(__name__)

AnyRecord = TypeVar("AnyRecord", SessionRecord, RunRecord)

# Names, ids, times, and what we said ourselves: a known secret that happens to read like one of them would spoil it.
_PLAIN_FIELDS = frozenset(
    {
        "session_id", "run_id", "project", "package_name", "env", "start", "end", "package_version", "started_by",
        "pid", "process", "python", "platform", "ipyproject_version", "replay_of", "status", "parameters_hash",
        "packages_hash", "hidden_params", "runner", "user", "host", "project_root", "conf_files",
    }
)  # fmt: skip
_PLAIN_KINDS = frozenset({"session_packages", "metrics_logged", "nodes_finished"})  # names, numbers and sizes


class MaskingRecorder(BaseRecorder):
    """Hides secrets in all that goes to another recorder.

    Args:
        recorder: Where it goes.
        masker: Knows the secrets.
    """

    def __init__(self, recorder: BaseRecorder, masker: Masker) -> None:
        self._recorder = recorder
        self._masker = masker

    def record(self, kind: str, *arguments: Any) -> None:
        """Record a call of a store's writing method `kind`."""
        with _warnings_only():
            self._recorder.record(kind, *masked_arguments(kind, arguments, self._masker))

    def node_finished(self, run_id: str, record: NodeRecord) -> None:
        """Record how a node ended: names, numbers and sizes, which hold no secret."""
        try:  # as `_warnings_only`, at a tenth of its cost: a run has many nodes
            self._recorder.node_finished(run_id, record)
        except HistoryWarning as warning:
            _logger.warning("%s", warning)


@contextmanager
def _warnings_only() -> Iterator[None]:
    """Log a warning that a filter has turned into an error: what is recorded never breaks what is done."""
    try:
        yield
    except HistoryWarning as warning:
        _logger.warning("%s", warning)


def masked_arguments(kind: str, arguments: tuple[Any, ...], masker: Masker) -> tuple[Any, ...]:
    """Return the arguments of a store's writing method `kind` with the secrets in them hidden; never raises."""
    if kind in _PLAIN_KINDS:
        return arguments
    return tuple(_masked(kind, each, masker) for each in arguments)


def _masked(kind: str, argument: Any, masker: Masker) -> Any:
    if isinstance(argument, SessionRecord):
        return masked_record(argument, masker)
    if isinstance(argument, RunRecord):
        return masked_record(argument, masker)
    if isinstance(argument, ErrorRecord):
        return masked_error(argument, masker)
    if isinstance(argument, Mapping):
        return _fields(argument, masker) if kind == "session_described" else masker.data(argument)
    return argument  # ids, states and times


def masked_record(record: AnyRecord, masker: Masker) -> AnyRecord:
    """Return a record with the secrets in it hidden, and with the names of the parameters that hold them."""
    values = {each.name: getattr(record, each.name) for each in fields(record) if each.name not in _PLAIN_FIELDS}
    masked: dict[str, Any] = _fields(values, masker)
    hidden = (*(record.hidden_params or ()), *_hidden_names(record.extra_params, masked["extra_params"]))
    return replace(record, **masked, hidden_params=tuple(dict.fromkeys(hidden)))


def _hidden_names(before: Mapping[str, Any], masked: Mapping[str, Any]) -> list[str]:
    """Return the dotted names of what masking changed: what it leaves alone stays the very same object."""
    if masked is before:
        return []
    known = flattened(before)
    return [name for name, value in flattened(masked).items() if value is not known.get(name) and is_hidden(value)]


def masked_error(error: ErrorRecord, masker: Masker) -> ErrorRecord:
    """Return the record of an error with the secrets in its texts hidden."""
    return ErrorRecord(error.type, masker.text(error.message), masker.text(error.traceback))


def _fields(values: Mapping[str, Any], masker: Masker) -> dict[str, Any]:
    return {name: value if name in _PLAIN_FIELDS else _field(name, value, masker) for name, value in values.items()}


def _field(name: str, value: Any, masker: Masker) -> Any:
    if isinstance(value, ErrorRecord):
        return masked_error(value, masker)
    if name == "selection":  # names of pipelines, nodes, tags; what an unregistered pipeline looks like is free text
        return {key: masker.text(text) if key == "own_pipeline" else text for key, text in value.items()}
    if name == "command_line":
        return tuple(masker.command_line(value))
    if name == "invocation" and isinstance(value, Mapping) and isinstance(value.get("line"), str):
        return {**masker.data({**value, "line": ""}), "line": masker.line(value["line"])}
    return masker.data(value, name=name)
