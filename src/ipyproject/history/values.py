"""Turn any Python value into something that JSON holds, and parameters into rows that an index can find."""

from __future__ import annotations

import json
import marshal
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

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


def flattened(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, by dotted names."""
    flat: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and value:
            flat |= flattened(value, f"{prefix}{key}.")
        else:
            flat[f"{prefix}{key}"] = value
    return flat


def jsonable(value: Any) -> Any:
    """Return `value` as dicts, lists, strings, numbers, booleans and None.

    A mapping with keys that are numbers, booleans or None becomes ``{"$pairs": [[key, value], ...]}``.

    What JSON can't hold (dates, paths, NaN, mappings with keys that aren't strings, ...) becomes
    ``{"$type": "pathlib.PosixPath", "$repr": "PosixPath('a')"}``; nothing is ever refused.
    """
    return _jsonable(value, 0)


def _jsonable(value: Any, depth: int) -> Any:
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
        held = [_jsonable(item, depth + 1) for item in value]
    elif isinstance(value, (dict, Mapping)) and depth < MAX_DEPTH and all(map(_is_text, value)):
        held = {str.__str__(key): _jsonable(item, depth + 1) for key, item in value.items()}
    elif isinstance(value, (dict, Mapping)) and depth < MAX_DEPTH and all(map(_is_simple, value)):
        held = {PAIRS: [[_jsonable(key, depth + 1), _jsonable(item, depth + 1)] for key, item in value.items()]}
    else:
        held = _type_and_repr(value)
    return held


def _is_simple(key: object) -> bool:
    return key is None or isinstance(key, (str, int)) or (isinstance(key, float) and math.isfinite(key))


def _is_text(key: object) -> bool:
    return isinstance(key, str)


def _type_and_repr(value: Any) -> dict[str, str]:
    kind = type(value)
    name = kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
    try:
        text = repr(value)
    except Exception as error:  # noqa: BLE001 - a record is never the reason for a failure
        text = f"<repr raised {type(error).__name__}>"
    return {"$type": name, "$repr": text[:MAX_REPR]}


_compact = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode
_canonical = json.JSONEncoder(separators=(",", ":"), sort_keys=True, check_circular=False).encode


def to_json(value: Any) -> str:
    """Return `value` (anything) as compact JSON text, plain ASCII."""
    return _compact(jsonable(value))


def many_json(mappings: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return each of many small mappings as JSON; values that are alike are turned into it once."""
    known: dict[bytes, str] = {}
    return [_json_of(each, known) for each in mappings]


def _json_of(mapping: Mapping[str, Any], known: dict[bytes, str]) -> str:
    parts = []
    for key, value in mapping.items():
        if type(key) is not str:
            return to_json(mapping)
        try:
            # Equal bytes mean equal values, of what records hold: a buffer would pass for its bytes. Version 2 has no
            # references, in which equal values may differ.
            alike = marshal.dumps(value, 2)
        except ValueError:  # something else than what JSON holds
            text = to_json(value)
        else:
            found = known.get(alike)
            text = known[alike] = to_json(value) if found is None else found
        parts.append(f"{_quoted(key)}:{text}")
    return f"{{{','.join(parts)}}}"


def content_hash(value: Any) -> tuple[str, str]:
    """Return the SHA-256 of `value`'s canonical JSON and that JSON; equal values have equal hashes."""
    document = _canonical(jsonable(value))
    return sha256(document.encode()).hexdigest(), document


def parameter_rows(parameters: Mapping[str, Any]) -> list[ParameterRow]:
    """Return one row per leaf of `parameters`, keyed by its dotted path (``model.test_share``)."""
    held = jsonable(parameters)
    return list(_leaves(held, "")) if isinstance(held, dict) and not _is_type_and_repr(held) else []


class _Part(NamedTuple):
    """A top-level parameter, kept so that its identity stays its own; its canonical JSON; and its leaves."""

    value: Any
    text: str
    rows: tuple[ParameterRow, ...]


@dataclass(frozen=True, slots=True)
class ParameterDocument:
    """Resolved parameters in the form in which a store keeps them.

    Attributes:
        digest: The SHA-256 of `text`.
        text: Their canonical JSON (see `content_hash`).
        rows: Their leaves (see `parameter_rows`).
        parts: What each of the top-level parameters came to.
    """

    digest: str
    text: str
    rows: tuple[ParameterRow, ...]
    parts: Mapping[str, _Part]

    @classmethod
    def of(cls, parameters: Mapping[str, Any], memo: Memo | None = None) -> ParameterDocument:
        """Return the document of some parameters.

        Args:
            parameters: Nested; with `memo`, nobody may ever change a value in them.
            memo: What was made before: of the very same values it is taken over.
        """
        if type(parameters) is not dict or "$type" in parameters or not all(map(_is_exact_text, parameters)):
            return cls(*content_hash(parameters), tuple(parameter_rows(parameters)), {})
        memo = memo or Memo()
        return memo.of("document", parameters, lambda: cls._by_value(parameters, memo))

    @classmethod
    def _by_value(cls, parameters: Mapping[str, Any], memo: Memo) -> ParameterDocument:
        parts = {
            key: memo.get(("parameter", key, id(value)), partial(_part, key, value))
            for key, value in parameters.items()
        }
        return memo.get(("parameters", *map(id, parts.values())), lambda: cls._joined(parts))

    @classmethod
    def _joined(cls, parts: Mapping[str, _Part]) -> ParameterDocument:
        text = f"{{{','.join([f'{_quoted(key)}:{parts[key].text}' for key in sorted(parts)])}}}"
        rows = tuple([row for part in parts.values() for row in part.rows])
        return cls(sha256(text.encode()).hexdigest(), text, rows, parts)


def _is_exact_text(key: object) -> bool:
    return type(key) is str


def _part(key: str, value: Any) -> _Part:
    held = _jsonable(value, 1)
    return _Part(value, _canonical(held), tuple(_leaves({key: held}, "")))


def _leaves(parameters: dict[str, Any], prefix: str) -> Iterator[ParameterRow]:
    for key, value in parameters.items():
        if isinstance(value, dict) and value and not _is_type_and_repr(value):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield _parameter_row(_text(prefix + key), value)


def _is_type_and_repr(value: dict[str, Any]) -> bool:
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
