"""Hide the secrets in nested data: everything under a secret name, and what each text holds."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum
from itertools import pairwise
from operator import is_
from typing import TYPE_CHECKING, Any

from ipyproject.masking.names import is_doubtful_name, is_secret_name
from ipyproject.masking.text import HIDDEN, masked_text

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

MAX_DEPTH = 100  # deeper down everything is hidden

_HARMLESS = frozenset({bool, int, float, complex, type(None), type(...)})
_HARMLESS_MODULES = frozenset({"datetime", "decimal", "fractions", "uuid"})  # none is imported only to be compared with
_MISSING = object()
_COLLECTIONS: tuple[type[Any], ...] = (list, tuple, set, frozenset)


def masked(value: Any, *, name: str | None = None) -> Any:
    """Return `value` with its secrets hidden.

    What stands under a secret name becomes ``"***"``, whatever it is and however much is below it; only None, True
    and False, which tell nothing, stay. Texts lose the secrets that they hold (see `masked_text`). An object of any
    other type stays, unless its ``repr`` shows a secret: then it becomes that text, masked.

    Args:
        value: Anything; it may contain itself.
        name: The name that it is kept under.

    Returns:
        The very same object where there is nothing to hide, else a changed copy. Mappings become dicts then, lists,
        tuples and sets keep their kind.
    """
    return Masking().of(value, name=name)


def is_hidden(value: Any) -> bool:
    """Return whether a secret may have been hidden in some data: whether a text in it, at any depth, has its mark."""
    if isinstance(value, str):
        return HIDDEN in value
    if isinstance(value, Mapping):
        return any(map(is_hidden, value.values()))
    return isinstance(value, (list, tuple, set, frozenset)) and any(map(is_hidden, value))


class Masking:
    """One pass over some data.

    Args:
        text: Masks a text.
        found: Is called with all that was hidden because of its name, and whether the name leaves no doubt.
    """

    def __init__(
        self, text: Callable[[str], str] = masked_text, *, found: Callable[[Any, bool], object] | None = None
    ) -> None:
        self._text = text
        self._found = found
        # Containers that were seen: id -> (itself, so that the id stays its own, and what it became).
        self._seen: dict[int, tuple[Any, Any]] = {}

    def of(self, value: Any, *, name: str | None = None) -> Any:
        """Return the value, masked; never raises."""
        try:
            return self._hidden(value, name) if name is not None and is_secret_name(name) else self._masked(value, 0)
        except Exception:  # noqa: BLE001 - the user's objects may do anything; what can't be looked at is hidden
            return HIDDEN

    def _hidden(self, value: Any, name: str) -> Any:
        if value is None or value is True or value is False:
            return value
        if self._found is not None:
            self._found(value, not is_doubtful_name(name))
        return HIDDEN

    def _masked(self, value: Any, depth: int) -> Any:
        kind = type(value)
        if kind is str:
            return self._text(value)
        if kind in _HARMLESS:
            return value
        if isinstance(value, (dict, list, tuple, set, frozenset, Mapping)):
            return self._container(value, depth + 1)
        return value if kind.__module__ in _HARMLESS_MODULES else self._other(value)

    def _container(self, value: Any, depth: int) -> Any:
        if depth > MAX_DEPTH:
            return HIDDEN
        seen = self._seen.get(id(value))
        if seen is not None:
            return HIDDEN if seen[1] is _MISSING else seen[1]  # missing: the value contains itself
        self._seen[id(value)] = (value, _MISSING)
        result = self._mapping(value, depth) if isinstance(value, Mapping) else self._items(value, depth)
        self._seen[id(value)] = (value, result)
        return result

    def _mapping(self, value: Mapping[Any, Any], depth: int) -> Any:
        changed = False
        result = {}
        names_secret = _names_secret(value)
        for key, item in value.items():
            name = key if type(key) is str else _key_text(key)
            if is_secret_name(name) or (names_secret and key == "value"):
                new = self._hidden(item, name)
            else:
                new = self._masked(item, depth)
            new_key = self._text(key) if type(key) is str else key
            changed |= new is not item or new_key is not key
            result[new_key] = new
        return result if changed else value

    def _items(self, value: Collection[Any], depth: int) -> Any:
        kind = next(kind for kind in _COLLECTIONS if isinstance(value, kind))
        names: Iterable[str] = getattr(value, "_fields", ()) if kind is tuple else ()
        if names:  # a named one
            items = [
                self._hidden(item, name) if is_secret_name(name) else self._masked(item, depth)
                for name, item in zip(names, value, strict=True)
            ]
        else:
            items = [self._masked(item, depth) for item in value]
            for place, (option, given) in enumerate(pairwise(value if kind in (list, tuple) else ()), start=1):
                if type(option) is str and option[:1] == "-" and "=" not in option and is_secret_name(option):
                    items[place] = self._hidden(given, option)  # ["--token", "x"]
        return value if all(map(is_, items, value)) else kind(items)

    def _other(self, value: Any) -> Any:
        if isinstance(value, str):
            text = str.__str__(value)
        elif isinstance(value, (bytes, bytearray)):
            text = value.decode("latin-1")
        else:
            try:
                text = repr(value)
            except Exception:  # noqa: BLE001 - no text of it will be kept either
                return value
        new = self._text(text)
        if new == text:
            return value
        return new.encode("latin-1", "replace") if isinstance(value, (bytes, bytearray)) else new


def _names_secret(value: Mapping[Any, Any]) -> bool:
    """Return whether this is such as ``{"name": "password", "value": "x"}``."""
    if "value" not in value:
        return False
    return any(type(name := value.get(key)) is str and is_secret_name(name) for key in ("name", "key"))


def _key_text(key: object) -> str:
    if isinstance(key, str):
        return key
    if isinstance(key, bytes):
        return key.decode("latin-1")
    if isinstance(key, tuple):
        return ".".join(map(_key_text, key))
    if isinstance(key, Enum):
        return f"{key.name}.{key.value}"
    return ""
