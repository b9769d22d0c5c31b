"""Walking through nested data: key paths as written in references and error messages."""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KeyPath = tuple[Any, ...]
"""The keys (and list positions) that lead from a mapping to one value inside it."""

MISSING_VALUE = "???"
"""What OmegaConf's users write for a value that somebody else has to give."""

_STEP = re.compile(r"[^.\[\]]+")
_EXACT = frozenset({str, int, bool, bytes})
_TOLD_APART_BY_REPR = frozenset({float, datetime, date, time})  # nan, -0.0, and the same moment in two time zones


class Found(NamedTuple):
    """How far a path leads: `path` holds the real keys walked, `value` is what stands there."""

    path: KeyPath
    value: Any
    complete: bool


def split_path(text: str) -> list[str]:
    """Split ``a.b[0]`` into its steps."""
    return _STEP.findall(text)


def dotted(path: Sequence[Any]) -> str:
    """Write a path as ``a.b[0]``."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) and text else f".{step}" if text else str(step)
    return text


def follow(data: Any, steps: Sequence[Any]) -> Found:
    """Walk from `data` along `steps` as far as they lead; a step matches a key or position by its text."""
    path: KeyPath = ()
    for step in steps:
        if isinstance(data, dict):
            key = step if step in data else next((key for key in data if str(key) == str(step)), None)
            if key not in data:
                return Found(path, data, complete=False)
        elif isinstance(data, list) and str(step).isdecimal() and int(step) < len(data):
            key = int(step)
        else:
            return Found(path, data, complete=False)
        path, data = (*path, key), data[key]
    return Found(path, data, complete=True)


def leaves(data: Any, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """Yield every value that is neither a mapping nor a list, with its path."""
    if isinstance(data, dict):
        for key, value in data.items():
            yield from leaves(value, (*path, key))
    elif isinstance(data, list):
        for position, value in enumerate(data):
            yield from leaves(value, (*path, position))
    else:
        yield path, data


def key_paths(data: Mapping[Any, Any]) -> set[str]:
    """Return every path into `data`, inner ones included, for suggestions in error messages."""
    return {dotted(path[:depth]) for path, _ in leaves(data) for depth in range(1, len(path) + 1)}


def copy_data(data: Any) -> Any:
    """Copy what can be changed of some data, at every depth; the values themselves are immutable and shared."""
    if isinstance(data, dict):
        return {key: copy_data(value) for key, value in data.items()}
    if isinstance(data, list):
        return [copy_data(value) for value in data]
    if type(data) is tuple:  # of YAML's !!pairs
        return tuple([copy_data(value) for value in data])
    return set(data) if type(data) is set else data


def is_same_data(one: Any, other: Any) -> bool:
    """Tell whether two pieces of data are equal in values, types and order: 1, 1.0 and True all differ.

    Of what no file holds, such as an object that a resolver has made, only the very same object is the same.
    """
    if one is other:
        return True
    kind = type(one)
    if kind is not type(other):
        return False
    if kind is dict:
        return is_same_data(list(one), list(other)) and is_same_data(list(one.values()), list(other.values()))
    if kind is list or kind is tuple:
        return len(one) == len(other) and all(map(is_same_data, one, other))
    if kind in _EXACT:
        return bool(one == other)
    return kind in _TOLD_APART_BY_REPR and repr(one) == repr(other)
