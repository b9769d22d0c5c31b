"""Walking through nested data: key paths as written in references and error messages."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

KeyPath = tuple[Any, ...]
"""The keys (and list positions) that lead from a mapping to one value inside it."""

MISSING_VALUE = "???"
"""What OmegaConf's users write for a value that somebody else has to give."""

_STEP = re.compile(r"[^.\[\]]+")


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
    """Copy mappings and lists at every depth; the values themselves are immutable and shared."""
    if isinstance(data, dict):
        return {key: copy_data(value) for key, value in data.items()}
    if isinstance(data, list):
        return [copy_data(value) for value in data]
    return data
