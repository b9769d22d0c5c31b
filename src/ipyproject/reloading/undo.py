"""Copies of objects that can be changed, to put back what a load that failed has done to them."""

from __future__ import annotations

import copy
import io
import types
from abc import ABCMeta
from collections import OrderedDict, defaultdict, deque
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from ipyproject.reloading.parts import (
    ARGUMENTS,
    FACTORY,
    LRU_CACHE,
    attributes_of,
    class_bases,
    class_module,
    class_namespace,
    class_qualname,
    items_of,
    of_slot,
    registered,
    slots_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_MISSING = object()
_BUFFERS = frozenset({"builtins.bytearray", "array.array", "numpy.ndarray"})


def copies(objects: Iterable[Any]) -> list[Callable[[], None]]:
    """Copy objects, each one level deep, and return what puts each back as it is now.

    What can't be copied, such as objects of compiled libraries, is left out. An ``lru_cache`` that has computed
    anything meanwhile is emptied: it may have kept what it will not give again.
    """
    return [undo for each in objects for undo in _undone(each)]


def put_back(undo: Iterable[Callable[[], None]]) -> None:
    """Put back what was copied; what refuses stays as it is."""
    for step in undo:
        with suppress(Exception):  # foreign objects may raise anything when they are changed
            step()


def _undone(value: Any) -> list[Callable[[], None]]:
    kind = type(value)
    if kind in _PLAIN:
        return [_PLAIN[kind](value)]
    if issubclass(kind, type):
        return [_of_class(value)]
    undo = [of(value) for base, of in _CONTAINERS if issubclass(kind, base)]
    if f"{class_module(kind)}.{class_qualname(kind)}" in _BUFFERS:
        undo.append(_of_buffer(value))
    return [_of_instance(value), *undo]


def _of_instance(value: Any) -> Callable[[], None]:
    kind, attributes = type(value), attributes_of(value)
    slots = [(slot, of_slot(slot, value, _MISSING)) for slot in slots_of(kind)]
    held = _of_dict(attributes) if attributes is not None else lambda: None

    def put_back() -> None:
        if type(value) is not kind:
            object.__setattr__(value, "__class__", kind)
        if attributes_of(value) is not attributes:
            object.__setattr__(value, "__dict__", attributes)
        held()
        for slot, content in slots:
            if content is not _MISSING:
                slot.__set__(value, content)
            elif of_slot(slot, value, _MISSING) is not _MISSING:
                slot.__delete__(value)

    return put_back


def _of_dict(value: dict[Any, Any]) -> Callable[[], None]:
    kind: Any = OrderedDict if issubclass(type(value), OrderedDict) else dict
    before = items_of(value)

    def put_back() -> None:
        if _ids(items_of(value)) == _ids(before):
            return
        if all(type(key) is str for key in dict.keys(value)):  # names: none that stays is missing for a moment
            held = dict(before)
            for key in [key for key in dict.keys(value) if key not in held]:
                kind.__delitem__(value, key)
            for key, item in before:
                kind.__setitem__(value, key, item)
        if _ids(items_of(value)) != _ids(before):
            kind.clear(value)
            for key, item in before:
                kind.__setitem__(value, key, item)

    return put_back


def _ids(items: Iterable[tuple[Any, Any]]) -> list[tuple[int, int]]:
    return [(id(key), id(item)) for key, item in items]


def _of_default_dict(value: defaultdict[Any, Any]) -> Callable[[], None]:
    factory = FACTORY.__get__(value)
    return lambda: FACTORY.__set__(value, factory)


def _of_list(value: list[Any]) -> Callable[[], None]:
    items = items_of(value)
    return lambda: list.__setitem__(value, slice(None), items)


def _of_set(value: set[Any]) -> Callable[[], None]:
    members = set.copy(value)  # with the hashes that they had

    def put_back() -> None:
        if set(map(id, items_of(value))) != set(map(id, items_of(members))):
            set.clear(value)
            set.update(value, members)

    return put_back


def _of_deque(value: deque[Any]) -> Callable[[], None]:
    items = items_of(value)

    def put_back() -> None:
        deque.clear(value)
        deque.extend(value, items)

    return put_back


def _of_exception(value: BaseException) -> Callable[[], None]:
    args = ARGUMENTS.__get__(value)
    return lambda: ARGUMENTS.__set__(value, args)


def _of_buffer(value: Any) -> Callable[[], None]:
    content = copy.copy(value)
    shape = getattr(content, "shape", None)  # an array of numpy, or one that can grow

    def put_back() -> None:
        if shape is None:
            value[:] = content
            return
        if value.shape != shape:
            value.shape = shape
        value[...] = content

    return put_back


def _of_stream(value: Any) -> Callable[[], None]:
    state = value.__getstate__()
    return lambda: value.__setstate__(state)


def _of_function(function: types.FunctionType) -> Callable[[], None]:
    code, defaults, keywords, text = function.__code__, function.__defaults__, function.__kwdefaults__, function.__doc__
    held, attributes = dict(keywords or {}), _of_dict(function.__dict__)

    def put_back() -> None:
        function.__code__, function.__defaults__, function.__doc__ = code, defaults, text
        if keywords is not None:
            keywords.clear()
            keywords.update(held)
        function.__kwdefaults__ = keywords
        attributes()

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


def _of_context_variable(variable: ContextVar[Any]) -> Callable[[], None]:
    was_set = variable.get(_MISSING)
    try:
        content = variable.get()
    except LookupError:  # it can't be made unset again
        return lambda: None

    def put_back() -> None:
        if variable.get(_MISSING) is not was_set:
            variable.set(content)

    return put_back


def _of_lru_cache(function: Any) -> Callable[[], None]:
    misses = function.cache_info().misses

    def put_back() -> None:
        if function.cache_info().misses != misses:
            function.cache_clear()

    return put_back


def _of_class(cls: type) -> Callable[[], None]:
    held, bases, known = dict(class_namespace(cls)), class_bases(cls), registered(cls)

    def put_back() -> None:
        now = class_namespace(cls)
        for name in [name for name in now if name not in held]:
            with suppress(AttributeError, TypeError):
                type.__delattr__(cls, name)
        for name, item in held.items():
            if now.get(name, _MISSING) is not item:
                with suppress(AttributeError, TypeError):
                    type.__setattr__(cls, name, item)
        if class_bases(cls) != bases:
            type.__setattr__(cls, "__bases__", bases)
        if registered(cls) != known:
            _register_again(cls, known)

    return put_back


def _register_again(cls: type, known: Iterable[type]) -> None:
    from _abc import _reset_caches, _reset_registry  # type: ignore[import-not-found]  # private, in every CPython

    _reset_registry(cls)
    _reset_caches(cls)
    for each in known:
        ABCMeta.register(cls, each)  # type: ignore[arg-type]  # it is one


_CONTAINERS: tuple[tuple[type, Callable[[Any], Callable[[], None]]], ...] = (
    (dict, _of_dict),
    (list, _of_list),
    (set, _of_set),
    (deque, _of_deque),
    (defaultdict, _of_default_dict),
    (BaseException, _of_exception),
    (LRU_CACHE, _of_lru_cache),
    (io.StringIO, _of_stream),
    (io.BytesIO, _of_stream),
)
_PLAIN: dict[type, Callable[[Any], Callable[[], None]]] = {
    **dict(_CONTAINERS[:4]),
    types.FunctionType: _of_function,
    types.CellType: _of_cell,
    ContextVar: _of_context_variable,
}
