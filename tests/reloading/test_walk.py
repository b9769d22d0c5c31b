"""A walk: what it sees of what modules hold, and that it calls no code of theirs."""

from __future__ import annotations

import importlib.util
import sys
import sysconfig
import time
import types
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from ipyproject.reloading.libraries import Libraries
from ipyproject.reloading.undo import copies, put_back
from ipyproject.reloading.walk import Walk

_SPEC = importlib.util.spec_from_file_location("own_structures", Path(__file__).with_name("structures.py"))
structures = importlib.util.module_from_spec(_SPEC)
sys.modules[_SPEC.name] = structures
_SPEC.loader.exec_module(structures)

NAME = "own_holder"
LIBRARIES = Libraries()
LIBRARIES.look()


def walk():
    return Walk({NAME, "own_structures", "own_other"}, LIBRARIES)


def holder(**held):
    module = types.ModuleType(NAME)
    vars(module).update(held)
    return module


@settings(max_examples=200, deadline=None)
@given(structures.structures)
def test_nothing_changed(held):
    """A region is as it was while nothing has changed, and all is seen."""
    seen = walk()
    module = holder(held=held)
    before, after = (seen.look(NAME, module) for _ in range(2))
    assert not before.is_in_doubt
    assert before.is_as(after)


@settings(max_examples=400, deadline=None)
@given(structures.structures, st.data())
def test_any_change_is_seen_and_put_back(held, data):
    """Whatever changes anywhere in what a module holds is seen; what was copied puts it back."""
    seen = walk()
    module = holder(held=held)
    before = seen.look(NAME, module)
    undo = copies(before.objects)
    changes = [change for each in before.objects for change in structures.changes(each) if each is not module]
    assume(changes)
    change = data.draw(st.sampled_from(changes))
    change()
    assert not seen.look(NAME, module).is_as(before)
    put_back(undo)
    after = seen.look(NAME, module)
    if "cache" not in repr(change):  # its counters start anew
        assert after.is_as(before)
    assert after.reaches == before.reaches


TRIPPED = []


def _trip(name):
    def method(*arguments, **named):
        TRIPPED.append(name)
        raise RuntimeError(name)

    return method


SPECIAL = """__getattribute__ __getattr__ __setattr__ __delattr__ __dir__ __eq__ __ne__ __hash__ __len__ __iter__ __bool__
    __contains__ __getitem__ __setitem__ __reduce__ __reduce_ex__ __repr__ __str__ __call__ __index__ __int__ __float__
    __copy__ __deepcopy__ __getstate__ __length_hint__ __next__ __lt__ __sizeof__ __format__ __enter__""".split()  # noqa: SIM905
ORDINARY = ["keys", "items", "values", "get", "copy", "pop", "append", "extend", "update", "add", "clear"]


def _hostile(base):
    members = {name: _trip(name) for name in (*SPECIAL, *ORDINARY)}
    return type("Hostile", (base,), {**members, "__class__": property(_trip("__class__")), "__module__": NAME})


@pytest.mark.parametrize(
    "base", [object, int, str, bytes, float, tuple, list, dict, set, frozenset, types.SimpleNamespace, ValueError]
)
def test_no_code_of_objects_is_called(base):
    """Objects whose methods all raise, and say so, are looked at, copied and put back."""
    TRIPPED.clear()
    value = base.__new__(_hostile(base))
    seen = walk()
    module = holder(value=value, held=[value], by_name={"a": value}, cell=(lambda: value))
    before = seen.look(NAME, module)
    undo = copies(before.objects)
    module.held.append(1)
    assert not seen.look(NAME, module).is_as(before)
    put_back(undo)
    assert seen.look(NAME, module).is_as(before)
    assert not before.is_in_doubt
    assert TRIPPED == []


def test_a_lazy_module_stays_unloaded():
    """A module that is loaded as soon as it is asked for anything is not asked."""

    class Lazy(types.ModuleType):
        def __getattribute__(self, name):
            raise ImportError(name)

    module = holder(lazy=Lazy("lazy"))
    assert not walk().look(NAME, module).is_in_doubt
    sys.modules["lazy_library"] = Lazy("lazy_library")
    try:
        Libraries().look()
    finally:
        del sys.modules["lazy_library"]


def test_metaclasses_are_not_asked():
    """A class is looked into whatever its metaclass does about attributes."""

    class Meta(type):
        def __getattribute__(cls, name):
            raise RuntimeError(name)

        def __setattr__(cls, name, value):
            raise RuntimeError(name)

        def __eq__(cls, other):
            raise RuntimeError("__eq__")

        __hash__ = type.__hash__

    cls = Meta("Made", (), {"__module__": NAME, "held": []})
    seen, module = walk(), holder(cls=cls, instance=object.__new__(cls))
    before = seen.look(NAME, module)
    undo = copies(before.objects)
    type.__setattr__(cls, "new", 1)
    type.__getattribute__(cls, "held").append(1)
    assert not seen.look(NAME, module).is_as(before)
    put_back(undo)
    assert seen.look(NAME, module).is_as(before)
    assert not before.is_in_doubt


