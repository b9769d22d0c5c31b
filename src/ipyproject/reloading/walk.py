"""A walk over what modules hold: whose objects they reach, and whether any of it has become another.

Nothing is worked out from sources here: objects are looked at. What can change (containers, instances, functions,
classes) belongs to the module that reached it first, whose own it nearly always is, since modules end their execution in
the order in which they depend on each other; another module that reaches it depends on its owner and does not look again.

What can't be looked into (generators, iterators, objects of compiled libraries) may change unseen: its holder is in doubt.
"""

from __future__ import annotations

import functools
import io
import logging
import operator
import random
import re
import sys
import threading
import types
import weakref
from collections import deque
from contextvars import ContextVar
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from ipyproject.reloading.libraries import Libraries

BUDGET = 20_000
"""How many objects of one module are visited; one that holds more is in doubt."""
_BUFFER_BYTES = 1 << 20  # of arrays up to this size the content is looked at

_MODULE_MACHINERY = frozenset(
    """__annotations__ __builtins__ __cached__ __doc__ __file__ __loader__ __name__ __package__ __path__ __spec__
    __warningregistry__""".split()
)
_CLASS_MACHINERY = frozenset(
    """__dict__ __weakref__ __doc__ __module__ __qualname__ _abc_impl __annotations_cache__ __firstlineno__
    __static_attributes__ __slotnames__""".split()
)
# Compared by their values; all else is compared by identity, and looked into.
_VALUES = frozenset({int, str, bytes, bool, float, complex, type(None), type(...), type(NotImplemented)})
_LEAVES = (
    types.BuiltinFunctionType,
    types.WrapperDescriptorType,
    types.MethodDescriptorType,
    types.ClassMethodDescriptorType,
    types.GetSetDescriptorType,
    types.MemberDescriptorType,
    types.MethodWrapperType,
    types.CodeType,
    types.UnionType,
    range,
    slice,
    re.Pattern,
    operator.itemgetter,
    operator.attrgetter,
    operator.methodcaller,
    ContextVar,
    type(threading.Lock()),
    type(threading.RLock()),
    # What these hold is not what a project determines.
    PurePath,
    logging.Logger,
    logging.Handler,
    random.Random,
    io.IOBase,
    threading.Thread,
)
_LEAVES_OF = ("numpy.random.", "concurrent.futures.", "typing.")
_OURS = "ipyproject."
_LRU_CACHE = type(functools.lru_cache(lambda: None))
_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8  # Py_TPFLAGS_HEAPTYPE, Py_TPFLAGS_IMMUTABLETYPE


class Region:
    """What one module holds.

    Attributes:
        fingerprint: Equal, within one walk, while nothing in the region has become another.
        reaches: Modules of the project of which something is held.
        is_in_doubt: Something in it may change unseen.
        objects: Those that can be changed, in the order in which they were met.
    """

    __slots__ = ("fingerprint", "is_in_doubt", "objects", "reaches")

    def __init__(self) -> None:
        self.fingerprint: list[Any] = []
        self.reaches: set[str] = set()
        self.is_in_doubt = False
        self.objects: list[Any] = []


class Walk:
    """Looks at modules, as often as wanted while a load goes on.

    All that it has met stays alive as long as it does, so that ids stay those of the objects: drop it with the load.

    Args:
        own: Names of the project's modules; may grow meanwhile.
        libraries: Knows what other modules hold: it is theirs.
    """

    def __init__(self, own: Collection[str], libraries: Libraries) -> None:
        self.own = own
        self.libraries = libraries
        self.owners: dict[int, str] = {}
        self.met: list[Any] = []
        self.entering: dict[type, Callable[[_Look, Any], None] | None] = dict(_ENTERING)
        self._kinds: dict[type, _Kind] = {}

    def look(self, name: str, module: Any) -> Region:
        """Look at what a module holds now.

        Args:
            name: Its name.
            module: What ``sys.modules`` has under it.
        """
        look = _Look(self, name)
        look.at(module)
        return look.region

    def kind_of(self, cls: type) -> _Kind:
        """Return what instances of a class are looked into for."""
        kind = self._kinds.get(cls)
        if kind is None:
            kind = self._kinds[cls] = _Kind(cls)
        return kind


