"""Data that can be looked at and not changed."""

from __future__ import annotations

import copy
import json
import pickle
from types import MappingProxyType
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.lib.pretty import pretty

from ipyproject.session.frozen import frozen

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)

CHANGES = {
    dict: [
        lambda it: it.__setitem__("a", 1),
        lambda it: it.__delitem__("a"),
        lambda it: it.update(a=1),
        lambda it: it.__ior__({"a": 1}),
        lambda it: it.setdefault("b", 1),
        lambda it: it.pop("a"),
        lambda it: it.popitem(),
        lambda it: it.clear(),
    ],
    list: [
        lambda it: it.append(1),
        lambda it: it.extend([1]),
        lambda it: it.__iadd__([1]),
        lambda it: it.__imul__(2),
        lambda it: it.insert(0, 1),
        lambda it: it.remove(1),
        lambda it: it.pop(),
        lambda it: it.clear(),
        lambda it: it.sort(),
        lambda it: it.reverse(),
        lambda it: it.__setitem__(0, 2),
        lambda it: it.__delitem__(0),
    ],
}


@given(JSON)
def test_looks_like_what_it_was(value):
    """Equality, JSON, text, what a notebook shows and pickling are those of plain dicts and lists."""
    seen = frozen(value)
    assert seen == value
    assert json.dumps(seen) == json.dumps(value)
    assert repr(seen) == repr(value)
    assert pretty(seen) == pretty(value)
    assert pickle.loads(pickle.dumps(seen)) == value


def test_nothing_changes_it():
    """Every method that changes a dict or a list is refused, at every depth, and leaves it as it was."""
    seen = frozen({"a": {"a": [1, {"a": 1}]}})
    for place in (seen, seen["a"], seen["a"]["a"], seen["a"]["a"][1]):
        kind = dict if isinstance(place, dict) else list
        for change in CHANGES[kind]:
            with pytest.raises(TypeError, match="read-only: session.log"):
                change(place)
    assert seen == {"a": {"a": [1, {"a": 1}]}}
    changing = {name for kind in (dict, list) for name in dir(kind)} - set(dir(tuple)) - set(dir(MappingProxyType))
    known = {
        "append",
        "extend",
        "insert",
        "remove",
        "pop",
        "clear",
        "sort",
        "reverse",
        "popitem",
        "setdefault",
        "update",
    }
    known |= {
        "fromkeys",
        "__setitem__",
        "__delitem__",
        "__iadd__",
        "__imul__",
        "__reversed__",
        "__ior__",
        "__or__",
        "__ror__",
    }
    assert changing <= known, "Python has a new way to change a dict or a list"


@pytest.mark.parametrize(
    "copied", [copy.copy, copy.deepcopy, dict, lambda it: it | {}, lambda it: pickle.loads(pickle.dumps(it))]
)
def test_copies_can_be_changed(copied):
    """A copy, however it is made, is a dict of the reader's own."""
    seen = frozen({"a": {"b": 1}})
    mine = copied(seen)
    mine["c"] = 2
    assert type(mine) is dict
    assert seen == {"a": {"b": 1}}
    copy.deepcopy(seen)["a"]["b"] = 3
    assert copy.deepcopy(frozen([[1]])) == [[1]]


class Point(NamedTuple):
    x: list
    y: int


def test_other_kinds():
    """Tuples keep their type, sets are frozen, other objects stay themselves, and the original is left alone."""
    thing = object()
    mine = [1]
    assert type(frozen(Point([1], 2))) is Point
    assert frozen({1}) == frozenset({1})
    assert frozen([thing])[0] is thing
    frozen(mine)
    mine.append(2)
    assert frozen(MappingProxyType({"a": mine})) == {"a": [1, 2]}
