"""Parameters given at run time: the parameter string, and the deep merge over those of the files."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.config.documents import UnreadableError, load_yaml
from ipyproject.config.limits import MAX_DEPTH, MAX_PARAMS, TOO_DEEP, excess
from ipyproject.config.paths import copy_data
from ipyproject.errors import ConfigError, shortened

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PARAMS_HELP = """\
Extra parameters, over those of the files: a.b=1,c=[1,2],d="x, y",e=null (dots nest).
Each value is read as in a YAML parameters file: numbers, true/false, null, [lists], {key: value} and text.
Beware: yes, no, on and off are true or false, 007 is 7 (octal), 1_000 is 1000, 12:30 is 750 (base 60), and nothing
after the `=` is null; dates stay text. Quote a value to keep it as text: a="007".
A shell takes quotes away: put single quotes around the whole, --params 'a="007",d="x, y"'."""

_KEY = re.compile(r"[\w-]+(?:\.[\w-]+)*")
_CLOSING = {"[": "]", "{": "}"}
SIGNS = ("=", "!=", "<", "<=", ">", ">=")
_DOT = re.compile(r"\.")
_ASSIGNS = re.compile("=")
_COMPARES = re.compile("[=<>!]+")
_EXAMPLE = """Quote text that holds commas, brackets, quotes or colons: 'key="x, y"'."""

_CONDITION_EXAMPLE = "Write it in quotes, since a shell takes < and > for files: 'model.test_share>=0.3'."


class Condition(NamedTuple):
    """What is asked of one parameter: its dotted name, one of `SIGNS`, and the value to compare it with."""

    key: str
    sign: str
    value: Any


def merge_params(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """Merge `override` over `base`, mapping by mapping at every depth.

    Returns:
        A new dict that shares no mapping and no list with either. The keys of `base` keep their place; new ones follow
        in the order in which `override` has them.
    """
    merged: dict[str, Any] = {**base, **override}
    for key, value in merged.items():
        below = base.get(key) if key in override else None
        if isinstance(below, dict) and isinstance(value, dict):
            merged[key] = merge_params(below, value)
        else:
            merged[key] = copy_data(value)
    return merged


def parse_params(text: str) -> dict[str, Any]:
    """Read a parameter string such as ``a.b=1,c=[1,2],d="x, y",e=null``.

    Args:
        text: ``key=value`` pieces, separated by commas outside quotes and brackets. Dots in a key nest; a value is
            read as YAML. A piece without ``=`` that begins with white space goes on with the text before it, since a
            shell takes the quotes of ``d="x, y"`` away.

    Returns:
        The parameters as a nested dict.

    Raises:
        ConfigError: A piece, a key or a value can't be read, or a key is given twice; names the piece.
    """
    given: dict[str, Any] = {}
    inside: dict[str, str] = {}  # of what has parts that were given: the first of them
    for key, _, value in _assignments(text):
        whole = [key[: dot.start()] for dot in _DOT.finditer(key)]
        if other := next((each for each in [*whole, key] if each in given), None) or inside.get(key):
            _refuse_conflict(other, key)
        given[key] = _read_value(key, value)
        for each in whole:
            inside.setdefault(each, key)
    nested = _nest(given)
    if said := excess(nested):
        raise ConfigError(f"The parameters are {said}.", "Flatten them.")
    return nested


def parse_conditions(text: str) -> list[Condition]:
    """Read conditions on parameters, such as ``model.test_share>=0.3,name!="x, y"``.

    Args:
        text: What :func:`parse_params` reads, with any of `SIGNS` in place of ``=``. A key may come several times.

    Raises:
        ConfigError: A piece, a key, a sign or a value can't be read; names the piece.
    """
    conditions = []
    for key, sign, value in _assignments(text, _COMPARES):
        if sign not in SIGNS:
            raise ConfigError(
                f"The condition {f'{key}{sign}{value}'.strip()!r} compares by {sign!r}, which is no comparison.",
                f"Known: {' '.join(SIGNS)}. Quote a value that begins like one: {key}='<x>'.",
            )
        conditions.append(Condition(key, sign, _read_value(key, value)))
    return conditions


def _assignments(text: str, signs: re.Pattern[str] = _ASSIGNS) -> Iterator[tuple[str, str, str]]:
    """Yield key, sign and value texts; pieces that a lost pair of quotes tore apart are put together again."""
    key = sign = value = ""
    is_text = False  # whether the value is known to be a text, that may go on
    for piece in _split(text, ",=[{" if signs is _ASSIGNS else ",=<>[{"):
        if not piece.strip():
            continue
        found = signs.search(piece)
        if not found:
            is_text = is_text or bool(key and piece[0].isspace() and _is_plain_text(key, value))
            if not (is_text and piece[0].isspace()):
                if signs is _COMPARES:
                    raise ConfigError(f"The condition {shortened(piece)!r} compares nothing.", _CONDITION_EXAMPLE)
                raise ConfigError(f"The parameter piece {shortened(piece)!r} has no `=`.", _EXAMPLE)
            value += f",{piece}"
            continue
        if key:
            yield key, sign, value
        is_text = False
        key, sign, value = piece[: found.start()].strip(), found[0], piece[found.end() :]
        if not _KEY.fullmatch(key):
            said = f"The parameter piece {shortened(piece)!r} has no key" + (
                f": {shortened(key)!r} is not one." if key else "."
            )
            raise ConfigError(said, "Keys hold letters, digits, `_` and `-`, and nest with dots: a.b=1.")
        if key.count(".") >= MAX_DEPTH:
            raise ConfigError(f"The parameter {shortened(key)!r} is {TOO_DEEP}.", "Flatten it.")
    if key:
        yield key, sign, value


def _split(text: str, before_values: str) -> Iterator[str]:
    """Split at the commas outside quotes and brackets.

    As in YAML, a quote opens a quoted text only where a value begins; inside a word, as in ``it's``, it is a letter.

    Args:
        text: The whole string.
        before_values: Characters that a value may begin behind.
    """
    if len(text) > MAX_PARAMS:
        raise ConfigError(
            f"The parameters are longer than {MAX_PARAMS:,} characters.",
            "Put them into a file of conf, in an env of their own.",
        )
    start = position = 0
    awaited: list[str] = []  # the closing brackets still to come
    begins = True  # whether a value begins here
    while position < len(text):
        char = text[position]
        if char in "'\"" and begins:
            position = _closing_quote(text, start, position)
        elif char in _CLOSING:
            awaited.append(_CLOSING[char])
        elif char in _CLOSING.values():
            if not awaited or awaited.pop() != char:
                raise ConfigError(f"An unbalanced {char} in the parameters at {shortened(text[start:])!r}.", _EXAMPLE)
        elif char == "," and not awaited:
            yield text[start:position]
            start = position + 1
        elif char == "#" and (begins or text[position - 1].isspace()):
            raise ConfigError(
                f"`#` would begin a comment in the parameters at {shortened(text[start:])!r}.", 'Quote it: key="#1".'
            )
        begins = char in before_values or (char == ":" and bool(awaited)) or (begins and char.isspace())
        position += 1
    if awaited:
        raise ConfigError(
            f"A bracket is never closed ({awaited[-1]} missing) in {shortened(text[start:])!r}.", _EXAMPLE
        )
    yield text[start:]


def _closing_quote(text: str, start: int, opening: int) -> int:
    quote = text[opening]
    inside = r"(?:[^\"\\]|\\.)*" if quote == '"' else r"(?:[^']|'')*"
    closed = re.compile(f"{quote}{inside}{quote}", re.DOTALL).match(text, opening)
    if closed is None:
        raise ConfigError(f"A quote is never closed ({quote} missing) in {shortened(text[start:])!r}.", _EXAMPLE)
    return closed.end() - 1


def _is_plain_text(key: str, value: str) -> bool:
    return value.strip()[:1] not in {"'", '"'} and isinstance(_read_value(key, value), str)


def _read_value(key: str, text: str) -> Any:
    # Behind a key, as it would stand in a file, where `b: c` or `- 1` are no values.
    try:
        data = load_yaml(f"value: {text}")
    except UnreadableError as error:
        raise ConfigError(
            f"The parameter {shortened(f'{key}={text}')} can't be read as YAML: {error.reason}.", _EXAMPLE
        ) from None
    if not isinstance(data, dict) or len(data) != 1:
        raise ConfigError(f"The parameter {shortened(f'{key}={text!r}')} holds more than one value.", _EXAMPLE)
    return data["value"]


def _refuse_conflict(first: str, second: str) -> None:
    if first == second:
        raise ConfigError(f"The parameter {first!r} is given twice.", "Give it once.")
    raise ConfigError(
        f"The parameters {first!r} and {second!r} contradict each other: one is a part of the other.",
        "Give the whole value, as in a={b: 1}, or only its parts, as in a.b=1.",
    )


def _nest(given: Mapping[str, Any]) -> dict[str, Any]:
    nested: dict[str, Any] = {}
    for key, value in given.items():
        *above, last = key.split(".")
        inner = nested
        for part in above:
            inner = inner.setdefault(part, {})
        inner[last] = value
    return nested