class _Look:
    """One look at one module."""

    def __init__(self, walk: Walk, name: str) -> None:
        self.region = Region()
        self._walk = walk
        self._name = name
        self._print = self.region.fingerprint
        self._pending: deque[Any] = deque()
        self._visited: set[int] = set()

    def at(self, module: Any) -> None:
        if isinstance(module, types.ModuleType):
            self._root(module)
        else:
            self._see(module)
        left = BUDGET
        while self._pending:
            left -= 1
            value = self._pending.popleft()
            try:
                self._enter(value)
            except Exception:  # noqa: BLE001 - foreign objects may raise anything when they are looked at
                self.region.is_in_doubt = True
            if left < 0:
                self.region.is_in_doubt = True
                return

    def _root(self, module: types.ModuleType) -> None:
        namespace = vars(module)
        self.region.objects.append(module)
        prefix = f"{self._name}." if "__path__" in namespace else None
        for key, value in list(namespace.items()):
            if key in _MODULE_MACHINERY:
                continue
            if prefix and issubclass(type(value), types.ModuleType) and sys.modules.get(prefix + key) is value:
                continue  # the import of a submodule has set it
            self._print.append(key)
            self._see(value)

    def _see(self, value: Any) -> None:
        """Take note of an object where it is held, and let it be entered if that was not done."""
        kind = type(value)
        if kind in _VALUES:
            self._print.append(value if kind is str or kind is int else (kind, repr(value)))
            return
        number = id(value)
        self._print.append(number)
        if number not in self._visited:
            self._visited.add(number)
            self._walk.met.append(value)
            self._pending.append(value)

    def _enter(self, value: Any) -> None:
        kind = type(value)
        try:
            entering = self._walk.entering[kind]
        except KeyError:
            entering = self._walk.entering[kind] = _entering(kind)
        if entering is not None:
            entering(self, value)

    def _claims(self, value: Any) -> bool:
        """Whether an object that can change is this module's."""
        owner = self._walk.owners.setdefault(id(value), self._name)
        if owner != self._name:
            self.region.reaches.add(owner)
            return False
        if self._walk.libraries.have(value):
            return False
        self.region.objects.append(value)
        return True

    def _is_defined_here(self, value: Any, home: object) -> bool:
        """Whether a function or a class is this module's to look into: not if it is another's, under its own name."""
        is_own = isinstance(home, str) and home in self._walk.own
        if is_own:
            self.region.reaches.add(str(home))
        return home == self._name or not _is_at_home(value, home)

    # -- functions and what is made of them

    def _function(self, function: types.FunctionType) -> None:
        if not self._is_defined_here(function, function.__globals__.get("__name__")) or not self._claims(function):
            return
        self._print.append(function.__code__)
        for part in (function.__defaults__, function.__kwdefaults__, function.__closure__, function.__dict__):
            if part:
                self._see(part)

    def _cell(self, cell: types.CellType) -> None:
        if self._claims(cell):
            try:
                content = cell.cell_contents
            except ValueError:  # empty
                return
            self._see(content)

    def _method(self, method: types.MethodType) -> None:
        self._see(method.__self__)
        self._see(method.__func__)

    def _wrapper(self, wrapper: Any) -> None:
        self._see(wrapper.__func__)

    def _property(self, value: property) -> None:
        for part in (value.fget, value.fset, value.fdel):
            self._see(part)

    def _partial(self, partial: functools.partial[Any]) -> None:
        for part in (partial.func, partial.args, partial.keywords, partial.__dict__):
            self._see(part)

    def _lru_cache(self, function: Any) -> None:
        if self._claims(function):
            self._print.append(function.cache_info())
            self._see(function.__wrapped__)

    def _weak(self, reference: weakref.ref[Any]) -> None:
        self._see(reference())

    def _module(self, module: types.ModuleType) -> None:
        name = vars(module).get("__name__")
        if isinstance(name, str) and name in self._walk.own:
            self.region.reaches.add(name)

    # -- classes and instances

    def _class(self, cls: type) -> None:
        home = cls.__dict__.get("__module__")
        if home not in self._walk.own or not self._is_defined_here(cls, home) or not self._claims(cls):
            return
        for part in (*cls.__bases__, type(cls)):
            self._see(part)
        for key, value in list(cls.__dict__.items()):
            if key not in _CLASS_MACHINERY and not (key == "__annotations__" and not value):
                self._print.append(key)
                self._see(value)
        subclasses: list[type] = type.__subclasses__(cls)
        for subclass in subclasses:
            below = subclass.__dict__.get("__module__")
            if isinstance(below, str) and below in self._walk.own:
                self.region.reaches.add(below)
        for registered in _registered(cls):
            self._see(registered)

    def _instance(self, value: Any) -> None:
        kind = self._walk.kind_of(type(value))
        if kind.home in self._walk.own:
            self._see(type(value))
        elif kind.is_leaf:
            return
        attributes = attributes_of(value)
        if kind.content is not None:
            kind.content(self, value)
        elif (attributes is not None or kind.slots) and not self._claims(value):
            return
        if isinstance(value, BaseException):
            self._see(value.args)
        for key, item in list(attributes.items()) if attributes else ():
            if key not in kind.caches:
                self._print.append(key)
                self._see(item)
        for slot in kind.slots:
            self._see(of_slot(slot, value))
        if kind.hidden is not None and not self._buffer(value):
            # By convention, what defines its own equality and its own hash never changes: dates, decimals, dtypes.
            is_value = vars(kind.hidden).get("__hash__") is not None
            self.region.is_in_doubt |= not is_value and not self._walk.libraries.have(value)

    def _buffer(self, value: Any) -> bool:
        """Look at the content of an array of numbers; False where there is none, or too much."""
        try:
            view = memoryview(value)
        except (TypeError, ValueError, BufferError):
            return False
        with view:
            if view.nbytes > _BUFFER_BYTES or "O" in view.format:
                return False
            self._print += [view.format, view.shape, view.tobytes()]
        return True

    # -- containers

    def _dict(self, value: Mapping[Any, Any]) -> None:
        if self._claims(value):
            self._mapping(value)

    def _mapping(self, value: Mapping[Any, Any]) -> None:
        self._print.append(len(value))
        for key, item in list(dict.items(value) if isinstance(value, dict) else value.items()):
            self._see(key)
            self._see(item)

    def _changeable(self, value: Collection[Any]) -> None:
        if self._claims(value):
            self._sequence(value)

    def _sequence(self, value: Collection[Any]) -> None:
        items = list(value)
        self._print.append(len(items))
        for item in items:
            self._see(item)


