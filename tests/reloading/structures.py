"""Random nested structures of all that modules hold, and all ways to change one of their objects a little."""

from __future__ import annotations

import functools
import io
import types
from collections import Counter, OrderedDict, UserList, defaultdict, deque

import numpy as np
from hypothesis import strategies as st

MODULE = "own_structures"


class Plain:
    """An instance with attributes."""

    def __init__(self, *held):
        self.held = held


class Slotted:
    """An instance with slots, one of them empty, that refuses to be changed."""

    __slots__ = ("empty", "held")

    def __init__(self, *held):
        object.__setattr__(self, "held", held)

    def __setattr__(self, name, value):
        raise TypeError(name)


class Odd(dict):
    """A dict whose own methods know nothing of what it holds."""

    def __iter__(self):
        return iter(())

    def __len__(self):
        return 0

    def keys(self):
        return ()

    def items(self):
        return ()


def closure(*held):
    """Return a function over a cell."""
    count = 0

    def inner(default=held):
        nonlocal count
        count += 1
        return count, default, held

    return inner


def made_class(*held):
    """Return a class of our own."""
    return type("Made", (Plain,), {"__module__": MODULE, "attribute": list(held), "method": closure(*held)})


def cached(*held):
    """Return a function with a cache."""
    return functools.lru_cache(closure(*held))


MAKERS = {
    "tuple": lambda *held: held,
    "list": lambda *held: list(held),
    "dict": lambda *held: dict(enumerate(held)),
    "by name": lambda *held: {str(number): each for number, each in enumerate(held)},
    "deque": lambda *held: deque(held),
    "defaultdict": lambda *held: defaultdict(list, enumerate(held)),
    "OrderedDict": lambda *held: OrderedDict(enumerate(held)),
    "Odd": lambda *held: Odd(enumerate(held)),
    "proxy": lambda *held: types.MappingProxyType(dict(enumerate(held))),
    "UserList": lambda *held: UserList(held),
    "namespace": lambda *held: types.SimpleNamespace(held=list(held)),
    "Plain": Plain,
    "Slotted": Slotted,
    "class": made_class,
    "closure": closure,
    "cached": cached,
    "partial": lambda *held: functools.partial(closure(*held), *held, held=list(held)),
    "method": lambda *held: Plain(*held).__init__,
    "error": ValueError,
}
LEAVES = {
    "int": lambda: 3,
    "text": lambda: "text",
    "float": lambda: 2.5,
    "none": lambda: None,
    "set": lambda: {1, 2},
    "Counter": lambda: Counter("aab"),
    "bytearray": lambda: bytearray(b"abc"),
    "array": lambda: np.arange(6.0).reshape(2, 3),
    "view": lambda: np.arange(12).reshape(3, 4).T[::2],
    "text stream": lambda: io.StringIO("text"),
    "bytes stream": lambda: io.BytesIO(b"text"),
}


def _built(maker, parts):
    return MAKERS[maker](*parts)


structures = st.recursive(
    st.sampled_from(sorted(LEAVES)).map(lambda name: LEAVES[name]()),
    lambda parts: st.builds(_built, st.sampled_from(sorted(MAKERS)), st.lists(parts, max_size=4)),
    max_leaves=12,
)


def changes(value):
    """Return the ways to change one object, as functions."""
    found = _of_container(value)
    if isinstance(value, types.FunctionType):
        cells = [cell for cell in value.__closure__ or () if isinstance(cell.cell_contents, int)]
        found += [functools.partial(setattr, value, "mark", 1), functools.partial(setattr, value, "__doc__", "other")]
        found += [functools.partial(setattr, value, "__defaults__", (9,))]
        found += [functools.partial(setattr, cell, "cell_contents", 99) for cell in cells]
    elif isinstance(value, type):
        found += [functools.partial(setattr, value, "mark", 1), functools.partial(delattr, value, "method")]
        found += [functools.partial(setattr, value, "__bases__", (Other,))]
    elif isinstance(value, Slotted):
        found += [functools.partial(object.__setattr__, value, name, 1) for name in ("empty", "held")]
        found += [functools.partial(object.__delattr__, value, "held")]
    elif type(value) is type(functools.lru_cache(closure)):
        found += [value]
    elif hasattr(value, "__dict__"):
        found += [functools.partial(setattr, value, "mark", 1)]
        if isinstance(value, Plain):
            found += [functools.partial(delattr, value, "held"), functools.partial(setattr, value, "__class__", Other)]
            found += [functools.partial(setattr, value, "__dict__", {"mark": 1})]
    return found


class Other(Plain):
    """Another class of the same layout."""


def _of_container(value):  # noqa: C901, PLR0911
    match value:
        case list():
            return [functools.partial(list.append, value, 1), functools.partial(list.insert, value, 0, 1)]
        case OrderedDict() if len(value) > 1:
            return [functools.partial(value.move_to_end, next(iter(value))), functools.partial(value.popitem)]
        case Odd():
            return [functools.partial(dict.__setitem__, value, "new", 1), functools.partial(dict.clear, value)][
                : 1 + dict.__len__(value)
            ]
        case defaultdict():
            return [lambda: value["new"], functools.partial(setattr, value, "default_factory", int)]
        case dict():
            first = next(iter(value), "new")
            return [functools.partial(value.update, {"new": 1}), functools.partial(value.__setitem__, first, "changed")]
        case set():
            return [functools.partial(value.add, 9), functools.partial(value.discard, 1)]
        case deque():
            return [functools.partial(value.appendleft, 1)]
        case bytearray():
            return [functools.partial(value.extend, b"x"), functools.partial(value.__setitem__, 0, 0)]
        case np.ndarray():
            return [functools.partial(value.__setitem__, (0, 1), 77)]
        case io.StringIO():
            return [functools.partial(value.write, "x"), functools.partial(value.seek, 2)]
        case io.BytesIO():
            return [functools.partial(value.write, b"x")]
        case BaseException():
            return [functools.partial(setattr, value, "args", ("other",))]
    return []
