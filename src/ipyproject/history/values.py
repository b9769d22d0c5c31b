"""Turn any Python value into something that JSON holds and back, and parameters into rows that an index can find."""

from __future__ import annotations

import json
import marshal
import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime, time
from functools import partial
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _quoted
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.memo import Memo

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

MAX_DEPTH = 60  # deeper structures, and those that contain themselves, are kept as type and repr
MAX_REPR = 1000  # characters
MAX_INDEXED_TEXT = 200  # characters; PostgreSQL's index pages can't hold long keys
EXACT_FLOAT = 2**53  # integers up to here are exact in a double
KEYS = "$keys"  # beside the items of a mapping: their names -> the keys that are no texts
PAIRS = "$pairs"  # how earlier versions kept mappings with such keys
WORDS = {"nan": math.nan, "inf": math.inf, "-inf": -math.inf}  # YAML and shells have them as texts
MAX_INT_BITS = 14_000  # Python refuses to print integers of more than 4,300 digits


class ParameterRow(NamedTuple):
    """One leaf of the parameters as the store indexes it: either a number or a text, and what it was.

    An integer that no double holds is both: its order is that of the nearest one, and it equals what has its digits.
    """

    key: str
    type: str
    number: float | None
    text: str | None


# What comes back as the value that it was; anything else that JSON can't hold is told by its repr.
_READ: dict[str, Callable[[str], Any]] = {
    "float": float,
    "datetime.datetime": datetime.fromisoformat,
    "datetime.date": date.fromisoformat,
    "datetime.time": time.fromisoformat,
}


def revived(value: Any) -> Any:
    """Return what `jsonable` wrote as it was: keys of any kind, dates and times, NaN and the infinities.

    Lists come back for tuples, and what was kept by its type and repr stays so.
    """
    if isinstance(value, list):
        return [revived(item) for item in value]
    if not isinstance(value, Mapping):
        return value
    with suppress(KeyError, ValueError, TypeError):  # a type that does not come back, or a parameter with such a name
        if is_type_and_repr(value):
            return _READ[value["$type"]](value["$repr"])
        if value.keys() == {PAIRS}:
            return {key: revived(item) for key, item in value[PAIRS]}
        keys = value.get(KEYS)
        if isinstance(keys, Mapping) and keys and value.keys() > keys.keys():
            return {_revived_key(keys.get(name, name)): revived(item) for name, item in value.items() if name != KEYS}
    return {key: revived(item) for key, item in value.items()}


def _revived_key(key: Any) -> Any:
    return tuple(map(_revived_key, key)) if isinstance(key, list) else revived(key)


def kept(value: Any) -> Any:
    """Return what a record gives back of a value."""
    return revived(jsonable(value))


def is_type_and_repr(value: Any) -> bool:
    """Return whether this stands for something that JSON can't hold."""
    return isinstance(value, Mapping) and value.keys() == {"$type", "$repr"}


def key_text(key: object) -> str:
    """Return the name under which a mapping's item is found and shown: ``1``, ``0.5``, ``true``, ``2026-01-31``."""
    if isinstance(key, str):
        return str.__str__(key)
    if isinstance(key, tuple):
        return f"({', '.join(map(key_text, key))})"
    held = _jsonable(key, 0)
    return str(held["$repr"]) if isinstance(held, dict) else _compact(held)


def named(values: Mapping[Any, Any]) -> Iterator[tuple[str, Any, Any]]:
    """Yield name, key and value of each item; where two keys have one name, that which is no text gets another one."""
    texts = {key for key in values if isinstance(key, str)}
    if len(texts) == len(values):
        yield from ((key_text(key), key, value) for key, value in values.items())
        return
    texts.discard(KEYS)
    taken = {KEYS, *texts}
    for key, value in values.items():
        name = key_text(key)
        if key not in texts:
            while name in taken:
                name = f"{name} ({type(key).__name__})"
            taken.add(name)
        yield name, key, value