_CONTAINERS: tuple[tuple[type, Callable[[_Look, Any], None]], ...] = (
    (dict, _Look._dict),
    (list, _Look._changeable),
    (set, _Look._changeable),
    (deque, _Look._changeable),
    (tuple, _Look._sequence),
    (frozenset, _Look._sequence),
    (types.MappingProxyType, _Look._mapping),
    (functools.partial, _Look._partial),
    (weakref.ref, _Look._weak),
)
_ENTERING: dict[type, Callable[[_Look, Any], None]] = {
    **dict(_CONTAINERS),
    types.FunctionType: _Look._function,
    types.CellType: _Look._cell,
    types.MethodType: _Look._method,
    staticmethod: _Look._wrapper,
    classmethod: _Look._wrapper,
    property: _Look._property,
    _LRU_CACHE: _Look._lru_cache,
    type: _Look._class,
}
_TRANSPARENT = (object, int, str, bytes, float, complex, BaseException, *dict(_CONTAINERS))


def _entering(kind: type) -> Callable[[_Look, Any], None] | None:
    """Return how objects of a kind are looked into; None where there is nothing to see."""
    if issubclass(kind, type):
        return _Look._class  # noqa: SLF001 - of this file
    if issubclass(kind, types.ModuleType):
        return _Look._module
    return None if issubclass(kind, _LEAVES) else _Look._instance


def _is_at_home(value: Any, home: object) -> bool:
    """Whether a module has a function or a class under its own name, or in a class of its own."""
    top, _, rest = value.__qualname__.partition(".")
    found = getattr(sys.modules.get(str(home)), "__dict__", {}).get(top)
    return found is value or ("<locals>" not in rest and rest != "" and isinstance(found, type))


class _Kind:
    """What instances of a class are looked into for.

    Attributes:
        home: The module in which the class stands.
        is_leaf: There is nothing to see.
        content: Enters what it holds as a container.
        slots: Descriptors of its slots.
        caches: Names of attributes that come into being when somebody asks, of our own classes.
        hidden: The class, of those that it derives from, whose instances hold what Python can't see.
    """

    __slots__ = ("caches", "content", "hidden", "home", "is_leaf", "slots")

    def __init__(self, cls: type) -> None:
        self.home: Any = cls.__dict__.get("__module__")
        home = f"{self.home}."
        self.is_leaf = issubclass(cls, Enum) or home.startswith(_LEAVES_OF)
        self.content = next((entering for container, entering in _CONTAINERS if issubclass(cls, container)), None)
        self.slots = slots_of(cls)
        self.caches = _caches(cls) if home.startswith(_OURS) else frozenset()
        self.hidden = _hidden_state(cls)


def attributes_of(value: Any) -> dict[str, Any] | None:
    """Return the attributes of an instance, whatever its class does about them; None where it has no place for any."""
    try:
        attributes = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return None
    return attributes if isinstance(attributes, dict) else None


def slots_of(cls: type) -> list[Any]:
    """Return the descriptors of the slots of a class and of those that it derives from."""
    return [
        item
        for each in cls.__mro__
        if "__slots__" in each.__dict__
        for item in each.__dict__.values()
        if type(item) is types.MemberDescriptorType
    ]


def of_slot(slot: Any, value: Any, missing: Any = None) -> Any:
    """Return what an instance has in a slot."""
    try:
        return slot.__get__(value, type(value))
    except AttributeError:
        return missing


def _caches(cls: type) -> frozenset[str]:
    return frozenset(
        name for each in cls.__mro__ for name, item in each.__dict__.items() if type(item) is functools.cached_property
    )


def _registered(cls: type) -> list[Any]:
    """Return the classes that were registered with an abstract one (``ABC.register``)."""
    if "_abc_impl" not in cls.__dict__:
        return []
    # What the standard library's ABCMeta._dump_registry() prints.
    from _abc import _get_dump  # type: ignore[import-not-found]  # private, in every CPython

    return [reference() for reference in _get_dump(cls)[0]]


def _hidden_state(cls: type) -> type | None:
    for each in cls.__mro__:
        is_written_in_python = each.__flags__ & _HEAP_TYPE and not each.__flags__ & _IMMUTABLE_TYPE
        if not is_written_in_python and each not in _TRANSPARENT and not issubclass(each, BaseException):
            return each
    if cls.__dictoffset__ or any("__slots__" in each.__dict__ for each in cls.__mro__):
        return None
    return None if issubclass(cls, _TRANSPARENT[1:]) else cls