def test_circles_depth_and_size():
    """Circles end, depth needs no recursion, and what is large costs little time, or counts as in doubt."""
    circle = []
    circle.append(circle)
    deep = []
    for _ in range(10_000):
        deep = [deep]
    numbers = {number: str(number) for number in range(100_000)}
    module = holder(circle=circle, deep=deep, numbers=numbers)
    large = [holder(many=[[] for _ in range(200_000)]), holder(many=[0] * 10_000_000), holder(many=bytearray(1 << 28))]
    seen = walk()
    start = time.process_time()
    before = seen.look(NAME, module)
    assert not before.is_in_doubt
    assert all(walk().look(NAME, each).is_in_doubt for each in large)
    assert time.process_time() - start < 1
    numbers[50_000] = "other"
    assert not seen.look(NAME, module).is_as(before)


TYPICAL = """
import abc, array, collections, contextvars, dataclasses, datetime, decimal, enum, functools, io, json, logging, os
import pathlib, re, struct, sys, threading, types, typing, uuid, weakref, zoneinfo
from collections import Counter, OrderedDict, defaultdict, deque, namedtuple
from dataclasses import MISSING, dataclass, field
from typing import Any, Generic, NamedTuple, Protocol, TypedDict, TypeVar

import numpy as np
import pandas as pd

T = TypeVar("T")
log = logging.getLogger(__name__)
PATTERN, FOUND = re.compile("a+", re.IGNORECASE), re.match("a", "a")
UNSET, NOTHING = object(), MISSING
BY_KIND, ORDER, COUNTS, QUEUE = defaultdict(list), OrderedDict(a=1), Counter("a"), deque([1])
STATE = types.SimpleNamespace(a=1)
LOCAL, LOCK, FLAG, CURRENT = threading.local(), threading.Lock(), threading.Event(), contextvars.ContextVar("current")
ZONE, DAY, PRICE, ID = zoneinfo.ZoneInfo("UTC"), datetime.date(2024, 1, 1), decimal.Decimal(1), uuid.uuid4()
HERE, DECODER, HEADER = pathlib.Path("."), json.JSONDecoder(), struct.Struct("i")
KIND, DTYPE, ADD, NAN, STAMP = np.float64, np.dtype("f8"), np.add, np.nan, pd.Timestamp("2024-01-01")
ARRAY, NUMBER, RANDOM, MISSING_VALUE = np.zeros(3), np.float64(1), np.random.default_rng(1), pd.NA
ALIAS, UNION, OPTIONAL, LITERAL = list[int], int | None, typing.Optional[int], typing.Literal["a"]
WEAK, BUFFER, TEXT, SOME = weakref.WeakValueDictionary(), bytearray(b"a"), io.StringIO(), array.array("i", [1])
ENVIRON, OUT, read = os.environ, sys.stdout, functools.partial(pd.read_csv, sep=";")

class Color(enum.Enum):
    RED = 1

class Permission(enum.Flag):
    READ = 1
    WRITE = 2

class Point(NamedTuple):
    x: int

class Options(TypedDict):
    a: int

class Runs(Protocol):
    def run(self): ...

class Base(abc.ABC, Generic[T]):
    @abc.abstractmethod
    def f(self): ...

@dataclass(frozen=True, slots=True)
class Config:
    a: list = field(default_factory=list)
    color: Color = Color.RED

@functools.lru_cache
def load(config: Config) -> pd.DataFrame: ...

@functools.singledispatch
def show(value): ...

@show.register(int)
def _(value): ...

CONFIG = Config()
ROW = Point(1)
"""


def _used(module):
    """Use what a module has, as others do when they are imported."""
    module.show(1)
    return (
        repr(vars(module)),
        module.Permission.READ | module.Permission.WRITE,
        module.PATTERN.match("a"),
        module.HERE.parts,
        hash(module.ID),
        isinstance(1, module.Base),
    )


def test_a_typical_module_is_seen_whole(monkeypatch):
    """What modules typically import and make puts none in doubt, leads to no other, and may be used."""
    library = types.ModuleType("a_library")
    library.__file__ = str(Path(sysconfig.get_path("purelib")) / "a_library.py")
    library.checks = structures.closure([])
    library.SHARED = {"by": ["all"]}
    modules = {name: types.ModuleType(name) for name in (NAME, "own_other")}
    for name, module in {"a_library": library, **modules}.items():
        monkeypatch.setitem(sys.modules, name, module)
    for module in modules.values():
        exec(TYPICAL, vars(module))
        module.Config.checked = library.checks
        module.CONFIG.a.append(library.SHARED)
    LIBRARIES.look()
    seen = Walk(modules.keys(), LIBRARIES)
    first = {name: seen.look(name, module) for name, module in modules.items()}
    for name, region in first.items():
        _used(modules[name])
        assert region.reaches <= {name}
        assert not region.is_in_doubt
        assert seen.look(name, modules[name]).is_as(region)
