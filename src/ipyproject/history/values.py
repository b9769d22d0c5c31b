"""Turn any Python value into something that JSON holds, and parameters into rows that an index can find."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from hashlib import sha256
from secrets import token_hex
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

MAX_DEPTH = 60  # deeper structures, and those that contain themselves, are kept as type and repr
MAX_REPR = 1000  # characters
MAX_INDEXED_TEXT = 200  # characters; PostgreSQL's index pages can't hold long keys
EXACT_FLOAT = 2**53  # integers up to here are exact in a double
PAIRS = "$pairs"
MAX_INT_BITS = 14_000  # Python refuses to print integers of more than 4,300 digits


class ParameterRow(NamedTuple):
    """One leaf of the parameters as the store indexes it: either a number or a text, and what it was."""

    key: str
    type: str
    number: float | None
    text: str | None


def revived(value: Any) -> Any:
    """Return what `plain` wrote with its mappings of numbers, and the like, as they were."""
    if isinstance(value, Mapping):
        if value.keys() == {PAIRS}:
            return {key: revived(item) for key, item in value[PAIRS]}
        return {key: revived(item) for key, item in value.items()}
    return [revived(item) for item in value] if isinstance(value, list) else value


def plain(value: Any) -> Any:
    """Return `value` as dicts, lists, strings, numbers, booleans and None.

    A mapping with keys that are numbers, booleans or None becomes ``{"$pairs": [[key, value], ...]}``.

    What JSON can't hold (dates, paths, NaN, mappings with keys that aren't strings, ...) becomes
    ``{"$type": "pathlib.PosixPath", "$repr": "PosixPath('a')"}``; nothing is ever refused.
    """
    return _plain(value, 0)


def _plain(value: Any, depth: int) -> Any:
    kind = type(value)
    held = value
    if kind is str or kind is bool or value is None:
        pass
    elif isinstance(value, str):
        held = str.__str__(value)
    elif isinstance(value, int) and value.bit_length() < MAX_INT_BITS:
        held = int(value)
    elif isinstance(value, float) and math.isfinite(value):
        held = float(value)
    elif isinstance(value, (list, tuple)) and depth < MAX_DEPTH:
        held = [_plain(item, depth + 1) for item in value]
    elif isinstance(value, (dict, Mapping)) and depth < MAX_DEPTH and all(map(_is_text, value)):
        held = {str.__str__(key): _plain(item, depth + 1) for key, item in value.items()}
    elif isinstance(value, (dict, Mapping)) and depth < MAX_DEPTH and all(map(_is_simple, value)):
        held = {PAIRS: [[_plain(key, depth + 1), _plain(item, depth + 1)] for key, item in value.items()]}
    else:
        held = _described(value)
    return held


def _is_simple(key: object) -> bool:
    return key is None or isinstance(key, (str, int)) or (isinstance(key, float) and math.isfinite(key))


def _is_text(key: object) -> bool:
    return isinstance(key, str)


def _described(value: Any) -> dict[str, str]:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a record is never the reason for a failure
        text = f"<repr raised {type(error).__name__}>"
    return {"$type": name, "$repr": text[:MAX_REPR]}


_compact = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_canonical = json.JSONEncoder(separators=(",", ":"), sort_keys=True, check_circular=False).encode
_DIVIDER = token_hex(16)  # no value holds it
_fast = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=_described).encode


def to_json(value: Any) -> str:
    """Return `value` (anything) as compact JSON text, plain ASCII."""
    return _compact(plain(value))


def many_json(values: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return each of many small mappings as JSON, in a third of the time; keys become strings."""
    if not values:
        return []
    between: list[Any] = [_DIVIDER] * (2 * len(values) - 1)
    between[::2] = values
    try:
        return _fast(between)[1:-1].split(f',"{_DIVIDER}",')
    except (TypeError, ValueError, RecursionError):  # NaN, a key that is no text or number, something within itself
        return [to_json(value) for value in values]


def content_hash(value: Any) -> tuple[str, str]:
    """Return the SHA-256 of `value`'s canonical JSON and that JSON; equal values have equal hashes."""
    document = _canonical(plain(value))
    return sha256(document.encode()).hexdigest(), document


def parameter_rows(parameters: Mapping[str, Any]) -> list[ParameterRow]:
    """Return one row per leaf of `parameters`, keyed by its dotted path (``model.test_share``)."""
    held = plain(parameters)
    return [] if _is_described(held) else list(_leaves(held, ""))


def _leaves(parameters: dict[str, Any], prefix: str) -> Iterator[ParameterRow]:
    for key, value in parameters.items():
        if isinstance(value, dict) and value and not _is_described(value):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield _parameter_row(_text(prefix + key), value)


def _is_described(value: dict[str, Any]) -> bool:
    return value.keys() == {"$type", "$repr"}


def _parameter_row(key: str, value: Any) -> ParameterRow:
    if isinstance(value, bool) or value is None:
        return ParameterRow(key, "null" if value is None else "bool", None, _compact(value))
    if isinstance(value, (int, float)):
        exact = isinstance(value, float) or abs(value) <= EXACT_FLOAT
        return ParameterRow(key, "number", float(value) if exact else None, None if exact else _text(str(value)))
    if isinstance(value, str):
        return ParameterRow(key, "str", None, _text(value))
    if isinstance(value, dict) and value:
        return ParameterRow(key, _text(str(value["$type"])), None, _text(str(value["$repr"])))
    return ParameterRow(key, type(value).__name__, None, _text(_canonical(value)))


def storable(text: str) -> str:
    """Return a text with what databases refuse (lone surrogates, NUL) escaped."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _text(text: str) -> str:
    return storable(text[:MAX_INDEXED_TEXT])
