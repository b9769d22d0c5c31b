"""What objects are made of, taken from them by the built-in types they derive from: no code of theirs is called."""

from __future__ import annotations

import functools
import threading
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

ARGUMENTS: Any = BaseException.args  # descriptors, at run time
FACTORY: Any = defaultdict.__dict__["default_factory"]
LRU_CACHE = type(functools.lru_cache(lambda: None))
_SEQUENCES: tuple[Any, ...] = (list, tuple, set, frozenset, deque)
_SEEN_WHOLE = frozenset(
    {*_SEQUENCES, dict, defaultdict, OrderedDict, int, str, bytes, float, complex}
    | {functools.partial, weakref.ref, types.MappingProxyType, threading.local}
)
_POINTER = 8

_MODULE: Any = types.ModuleType
namespace_of: Callable[[types.ModuleType], dict[str, Any]] = _MODULE.__dict__["__dict__"].__get__
"""Returns the globals of a module, also of a lazy one that would be loaded if it were asked."""
class_namespace: Callable[[type], Mapping[str, Any]] = type.__dict__["__dict__"].__get__
"""Returns what a class itself defines, whatever its metaclass does."""
class_mro: Callable[[type], tuple[type, ...]] = type.__dict__["__mro__"].__get__
class_bases: Callable[[type], tuple[type, ...]] = type.__dict__["__bases__"].__get__
class_module: Callable[[type], Any] = type.__dict__["__module__"].__get__
class_qualname: Callable[[type], str] = type.__dict__["__qualname__"].__get__


def items_of(value: Any) -> list[Any]:
    """Return what a built-in container, or one that derives from it, holds; of a dict pairs."""
    kind = type(value)
    if kind not in _SEQUENCES and issubclass(kind, dict):
        return list(OrderedDict.items(value) if issubclass(kind, OrderedDict) else dict.items(value))
    iterate = kind if kind in _SEQUENCES else next(base for base in _SEQUENCES if issubclass(kind, base))
    return list(iterate.__iter__(value))


def attributes_of(value: Any) -> dict[str, Any] | None:
    """Return the attributes of an instance, whatever its class does about them; None where it has no place for any."""
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        if not issubclass(type(value), threading.local):
            return None
        attributes = threading.local.__getattribute__(value, "__dict__")  # this thread's
    return attributes if issubclass(type(attributes), dict) else None


def slots_of(cls: type) -> list[Any]:
    """Return the descriptors of the slots of a class and of those that it derives from."""
    return [
        item
        for namespace in map(class_namespace, class_mro(cls))
        if "__slots__" in namespace
        for item in namespace.values()
        if type(item) is types.MemberDescriptorType
    ]


def of_slot(slot: Any, value: Any, missing: Any = None) -> Any:
    """Return what an instance has in a slot."""
    try:
        return slot.__get__(value, type(value))
    except AttributeError:
        return missing


def registered(cls: type) -> list[type]:
    """Return the classes that were registered with an abstract one (``ABC.register``)."""
    if "_abc_impl" not in class_namespace(cls):
        return []
    # What the standard library's ABCMeta._dump_registry() prints.
    from _abc import _get_dump  # type: ignore[import-not-found]  # private, in every CPython

    return [found for reference in _get_dump(cls)[0] if (found := reference()) is not None]


def hidden_state(cls: type) -> type | None:
    """Return the one of a class and its bases whose instances hold what Python can't see; None for none."""
    for each in class_mro(cls):
        if each not in _SEEN_WHOLE and not issubclass(each, BaseException) and _is_larger_than_seen(each):
            return each
    return None


def _is_larger_than_seen(cls: type) -> bool:
    """Whether instances have more in them than those of the class below, other than attributes and slots."""
    of = functools.partial(type.__getattribute__, cls)
    base = of("__base__")
    if base is None:
        return False
    of_base = functools.partial(type.__getattribute__, base)
    seen = sum(of(offset) > 0 and not of_base(offset) for offset in ("__dictoffset__", "__weakrefoffset__"))
    if "__slots__" in class_namespace(cls):
        seen += sum(type(item) is types.MemberDescriptorType for item in class_namespace(cls).values())
    return bool(of("__basicsize__") > of_base("__basicsize__") + _POINTER * seen)
