"""Data that is handed out to be looked at: dicts and lists like any others, but that they can't be changed."""

from __future__ import annotations

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import fields, replace
from typing import Any, NoReturn

from ipyproject.history import RunRecord


def frozen(value: Any) -> Any:
    """Return data that can't be changed, at any depth.

    Mappings and lists become dicts and lists without a way to change them: they are equal to what they were, and JSON
    takes them. Sets become frozensets; named tuples and the records of runs keep their type. Anything else stays the
    object that it is.

    Args:
        value: Anything that does not contain itself.
    """
    if isinstance(value, Mapping):
        return FrozenDict({key: frozen(item) for key, item in value.items()})
    if isinstance(value, list):
        return FrozenList(map(frozen, value))
    if isinstance(value, tuple):
        items = [frozen(item) for item in value]
        return value._make(items) if hasattr(value, "_make") else tuple(items)
    if isinstance(value, (set, frozenset)):
        return frozenset(value)
    if isinstance(value, RunRecord):
        return replace(value, **{each.name: frozen(getattr(value, each.name)) for each in fields(value)})
    return value


def _refuse(self: object, *_: Any, **__: Any) -> NoReturn:  # noqa: ARG001  (a method of both classes)
    raise TypeError(
        "What a session tells of itself is read-only: session.log(name=value) adds facts, copies can change."
    )


class FrozenDict(dict[Any, Any]):
    """A dict that can't be changed; copies of it can."""

    __setitem__ = __delitem__ = clear = pop = popitem = setdefault = update = __ior__ = _refuse

    def __deepcopy__(self, memo: dict[int, Any]) -> dict[Any, Any]:
        return {key: deepcopy(item, memo) for key, item in self.items()}

    def __copy__(self) -> dict[Any, Any]:
        return dict(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return dict, (dict(self),)


class FrozenList(list[Any]):
    """A list that can't be changed; copies of it can."""

    append = extend = insert = remove = pop = clear = sort = reverse = _refuse
    __setitem__ = __delitem__ = __iadd__ = __imul__ = _refuse

    def __deepcopy__(self, memo: dict[int, Any]) -> list[Any]:
        return [deepcopy(item, memo) for item in self]

    def __copy__(self) -> list[Any]:
        return list(self)

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (list(self),)
