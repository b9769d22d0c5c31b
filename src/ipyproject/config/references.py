"""Which values hold ``${...}`` references, and which of those may resolve to something else another time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.config.paths import leaves

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

_BEGIN = re.compile(r"\$\{")
# A reference to nothing but values of the same kind, of the globals, or of those given at run time.
_STEADY = re.compile(r"\$\{\s*(?:(?:globals|runtime_params)\s*:|[^${}:\s][^${}:]*\})")


class References(NamedTuple):
    """The top-level keys whose values hold references.

    Attributes:
        keys: All of them.
        unsteady: Those that may resolve to something else although all that they name is the same: a resolver, such as
            `oc.env`, gives what it likes. `globals` and `runtime_params` give what they were given.
    """

    keys: frozenset[Any] = frozenset()
    unsteady: frozenset[Any] = frozenset()

    @classmethod
    def of(cls, values: Mapping[Any, Any]) -> References:
        """Look for references in the values of top-level keys."""
        keys = frozenset(key for key, value in values.items() if has_reference(value))
        return cls(keys, frozenset(key for key in keys if _has_unsteady_reference(values[key])))

    @classmethod
    def among(cls, parts: Iterable[References]) -> References:
        """Put together the references of several files or layers, whichever of them are in force."""
        found = [part for part in parts if part.keys]
        return cls(
            frozenset().union(*(part.keys for part in found)), frozenset().union(*(part.unsteady for part in found))
        )


def has_reference(data: Any) -> bool:
    """Tell whether any text in nested data holds ``${``."""
    if isinstance(data, str):
        return "${" in data
    if isinstance(data, dict):
        return any(map(has_reference, data.values()))
    return isinstance(data, list) and any(map(has_reference, data))


def referring_texts(data: Any) -> Iterator[str]:
    """Yield the texts in nested data that hold ``${``."""
    return (value for _, value in leaves(data) if isinstance(value, str) and "${" in value)


def _has_unsteady_reference(data: Any) -> bool:
    return any(
        not _STEADY.match(text, found.start()) for text in referring_texts(data) for found in _BEGIN.finditer(text)
    )
