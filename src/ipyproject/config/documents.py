"""One configuration file: YAML, JSON or TOML text to a mapping, and what is wrong with it in few words."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from ipyproject.config.limits import MAX_DEPTH, MAX_FILE, TOO_DEEP, TOO_LONG_NUMBER, excess
from ipyproject.errors import ConfigError
from ipyproject.interrupts import whole_module

if TYPE_CHECKING:
    from collections.abc import Callable

_SEARCHED = 100_000  # characters of JSON that are read again to tell the line of a repeated key
_MAX_TAGS = 100  # %TAG lines; each is compared with all before it
_TAG = re.compile("^%TAG", re.MULTILINE)
# A key of TOML with too many parts: what each of its lines makes is as deep, before anything can look at it.
_LONG_KEY = re.compile(rf"""^[ \t]*\[*(?:[ \t]*(?:[\w-]+|"[^"\n]*"|'[^'\n]*')[ \t]*\.){{{MAX_DEPTH}}}""", re.MULTILINE)
_SPLIT = "Split it into several files, or keep what is data in files of the catalog."


class UnreadableError(Exception):
    """A text that its parser refuses.

    Args:
        reason: The parser's reason, in few words.
        line: Counted from 1, where the parser knows it.
        hint: What to do next, where that is clear.
    """

    def __init__(self, reason: str, line: int | None = None, hint: str | None = None) -> None:
        super().__init__(reason, line, hint)
        self.reason = reason
        self.line = line
        self.hint = hint


def read_document(content: bytes, name: str) -> dict[Any, Any]:
    """Read one configuration file.

    Args:
        content: The file's bytes.
        name: What the file is called in messages; its suffix says the format.

    Returns:
        The file's mapping; ``{}`` for an empty file.

    Raises:
        ConfigError: The text can't be read, repeats a key, or is no mapping; names file and line.
    """
    if len(content) > MAX_FILE:
        raise too_large(name)
    try:
        data = _READERS[name.rpartition(".")[2]](_decode(content))
    except UnreadableError as error:
        line = "" if error.line is None else f", line {error.line}"
        raise ConfigError(f"{name}{line}: {error.reason}.", error.hint or "Mend the file and try again.") from None
    if data is None:
        return {}
    if not isinstance(data, dict):
        kind = "a list" if isinstance(data, list) else "a single value"
        raise ConfigError(
            f"{name}: the file holds {kind}, not keys with values.", "Write `key: value` at its top level."
        )
    return data


def too_large(name: str) -> ConfigError:
    """Return the error for a file that is larger than configuration may be."""
    return ConfigError(f"{name}: the file is larger than {MAX_FILE // 10**6} MB.", _SPLIT)


def _decode(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UnreadableError("not UTF-8 text", line, "Save the file with the encoding UTF-8.") from None


def load_yaml(text: str) -> Any:
    """Read YAML with the scalars that OmegaConf reads: ``1e-3`` is a number, dates stay text.

    Raises:
        UnreadableError: The text is no YAML, or repeats a key within one mapping.
    """
    yaml = whole_module("yaml")
    loader = whole_module("ipyproject.config.strict_yaml").StrictLoader
    if "%TAG" in text and len(_TAG.findall(text)) > _MAX_TAGS:
        raise UnreadableError(f"more than {_MAX_TAGS} %TAG lines")
    try:
        return yaml.load(text, Loader=loader)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        # Where a text ends too early the mark is behind its last line.
        line = min(mark.line + 1, len(text.splitlines())) if mark else None
        raise UnreadableError(_yaml_reason(error), line, _tab_hint(text, mark)) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise UnreadableError("a character that YAML does not allow", line) from None
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
        # PyYAML lets these through for a value that its tag does not fit, as `!!int text` or `0b_`.
        raise UnreadableError(f"a value that is not of its type ({error})") from None


def _yaml_reason(error: Any) -> str:
    reason = str(error.problem or error.context or "not readable as YAML")
    if "recursive" in reason:
        return "an alias (*name) inside the value that it stands for"
    if "nesting depth" in reason:
        return TOO_DEEP
    begun, ended = error.context_mark, error.problem_mark
    return (
        f"{reason}, in what begins on line {begun.line + 1}" if begun and ended and begun.line < ended.line else reason
    )


def _tab_hint(text: str, mark: Any) -> str | None:
    lines = text.splitlines()
    at = mark.line if mark else len(lines)
    if at < len(lines) and "\t" in lines[at][: len(lines[at]) - len(lines[at].lstrip())]:
        return "The line begins with a tab; YAML is indented with spaces."
    return None


def _load_json(text: str) -> Any:
    if not text.strip():
        return None
    try:
        return _modest(json.loads(text, object_pairs_hook=_unique_pairs))
    except json.JSONDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise UnreadableError(reason, error.lineno) from None
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    except ValueError:  # of Python's own limit
        raise UnreadableError(TOO_LONG_NUMBER) from None
    except UnreadableError:
        # The standard reader does not tell where it stands. JSON is YAML, nearly always, and that reader does.
        if len(text) <= _SEARCHED:
            load_yaml(text)
        raise


def _modest(data: Any) -> Any:
    if said := excess(data):
        raise UnreadableError(said)
    return data


def _unique_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    mapping = dict(pairs)
    if len(mapping) < len(pairs):
        seen: set[str] = set()
        twice = next(key for key, _ in pairs if key in seen or seen.add(key))  # type: ignore[func-returns-value]
        raise UnreadableError(f"the key {twice!r} is there twice")
    return mapping


def _load_toml(text: str) -> Any:
    import tomli

    if found := _LONG_KEY.search(text):
        raise UnreadableError(TOO_DEEP, text.count("\n", 0, found.start()) + 1)
    try:
        return _modest(tomli.loads(text))
    except tomli.TOMLDecodeError as error:
        reason = error.msg[:1].lower() + error.msg[1:]
        raise UnreadableError(reason, error.lineno) from None
    except RecursionError:
        raise UnreadableError(TOO_DEEP) from None
    except ValueError:  # of Python's own limit
        raise UnreadableError(TOO_LONG_NUMBER) from None


_READERS: dict[str, Callable[[str], Any]] = {
    "yml": load_yaml,
    "yaml": load_yaml,
    "json": _load_json,
    "toml": _load_toml,
}
SUFFIXES = tuple(f".{suffix}" for suffix in _READERS)