def flattened(values: Mapping[Any, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested mappings as one, by dotted names."""
    flat: dict[str, Any] = {}
    for name, _, value in named(values):
        if isinstance(value, dict) and value and not is_type_and_repr(value):
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def jsonable(value: Any) -> Any:
    """Return `value` as dicts, lists, strings, numbers, booleans and None, from which `revived` makes it again.

    Keys that are numbers, booleans, None, dates, times or tuples of such become texts; what they were stands beside
    them: ``{"1": "a", "$keys": {"1": 1}}``. A number of numpy's is the number.

    What JSON can't hold (dates, NaN, paths, mappings with other keys, ...) becomes
    ``{"$type": "pathlib.PosixPath", "$repr": "PosixPath('a')"}``; nothing is ever refused. What is of this form already
    stays as it is.
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
    elif isinstance(value, float):
        held = float(value) if math.isfinite(value) else {"$type": "float", "$repr": repr(float(value))}
    elif isinstance(value, (date, time)):
        held = _date(value)
    elif isinstance(value, (list, tuple)) and depth < MAX_DEPTH:
        held = [_jsonable(item, depth + 1) for item in value]
    elif isinstance(value, (dict, Mapping)) and depth < MAX_DEPTH:
        held = _mapping(value, depth + 1)
    elif kind.__module__ == "numpy":
        held = _number(value, depth)
    else:
        held = _type_and_repr(value)
    return held


def _mapping(value: Mapping[Any, Any], depth: int) -> dict[str, Any]:
    if all(map(_is_text, value)):
        return {str.__str__(key): _jsonable(item, depth) for key, item in value.items()}
    if not all(map(_is_simple, value)):
        return _type_and_repr(value)
    held: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    for name, key, item in named(value):
        held[name] = _jsonable(item, depth)
        if name != key:
            keys[name] = _jsonable(key, depth)
    return held | {KEYS: keys}


def _is_text(key: object) -> bool:
    return isinstance(key, str)


def _is_simple(key: object) -> bool:
    if isinstance(key, tuple):
        return all(map(_is_simple, key))
    return isinstance(key, str) or not isinstance(revived(_jsonable(key, 0)), (dict, list))


def _date(value: date | time) -> Any:
    """Return a date or a time by its ISO text; of a class of its own, that of the library which it is."""
    kind = next(kind for kind in (datetime, date, time) if isinstance(value, kind))
    text = value.isoformat()
    with suppress(ValueError, TypeError):  # pandas calls something a datetime that is no time
        kind.fromisoformat(text)
        return {"$type": f"datetime.{kind.__name__}", "$repr": text}
    return _type_and_repr(value)


def _number(value: Any, depth: int) -> Any:
    """Return a scalar of numpy's as Python's own; numpy is not imported for it."""
    if getattr(value, "shape", None) == () and depth < MAX_DEPTH:
        with suppress(Exception):
            item = value.item()
            if isinstance(item, int) and (kind := type(value).__name__) in {"datetime64", "timedelta64"}:
                item = value.astype(f"{kind}[us]").item()  # it is in nanoseconds, which Python does not have
            return _jsonable(float(item) if type(item) is type(value) else item, MAX_DEPTH)
    return _type_and_repr(value)


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
    return list(_leaves(held, "")) if isinstance(held, dict) and not is_type_and_repr(held) else []


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
        if type(parameters) is not dict or not all(map(_is_exact_text, parameters)) or _MARKS & parameters.keys():
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


_MARKS = {"$type", KEYS}


def _is_exact_text(key: object) -> bool:
    return type(key) is str


def _part(key: str, value: Any) -> _Part:
    held = _jsonable(value, 1)
    return _Part(value, _canonical(held), tuple(_leaves({key: held}, "")))


def _leaves(parameters: dict[str, Any], prefix: str) -> Iterator[ParameterRow]:
    for key, value in parameters.items():
        if key == KEYS and isinstance(value, dict):
            continue
        if isinstance(value, dict) and value and not is_type_and_repr(value):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield _parameter_row(_text(prefix + key), value)


def _parameter_row(key: str, value: Any) -> ParameterRow:
    """Return the row of a leaf.

    Questions are typed: dates are found as the texts that they read as, and ``inf`` and ``nan`` as numbers, whichever
    of the two they were. The document tells them apart.
    """
    if is_type_and_repr(value):
        was = revived(value)
        value = was if isinstance(was, float) else was.isoformat() if isinstance(was, (date, time)) else value
    if isinstance(value, str):
        value = WORDS.get(value, value)
    if isinstance(value, bool) or value is None:
        return ParameterRow(key, "null" if value is None else "bool", None, _compact(value))
    if isinstance(value, (int, float)):
        if value != value:  # noqa: PLR0124  (NaN)
            return ParameterRow(key, "number", None, "nan")
        is_exact = isinstance(value, float) or abs(value) <= EXACT_FLOAT
        return ParameterRow(key, "number", _nearest(value), None if is_exact else _text(str(value)))
    if isinstance(value, str):
        return ParameterRow(key, "str", None, _text(value))
    if isinstance(value, dict) and value:
        return ParameterRow(key, _text(str(value["$type"])), None, _text(str(value["$repr"])))
    return ParameterRow(key, type(value).__name__, None, _text(_canonical(value)))


def _nearest(value: float) -> float:
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def storable(text: str) -> str:
    """Return a text with what databases refuse (lone surrogates, NUL) escaped."""
    if text.isascii() and "\0" not in text:
        return text
    return text.encode("utf-8", "backslashreplace").decode().replace("\0", "\\0")


def _text(text: str) -> str:
    return storable(text[:MAX_INDEXED_TEXT])
