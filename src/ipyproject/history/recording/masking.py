"""Hide secrets in an event before it is kept anywhere; what a record is found by stays as it is."""

from __future__ import annotations

from dataclasses import Field, fields, is_dataclass, replace
from typing import TYPE_CHECKING, Any, TypeVar

from ipyproject.history.records import RunRecord, SessionRecord
from ipyproject.history.values import flattened
from ipyproject.masking import is_hidden

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from _typeshed import DataclassInstance

    from ipyproject.masking import Masker

Maskable = TypeVar("Maskable", bound="DataclassInstance")


def masked(value: Maskable, masker: Masker) -> Maskable:
    """Return an event or a record with the secrets in it hidden: in all fields but those that are said to hold none.

    A record of what was given names the parameters in which something was hidden.
    """
    changed = {
        each.name: _field(each, getattr(value, each.name), masker)
        for each in fields(value)
        if not each.metadata.get("plain")
    }
    if isinstance(value, (SessionRecord, RunRecord)):
        hidden = (*(value.hidden_params or ()), *_hidden_names(value.extra_params, changed["extra_params"]))
        changed["hidden_params"] = tuple(dict.fromkeys(hidden))
    return replace(value, **changed) if changed else value


def _field(field: Field[Any], value: Any, masker: Masker) -> Any:
    if value is None:
        return None
    if is_dataclass(value) and not isinstance(value, type):
        return masked(value, masker)
    if isinstance(value, tuple) and value and is_dataclass(value[0]):
        return tuple(masked(each, masker) for each in value)
    if (kind := field.metadata.get("of")) is not None:  # some fields of a record
        known = {each.name: each for each in fields(kind)}
        return {
            name: item if known[name].metadata.get("plain") else _field(known[name], item, masker)
            for name, item in value.items()
        }
    rule = _RULES.get(field.metadata.get("masked", ""))
    return masker.data(value) if rule is None else rule(value, masker)


def _line(invocation: Mapping[str, Any], masker: Masker) -> Any:
    if not isinstance(invocation.get("line"), str):
        return masker.data(invocation)
    return {**masker.data({**invocation, "line": ""}), "line": masker.line(invocation["line"])}


def _selection(selection: Mapping[str, Any], masker: Masker) -> dict[str, Any]:
    """Names of pipelines, nodes and tags stay; what an unregistered pipeline looks like is free text."""
    return {key: masker.text(text) if key == "own_pipeline" else text for key, text in selection.items()}


_RULES: dict[str, Callable[[Any, Masker], Any]] = {
    "command_line": lambda arguments, masker: tuple(masker.command_line(arguments)),
    "line": _line,
    "selection": _selection,
}


def _hidden_names(before: Mapping[str, Any], masked: Mapping[str, Any]) -> list[str]:
    """Return the dotted names of what masking changed: what it leaves alone stays the very same object."""
    if masked is before:
        return []
    known = flattened(before)
    return [
        name
        for name, value in flattened(masked).items()
        if value is not known.get(name, known) and is_hidden((name, value))
    ]
