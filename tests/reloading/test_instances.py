"""Instances of classes that were executed anew."""

from __future__ import annotations

from types import ModuleType

import pytest

from ipyproject.reloading import Holding
from ipyproject.reloading.instances import plan_moves
from ipyproject.reloading.rebinding import plan_rebinding


def rebind(*given, **more):
    return plan_rebinding(*given, **more).apply()


SOURCE = """
import collections, dataclasses, enum, typing
class Plain:
    def which(self): return {0}
    class Inner:
        v = {0}
class Child(Plain): ...
@dataclasses.dataclass(frozen=True)
class Frozen:
    x: int = 1
    def which(self): return {0}
@dataclasses.dataclass(slots=True)
class Slots:
    x: int = 1
    def which(self): return {0}
class Guarded:
    def __setattr__(self, name, value): raise RuntimeError
    def which(self): return {0}
class Failed(ValueError):
    def which(self): return {0}
class Status(enum.Enum):
    ON, OFF = {0}, -{0}
class Flags(enum.Flag):
    A, B = 1, 2
    def which(self): return {0}
Row = collections.namedtuple("Row", "a b")
class Typed(typing.NamedTuple):
    x: int = 1
    def which(self): return {0}
class Named(dict):
    def which(self): return {0}
"""


def load(source):
    module = ModuleType("m")
    exec(compile(source, "m.py", "exec", dont_inherit=True), vars(module))
    return module


@pytest.fixture
def old():
    return load(SOURCE.format(1))


@pytest.fixture
def new():
    return load(SOURCE.format(2))


@pytest.mark.parametrize("kind", ["Plain", "Child", "Frozen", "Slots", "Guarded", "Failed", "Typed", "Named"])
def test_moved(old, new, kind):
    """Whatever Python lets be of another class is of the new one: frozen, with slots, exceptions, dictionaries."""
    one = getattr(old, kind)()
    names = {"one": one}
    found = rebind(names, {"m": old}, {"m": new})
    assert (found.moved, found.old_instances, found.rebound) == (("one",), (), ())
    assert names["one"] is one
    assert type(one) is getattr(new, kind)
    assert one.which() == 2


def test_nested_classes(old, new):
    """A class within a class is found, too."""
    names = {"inner": old.Plain.Inner()}
    assert rebind(names, {"m": old}, {"m": new}).moved == ("inner",)
    assert names["inner"].v == 2


@pytest.mark.parametrize("wrap", [list, tuple, set, frozenset, lambda values: dict(enumerate(values))])
def test_in_containers(old, new, wrap):
    """One level into a container, named by it once; not deeper."""
    one, two, deep = old.Frozen(1), old.Frozen(2), old.Frozen(3)
    many = wrap([one, two, (deep,), 7])
    found = rebind({"many": many, "none": [1, "x"]}, {"m": old}, {"m": new})
    assert found.moved == ("many",)
    assert (type(one), type(two), type(deep)) == (new.Frozen, new.Frozen, old.Frozen)
    assert len(many) == 4


def test_enumerations(old, new):
    """A name of a member is bound to the new member of that name; one inside a container, or gone, is named as old."""
    names = {"on": old.Status.ON, "both": old.Flags.A | old.Flags.B, "many": [old.Status.OFF]}
    found = rebind(names, {"m": old}, {"m": new})
    assert names["on"] is new.Status.ON
    assert names["both"] is new.Flags.A | new.Flags.B
    assert (found.moved, found.old_instances) == (("on", "both"), ("many",))
    names = {"on": new.Status.ON}
    assert rebind(names, {"m": new}, {"m": load("import enum\nclass Status(enum.Enum): OFF = 1")}).old_instances == (
        "on",
    )
    assert names["on"] is new.Status.ON


@pytest.mark.parametrize(
    "edited",
    [
        "class Plain:\n    __slots__ = ('a',)",
        "class Plain(ValueError): ...",
        "class Plain(list): ...",
        "import enum\nclass Plain(enum.Enum): A = 1",
        "def Plain(): ...",
        "",
    ],
)
def test_what_cannot_be_moved(old, edited):
    """Where Python refuses, or there is no such class any more, it is named and left alone."""
    one = old.Plain()
    found = rebind({"one": one}, {"m": old}, {"m": load(edited)})
    assert (found.moved, found.old_instances) == ((), ("one",))
    assert type(one) is old.Plain


def test_named_tuples_keep_their_fields(old):
    """An instance whose class has other fields now is left alone: it has them by position."""
    row = old.Row(1, 2)
    edited = load('import collections\nRow = collections.namedtuple("Row", "b a")')
    assert rebind({"row": row}, {"m": old}, {"m": edited}).old_instances == ("row",)
    assert row.a == 1


def test_sets_find_what_they_hold(old):
    """In a set an instance is moved only if its hash stays."""
    one = old.Plain()
    edited = load("class Plain:\n    def __hash__(self): return 3\n    def __eq__(self, other): return True")
    found = rebind({"many": {one}, "one": one}, {"m": old}, {"m": edited})
    assert "many" in found.old_instances


def test_keys_of_a_dict(old, new):
    """They are moved if it finds them still; a member of an enumeration is named, since nothing replaces a key."""
    plain = old.Plain()
    found = rebind({"by": {plain: 1}, "on": {old.Status.ON: 1}}, {"m": old}, {"m": new})
    assert (found.moved, found.old_instances) == (("by",), ("on",))
    assert type(plain) is new.Plain
    edited = load("class Plain:\n    def __hash__(self): return 3\n    def __eq__(self, other): return True")
    assert rebind({"by": {plain: 1}}, {"m": new}, {"m": edited}).old_instances == ("by",)


@pytest.mark.parametrize("between", ["", "class Plain:\n    __slots__ = ('a',)"])
def test_a_class_that_could_not_take_them(old, new, between):
    """Its instances are named once, and moved when there is a class again that can."""
    one, middle = old.Plain(), load(between)
    first = rebind({"one": one}, {"m": old}, {"m": middle})
    again = rebind({"one": one}, {"m": middle}, {"m": load(between)}, earlier=first)
    assert (first.old_instances, again.old_instances) == (("one",), ())
    assert rebind({"one": one}, {}, {"m": new}, earlier=again).moved == ("one",)
    assert (type(one), one.which()) == (new.Plain, 2)


def test_data_of_a_catalog(old, new):
    """Other objects than names are given with a label; nothing happens before the plan is applied."""
    model, status = old.Plain(), old.Status.ON
    moves = plan_moves([Holding("model (catalog)", model), Holding("status", status)], {"m": old}, {"m": new})
    assert type(model) is old.Plain
    assert moves.modules == {"m"}
    assert moves.apply() == (("model (catalog)",), ("status",))
    assert type(model) is new.Plain


def test_other_classes(old, new):
    """The user's own subclasses, and instances of modules that were not executed, are left alone."""

    class Mine(old.Plain):
        pass

    Mine.__module__ = "__main__"
    mine = Mine()
    assert rebind({"mine": mine, "e": ValueError()}, {"m": old}, {"m": new}).moved == ()
    assert type(mine) is Mine
