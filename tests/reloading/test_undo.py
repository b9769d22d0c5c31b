"""Copies: each puts back one object as it was, without calling its code, and without a moment of too little."""

from __future__ import annotations

import collections
import types
from contextvars import ContextVar

import numpy as np
import pytest

from ipyproject.reloading.undo import copies, put_back


class Key:
    """A key that says how often it is asked."""

    asked = 0

    def __hash__(self):
        Key.asked += 1
        return 1

    def __eq__(self, other):
        Key.asked += 1
        return self is other


def test_names_that_stay_are_never_missing():
    """While a namespace is put back, threads find all the time what was there and is there."""

    class Watched(dict):
        cleared = False

        def clear(self):
            Watched.cleared = True

    namespace = Watched(a=1, b=2)
    undo = copies([namespace])
    namespace.update(b=3, c=4)
    put_back(undo)
    assert namespace == {"a": 1, "b": 2}
    assert list(namespace) == ["a", "b"]
    assert not Watched.cleared


def test_keys_and_members_are_not_asked_for_nothing():
    """Where nothing has changed, no hash and no equality of a key or a member is asked for."""
    held = [{Key(): 1, Key(): 2}, {Key(), Key()}, collections.defaultdict(list, {Key(): 1})]
    Key.asked = 0
    put_back(copies(held))
    assert Key.asked == 0


def test_one_that_refuses_keeps_nothing_else():
    """What can't be put back stays; all else is put back."""
    refusing, other = np.zeros(2), [1]
    undo = copies([refusing, other])
    refusing[0] = 1
    refusing.flags.writeable = False
    other.append(2)
    put_back(undo)
    assert other == [1]


def test_a_context_variable_that_was_not_set():
    """One without a default can't be made unset again; one with a default has it again."""
    with_default, without = ContextVar("with_default", default=1), ContextVar("without")
    undo = copies([with_default, without])
    with_default.set(2)
    without.set(2)
    put_back(undo)
    assert with_default.get() == 1
    assert without.get() == 2


@pytest.mark.parametrize("value", [np.array(1.5), np.zeros((0, 3)), np.arange(6).reshape(2, 3), np.zeros(2)[::-1]])
def test_arrays_of_all_shapes(value):
    """An array gets its content back, in its own memory: views of it see that."""
    before, view = value.copy(), value.view()
    undo = copies([value])
    value[...] = 9
    put_back(undo)
    assert np.array_equal(value, before)
    assert np.array_equal(view, before)


def test_a_module_that_was_given_another_class():
    """A module has its class and its globals again."""

    class Other(types.ModuleType):
        pass

    module = types.ModuleType("module")
    module.value = 1
    undo = copies([module])
    module.__class__ = Other
    module.value = 2
    put_back(undo)
    assert type(module) is types.ModuleType
    assert module.value == 1
