"""Copies of objects that can be changed, to put back what a load that failed has done to them."""

from __future__ import annotations

import types
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ipyproject.reloading.walk import attributes_of, of_slot, slots_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MISSING = object()


def copies(objects: Iterable[Any]) -> list[Callable[[], None]]:
    """Copy objects, each one level deep, and return what puts each back as it is now.

    What can't be copied (the counters of ``lru_cache``, what compiled libraries hold) is left out.
    """
    return [undo for each in objects if (undo := _copy(each)) is not None]


def _copy(value: Any) -> Callable[[], None] | None:
    if isinstance(value, types.FunctionType):
        return _of_function(value)
    if isinstance(value, types.CellType):
        return _of_cell(value)
    if isinstance(value, type):
        return _of_class(value)
    undo = _of_container(value)
    attributes = attributes_of(value)
    slots = [(slot, of_slot(slot, value, _MISSING)) for slot in slots_of(type(value))]
    if attributes is None and not slots:
        return undo
    held = dict(attributes or {})

    def put_back() -> None:
        if undo is not None:
            undo()
        if attributes is not None:
            put_back_dict(attributes, held)
        for slot, content in slots:
            if content is not _MISSING:
                slot.__set__(value, content)
            elif of_slot(slot, value, _MISSING) is not _MISSING:
                slot.__delete__(value)

    return put_back


def put_back_dict(now: dict[Any, Any], before: dict[Any, Any]) -> None:
    """Make a dict what it was, without a moment at which what it still holds is missing."""
    for key in list(now):
        if key not in before:
            dict.pop(now, key, None)
    for key, item in before.items():
        if dict.get(now, key, _MISSING) is not item:
            dict.__setitem__(now, key, item)
    if list(now) != list(before):  # what was taken out in between came back at the end
        dict.clear(now)
        dict.update(now, before)


def _of_container(value: Any) -> Callable[[], None] | None:
    if isinstance(value, dict):
        held = dict(value)
        return lambda: put_back_dict(value, held)
    if isinstance(value, list):
        items = list(value)
        return lambda: list.__setitem__(value, slice(None), items)
    if isinstance(value, set):
        members = set(value)

        def put_back() -> None:
            set.intersection_update(value, members)
            set.update(value, members)

        return put_back
    if isinstance(value, deque):
        queue = list(value)

        def refill() -> None:
            if list(value) != queue:
                deque.clear(value)
                deque.extend(value, queue)

        return refill
    return None


def _of_function(function: types.FunctionType) -> Callable[[], None]:
    code, defaults, keywords = function.__code__, function.__defaults__, function.__kwdefaults__
    attributes = dict(function.__dict__)
    held = dict(keywords) if keywords else None

    def put_back() -> None:
        function.__code__ = code
        function.__defaults__ = defaults
        if keywords is not None and held is not None:
            put_back_dict(keywords, held)
        function.__kwdefaults__ = keywords
        put_back_dict(function.__dict__, attributes)

    return put_back


def _of_cell(cell: types.CellType) -> Callable[[], None]:
    try:
        content = cell.cell_contents
    except ValueError:
        content = _MISSING

    def put_back() -> None:
        if content is not _MISSING:
            cell.cell_contents = content
        else:
            with suppress(ValueError):
                del cell.cell_contents

    return put_back


def _of_class(cls: type) -> Callable[[], None]:
    held, bases = dict(cls.__dict__), cls.__bases__

    def put_back() -> None:
        for name in [name for name in cls.__dict__ if name not in held]:
            with suppress(AttributeError, TypeError):
                type.__delattr__(cls, name)
        for name, item in held.items():
            if cls.__dict__.get(name, _MISSING) is not item:
                with suppress(AttributeError, TypeError):
                    type.__setattr__(cls, name, item)
        if cls.__bases__ != bases:
            with suppress(TypeError):
                cls.__bases__ = bases

    return put_back
