"""References that need no parser: ``${a.b}``, alone or within text, to plain values of the same kind.

Nearly all references are of this sort, and OmegaConf takes half a millisecond for each. What is not, or can't be
resolved, is left to it, errors included.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ipyproject.config.limits import MAX_CHAIN, Allowance, ExcessError
from ipyproject.config.paths import MISSING_VALUE

if TYPE_CHECKING:
    from collections.abc import Mapping

# Steps that begin with a digit may be list positions or numbers; other steps can only be keys that are text.
_STEP = r"[A-Za-z_][\w-]*"
_REFERENCE = re.compile(rf"\$\{{ *({_STEP}(?:\.{_STEP})*) *\}}", re.ASCII)
_SCALARS = frozenset({bool, int, float, bytes, type(None)})
_UNKNOWN: Any = object()
_COST = 5  # of a reference, over that of a value
_TOO_LONG = f"more than {MAX_CHAIN} references lead from one to the next"


class UnusualReferenceError(Exception):
    """A reference that only OmegaConf can resolve, or tell what is wrong with it."""


def named_keys(text: str) -> list[str] | None:
    """Return the top-level keys that the references in a text begin with; None where not all of them are plain."""
    parts = _REFERENCE.split(text)
    return [name.partition(".")[0] for name in parts[1::2]] if _are_literal(parts[::2]) else None


class SimpleReferences:
    """Resolves plain references as OmegaConf does.

    Args:
        values: All top-level keys of the kind.
        allowance: What may still be made.
    """

    def __init__(self, values: Mapping[Any, Any], allowance: Allowance | None = None) -> None:
        self._values = values
        self._allowance = allowance or Allowance()
        self._known: dict[str, Any] = {}  # immutable values only: what is referred to twice is copied twice
        self._chains: dict[str, int] = {}  # how many references lead from a name to its value
        self._longest = 0  # of the references resolved since this was last set to 0
        self._open: set[str] = set()  # the references now being resolved; meeting one again is a cycle

    def resolved(self, value: Any) -> Any:
        """Return a copy of a top-level key's value, its references resolved.

        Raises:
            UnusualReferenceError: A reference in it, or one that it leads to, is not plain or can't be resolved.
            ExcessError: References come to more than is allowed.
        """
        try:
            return self._filled(value)
        except RecursionError:
            raise UnusualReferenceError from None
        finally:
            self._open.clear()

    def _filled(self, value: Any) -> Any:
        """Copy what stands in the value itself: whatever it is, it stays as it is."""
        if isinstance(value, str):
            return self._text(value) if "${" in value else value
        if isinstance(value, dict):
            return {key: self._filled(item) for key, item in value.items()}
        return [self._filled(item) for item in value] if isinstance(value, list) else value

    def _text(self, text: str) -> Any:
        parts = _REFERENCE.split(text)
        if len(parts) == 3 and not parts[0] and not parts[2]:  # noqa: PLR2004 - a reference, and nothing around it
            return self._referred(parts[1])
        if not _are_literal(parts[::2]):
            raise UnusualReferenceError
        parts[1::2] = [self._referred_text(name) for name in parts[1::2]]
        self._allowance.take(text=sum(map(len, parts)))
        filled = "".join(parts)
        if "${" in filled or filled.endswith(MISSING_VALUE):
            raise UnusualReferenceError
        return filled

    def _referred_text(self, name: str) -> str:
        value = self._referred(name)
        if isinstance(value, (dict, list)):
            raise UnusualReferenceError
        return str(value)

    def _referred(self, name: str) -> Any:
        known = self._known.get(name, _UNKNOWN)
        if known is not _UNKNOWN:
            self._longest = max(self._longest, self._chains[name])
            return known
        if name in self._open:
            raise UnusualReferenceError
        if len(self._open) == MAX_CHAIN:
            raise ExcessError(_TOO_LONG)
        value: Any = self._values
        for step in name.split("."):
            if type(value) is not dict or step not in value:
                raise UnusualReferenceError
            value = value[step]
        self._allowance.take(values=_COST)
        before, self._longest = self._longest, 0
        self._open.add(name)
        value = self._copied(value)
        self._open.remove(name)
        chain = self._longest + 1
        if chain > MAX_CHAIN:
            raise ExcessError(_TOO_LONG)
        self._longest = max(before, chain)
        if not isinstance(value, (dict, list)):
            self._known[name] = value
            self._chains[name] = chain
        return value

    def _copied(self, value: Any) -> Any:
        """Copy what a reference leads to: OmegaConf does not take, or take as it is, just anything."""
        kind = type(value)
        if kind is str:
            if "${" in value:
                return self._text(value)
            if not value.endswith(MISSING_VALUE):  # which may be escaped
                return value
        elif kind in _SCALARS:
            return value
        elif kind is list:
            self._allowance.take(values=len(value))
            return [self._copied(item) for item in value]
        elif kind is dict and all(type(key) is str for key in value):
            self._allowance.take(values=len(value))
            return {key: self._copied(item) for key, item in value.items()}
        raise UnusualReferenceError


def _are_literal(texts: list[str]) -> bool:
    """Tell whether texts beside references mean themselves: no other reference, no escape."""
    return not any("$" in text or "\\" in text for text in texts)
