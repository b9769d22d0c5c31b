"""A walk over what modules hold: whose objects they reach, and whether any of it has become another.

Nothing is worked out from sources here: objects are looked at. What can change (containers, instances, functions,
classes) belongs to the module that reached it first, whose own it nearly always is, since modules end their execution
in the order in which they depend on each other; another module that reaches it depends on its owner and does not look.

What can't be looked into (generators, iterators, objects of compiled libraries) may change unseen: its holder is in
doubt. No code of the objects is called: what they hold is taken from them by the built-in types that they derive from.
"""

from __future__ import annotations

import functools
import gc
import io
import logging
import operator
import random
import re
import sys
import threading
import types
import weakref
from collections import OrderedDict, defaultdict, deque, namedtuple
from contextvars import ContextVar
from enum import Enum
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from ipyproject.reloading.parts import (
    ARGUMENTS,
    FACTORY,
    LRU_CACHE,
    attributes_of,
    class_bases,
    class_module,
    class_mro,
    class_namespace,
    class_qualname,
    hidden_state,
    items_of,
    namespace_of,
    of_slot,
    registered,
    slots_of,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from ipyproject.reloading.libraries import Libraries

BUDGET = 20_000
"""How many objects of one module are visited; one that holds more is in doubt."""
_AT_ONCE = 64  # items of a container, or bytes of an array, that are compared in the time in which one is visited

_MODULE_MACHINERY = frozenset(
    """__annotations__ __builtins__ __cached__ __doc__ __file__ __loader__ __name__ __package__ __path__ __spec__
    __warningregistry__""".split()  # noqa: SIM905 - not a page of them
)
_CLASS_MACHINERY = frozenset(
    """__dict__ __weakref__ __module__ __qualname__ _abc_impl __annotations_cache__ __firstlineno__
    __static_attributes__ __slotnames__ _value2member_map_""".split()  # noqa: SIM905
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
    type(vars(namedtuple("_Row", "cell"))["cell"]),  # noqa: PYI024 - what it makes is meant
    range,
    slice,
    re.Pattern,
    re.Match,
    operator.itemgetter,
    operator.attrgetter,
    operator.methodcaller,
    type(threading.Lock()),
    type(threading.RLock()),
    # What these hold is not what a project determines.
    PurePath,
    logging.Logger,
    logging.Handler,
    random.Random,
    io.IOBase.__mro__[1],  # the compiled one: no class can say that it is one of its own
    threading.Thread,
)
_PARTS_OF_PARTIAL: tuple[Any, ...] = (functools.partial.func, functools.partial.args, functools.partial.keywords)
# Of functools.singledispatch: filled by calls.
_CACHES_OF_DISPATCH = frozenset({"cache_token", "dispatch_cache", "_clear_cache"})
_first = operator.itemgetter(0)
_BY_IDENTITY: tuple[Any, ...] = (object.__hash__, None)
_LEAVES_OF = ("numpy.random.", "concurrent.futures.", "typing.", "zoneinfo.", "_json.", "_struct.", "pydantic_core.")
_OURS = "ipyproject."


class Region:
    """What one module holds.

    Attributes:
        held: What was met, place by place.
        values: What is compared by value, likewise.
        reaches: Modules of the project of which something is held.
        below: Modules of the project whose classes derive from some of this one.
        is_in_doubt: Something in it may change unseen.
        objects: Those that can be changed, in the order in which they were met.
    """

    __slots__ = ("below", "held", "is_in_doubt", "objects", "reaches", "values")

    def __init__(self) -> None:
        self.held: list[Any] = []
        self.values: list[Any] = []
        self.reaches: set[str] = set()
        self.below: set[str] = set()
        self.is_in_doubt = False
        self.objects: list[Any] = []

    def is_as(self, other: Region) -> bool:
        """Whether nothing in the region has become another since it was looked at before."""
        same_size = len(self.held) == len(other.held) and self.values == other.values
        return same_size and all(map(operator.is_, self.held, other.held))


class Walk:
    """Looks at modules, as often as wanted while a load goes on.

    What it has found an owner of stays alive as long as it does: drop it with the load.

    Args:
        own: Names of the project's modules; may grow meanwhile.
        libraries: Knows what other modules hold: it is theirs.
    """

    def __init__(self, own: Collection[str], libraries: Libraries) -> None:
        self.own = own
        self.libraries = libraries
        self.owners: dict[int, tuple[str, Any]] = {}
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
        self._values, self._held = self.region.values, self.region.held
        self._pending: deque[Any] = deque()
        self._visited: set[int] = set()
        self._left = BUDGET
        self._is_librarys = walk.libraries.have

    def at(self, module: Any) -> None:
        if issubclass(type(module), types.ModuleType):
            self._root(module)
        else:
            self._see(module)
        entering, visits = self._walk.entering, 0
        while self._pending:
            visits += 1
            value = self._pending.popleft()
            kind = type(value)
            try:
                enter = entering[kind] if kind in entering else entering.setdefault(kind, _entering(kind))
                if enter is not None:
                    enter(self, value)
            except Exception:  # noqa: BLE001 - foreign objects may raise anything when they are looked at
                self.region.is_in_doubt = True
            if visits > self._left:
                self.region.is_in_doubt = True
                return

    def _root(self, module: types.ModuleType) -> None:
        namespace = namespace_of(module)
        self.region.objects.append(module)
        kind = type(module)
        self._held.append(class_namespace(kind).get("__bridged__", kind))
        prefix = f"{self._name}." if "__path__" in namespace else None
        for key, value in list(namespace.items()):
            if key in _MODULE_MACHINERY:
                continue
            if prefix and issubclass(type(value), types.ModuleType) and sys.modules.get(prefix + key) is value:
                continue  # the import of a submodule has set it
            self._values.append(key)
            self._see(value)

    def _see(self, value: Any) -> None:
        """Take note of an object where it is held, and let it be entered if that was not done."""
        kind = type(value)
        if kind in _VALUES:
            self._values.append(value if kind is str or kind is int else (kind, repr(value)))
            return
        self._held.append(value)
        number = id(value)
        if number not in self._visited:
            self._visited.add(number)
            self._pending.append(value)

    def _claims(self, value: Any) -> bool:
        """Whether an object that can change is this module's."""
        if self._is_librarys(value):
            return False
        owner, _ = self._walk.owners.setdefault(id(value), (self._name, value))
        if owner != self._name:
            self.region.reaches.add(owner)
            return False
        self.region.objects.append(value)
        return True

    def _is_defined_here(self, value: Any, qualname: str, home: object) -> bool:
        """Whether a function or a class is this module's to look into: not if it is another's, under its own name."""
        if type(home) is not str:
            return True
        if home in self._walk.own:
            self.region.reaches.add(home)
        return home == self._name or not _is_at_home(value, qualname, home)

    # -- functions and what is made of them

    def enter_function(self, function: types.FunctionType) -> None:
        home = dict.get(function.__globals__, "__name__")
        if not self._is_defined_here(function, function.__qualname__, home) or not self._claims(function):
            return
        self._values.append(function.__code__)
        for part in (function.__doc__, function.__defaults__, function.__kwdefaults__):
            if part:
                self._see(part)
        if function.__closure__ or function.__dict__:
            closed_over = zip(function.__code__.co_freevars, function.__closure__ or (), strict=True)
            held = [*closed_over, *function.__dict__.items()]
            held = [(name, each) for name, each in held if home != "functools" or name not in _CACHES_OF_DISPATCH]
            self._items([part for pair in held for part in pair])

    def enter_cell(self, cell: types.CellType) -> None:
        if self._claims(cell):
            try:
                content = cell.cell_contents
            except ValueError:  # empty
                return
            self._see(content)

    def enter_method(self, method: types.MethodType) -> None:
        self._see(method.__self__)
        self._see(method.__func__)

    def enter_wrapper(self, wrapper: Any) -> None:
        if not self._is_librarys(wrapper):  # as what typing's protocols share
            self._see(wrapper.__func__)
            copied = functools.WRAPPER_ASSIGNMENTS  # the function's
            self._items([part for item in wrapper.__dict__.items() if item[0] not in copied for part in item])

    def enter_property(self, value: property) -> None:
        for part in (value.fget, value.fset, value.fdel):
            self._see(part)

    def enter_partial(self, partial: functools.partial[Any]) -> None:
        for part in _PARTS_OF_PARTIAL:
            self._see(part.__get__(partial))
        self._see(attributes_of(partial))

    def enter_lru_cache(self, function: Any) -> None:
        if self._claims(function):
            self._values.append(function.cache_info())
            self._see(function.__dict__)

    def enter_weak(self, reference: weakref.ref[Any]) -> None:
        self._see(weakref.ref.__call__(reference))

    def enter_context_variable(self, variable: ContextVar[Any]) -> None:
        if self._claims(variable):
            self._see(variable.get(None))

    def enter_stream(self, stream: Any) -> None:
        if self._claims(stream):
            self._values.append(stream.__getstate__()[:-1])
            self._see(attributes_of(stream))

    def enter_alias(self, alias: types.GenericAlias) -> None:
        self._see(alias.__origin__)
        self._see(alias.__args__)

    def enter_union(self, union: types.UnionType) -> None:
        self._see(union.__args__)

    def enter_module(self, module: types.ModuleType) -> None:
        name = namespace_of(module).get("__name__")
        if type(name) is str and name in self._walk.own:
            self.region.reaches.add(name)

    # -- classes and instances

    def enter_class(self, cls: type) -> None:
        home = class_namespace(cls).get("__module__")
        if (
            type(home) is not str
            or home not in self._walk.own
            or not self._is_defined_here(cls, class_qualname(cls), home)
        ):
            return
        if not self._claims(cls):
            return
        for part in (*class_bases(cls), type(cls)):
            self._see(part)
        for key, value in sorted(class_namespace(cls).items(), key=_first):
            if key not in _CLASS_MACHINERY and not (key == "__annotations__" and not value):
                self._values.append(key)
                self._see(value)
        subclasses: list[type] = type.__subclasses__(cls)
        for subclass in subclasses:
            below = class_namespace(subclass).get("__module__")
            if type(below) is str and below in self._walk.own:
                self.region.below.add(below)
        for each in registered(cls):
            self._see(each)

    def enter_instance(self, value: Any) -> None:
        kind = self._walk.kind_of(type(value))
        self._held.append(type(value))
        if kind.home in self._walk.own:
            self._see(type(value))
        elif kind.is_leaf:
            return
        attributes = attributes_of(value)
        if kind.content is not None:
            kind.content(self, value)
        elif (attributes is not None or kind.slots or kind.home in self._walk.own) and not self._claims(value):
            return
        if issubclass(type(value), BaseException):
            self._see(ARGUMENTS.__get__(value))
        for key, item in list(attributes.items()) if attributes else ():
            if not kind.caches or key not in kind.caches:
                self._held.append(key)
                self._see(item)
        for slot in kind.slots:
            self._see(of_slot(slot, value))
        if kind.hidden is not None and not self._buffer(value):
            # By convention, what defines its own equality and its own hash never changes: dates, decimals, dtypes.
            is_value = kind.hidden.__hash__ not in _BY_IDENTITY
            self.region.is_in_doubt |= not is_value and not self._is_librarys(value)

    def _buffer(self, value: Any) -> bool:
        """Look at the content of an array of numbers; False where there is none, or too much."""
        try:
            view = memoryview(value)
        except (TypeError, ValueError, BufferError):
            return False
        with view:
            self._left -= view.nbytes // _AT_ONCE
            if self._left < 0 or "O" in view.format:
                return False
            if self._claims(value):
                self._values += (view.format, view.shape, view.strides, view.tobytes())
        return True

    # -- containers

    def enter_dict(self, value: dict[Any, Any]) -> None:
        if self._claims(value):
            kind: Any = OrderedDict if issubclass(type(value), OrderedDict) else dict
            self._items([*kind.keys(value), *kind.values(value)])

    def enter_default_dict(self, value: defaultdict[Any, Any]) -> None:
        self.enter_dict(value)
        self._see(FACTORY.__get__(value))

    def enter_mapping(self, value: types.MappingProxyType[Any, Any]) -> None:
        if not self._is_librarys(value):
            for mapping in gc.get_referents(value):
                self._see(mapping)

    def enter_changeable(self, value: Collection[Any]) -> None:
        if self._claims(value):
            self.enter_sequence(value)

    def enter_sequence(self, value: Collection[Any]) -> None:
        self._items(items_of(value))

    def _items(self, items: list[Any]) -> None:
        self._left -= len(items) // _AT_ONCE
        if self._left < 0:
            return
        self._values.append(len(items))
        self._held += items
        for item in items:
            if type(item) not in _VALUES and id(item) not in self._visited:
                self._visited.add(id(item))
                self._pending.append(item)


_CONTAINERS: tuple[tuple[type, Callable[[_Look, Any], None]], ...] = (
    (defaultdict, _Look.enter_default_dict),
    (dict, _Look.enter_dict),
    (list, _Look.enter_changeable),
    (set, _Look.enter_changeable),
    (deque, _Look.enter_changeable),
    (tuple, _Look.enter_sequence),
    (frozenset, _Look.enter_sequence),
    (types.MappingProxyType, _Look.enter_mapping),
    (functools.partial, _Look.enter_partial),
    (weakref.ref, _Look.enter_weak),
)
_ENTERING: dict[type, Callable[[_Look, Any], None]] = {
    **dict(_CONTAINERS),
    types.FunctionType: _Look.enter_function,
    types.CellType: _Look.enter_cell,
    types.MethodType: _Look.enter_method,
    staticmethod: _Look.enter_wrapper,
    classmethod: _Look.enter_wrapper,
    property: _Look.enter_property,
    LRU_CACHE: _Look.enter_lru_cache,
    ContextVar: _Look.enter_context_variable,
    io.StringIO: _Look.enter_stream,
    io.BytesIO: _Look.enter_stream,
    types.GenericAlias: _Look.enter_alias,
    types.UnionType: _Look.enter_union,
    type: _Look.enter_class,
}


def _entering(kind: type) -> Callable[[_Look, Any], None] | None:
    """Return how objects of a kind are looked into; None where there is nothing to see."""
    if issubclass(kind, type):
        return _Look.enter_class
    if issubclass(kind, types.ModuleType):
        return _Look.enter_module
    return None if issubclass(kind, _LEAVES) else _Look.enter_instance


def _is_at_home(value: Any, qualname: str, home: str) -> bool:
    """Whether a module has a function or a class under its own name, or in a class of its own."""
    top, _, rest = qualname.partition(".")
    found = (attributes_of(sys.modules.get(home)) or {}).get(top)
    return found is value or ("<locals>" not in rest and rest != "" and issubclass(type(found), type))


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
        module = class_module(cls)
        self.home = module if type(module) is str else ""
        home = f"{self.home}."
        self.is_leaf = issubclass(cls, Enum) or home.startswith(_LEAVES_OF)
        self.content = next((entering for container, entering in _CONTAINERS if issubclass(cls, container)), None)
        self.slots = slots_of(cls)
        self.caches = _caches(cls) if home.startswith(_OURS) else frozenset()
        self.hidden = hidden_state(cls)


def _caches(cls: type) -> frozenset[str]:
    return frozenset(
        name
        for each in class_mro(cls)
        for name, item in class_namespace(each).items()
        if type(item) is functools.cached_property
    )
