"""Whatever can be called as the function of a node: its name, its place, what it takes, and whether it gives data."""

from __future__ import annotations

from functools import lru_cache, partial, partialmethod, singledispatch, wraps

import pytest

from ipyproject.errors import PipelineError
from ipyproject.pipeline import Node
from ipyproject.pipeline.callables import place_of


def add(a, b, c=0):
    return a + b + c


def passing(func):
    """Wrap a function in one that takes anything and hands it on."""

    @wraps(func)
    def inside(*args, **kwargs):
        return func(*args, **kwargs)

    return inside


def giving_one_more(func):
    """Wrap a function in one that is called with an argument less."""

    @wraps(func)
    def inside(a):
        return func(a, 10)

    return inside


class Adder:
    def __call__(self, a, b):
        return a + b

    def method(self, a, b):
        return a + b

    @classmethod
    def of_class(cls, a, b):
        return a + b

    @staticmethod
    def static(a, b):
        return a + b

    @lru_cache  # noqa: B019
    def cached(self, a, b):
        return a + b

    part = partialmethod(method, b=5)


class Decorated:
    """A decorator that is a class, and takes over no name."""

    def __init__(self, func):
        self.__wrapped__ = func

    def __call__(self, a, b):
        return self.__wrapped__(a, b)


ADDER = Adder()


@pytest.mark.parametrize(
    ("func", "name", "takes", "result"),
    [
        (partial(add, c=1), "add", 2, 31),
        (partial(partial(add, 1), c=1), "add", 1, 12),
        (wraps(partial(add, c=1))(lambda a, b: add(a, b, 1)), "add", 2, 31),
        (passing(partial(add, c=1)), "add", 2, 31),
        (partial(passing(partial(add, c=1)), 1), "add", 1, 12),
        (giving_one_more(add), "add", 1, 20),
        (partial(giving_one_more(add)), "add", 1, 20),
        (ADDER, "Adder", 2, 30),
        (partial(ADDER, 1), "Adder", 1, 11),
        (ADDER.method, "method", 2, 30),
        (ADDER.part, "method", 1, 15),
        (ADDER.of_class, "of_class", 2, 30),
        (ADDER.static, "static", 2, 30),
        (ADDER.cached, "cached", 2, 30),
        (lru_cache(partial(add, c=1)), "add", 2, 31),
        (partial(lru_cache(add), c=1), "add", 2, 31),
        (lru_cache(giving_one_more(add)), "add", 1, 20),
        (lru_cache(ADDER), "Adder", 2, 30),
        (Decorated(add), "add", 2, 30),
        (singledispatch(add), "add", 2, 30),
        (max, "max", 2, 20),
    ],
)
def test_name_inputs_and_result(func, name, takes, result):
    """The name is that of the function inside, and the inputs are checked by how it is really called."""
    inputs = ["x", "y"][:takes]
    node = Node(func, inputs, "z")
    assert node.name == f"{name}__z"
    assert node({"x": 10, "y": 20}) == {"z": result}
    if func is not max:
        assert "test_callables.py, line" in node.place()


@pytest.mark.parametrize(
    "func",
    [
        partial(add, c=1),
        giving_one_more(add),
        partial(giving_one_more(add)),
        lru_cache(giving_one_more(add)),
        ADDER,
        ADDER.method,
        ADDER.part,
        ADDER.cached,
        lru_cache(add),
        partial(lru_cache(add), c=1),
        Decorated(add),
    ],
)
def test_too_many_inputs(func):
    """Four are more than any of them takes."""
    with pytest.raises(PipelineError, match="can't call .* with its inputs"):
        Node(func, ["p", "q", "r", "s"], "z")


async def waits(x):
    return x


async def waits_and_yields(x):
    yield x


def yields(x):
    yield x


class Kinds:
    async def waits(self, x):
        return x

    def yields(self, x):
        yield x

    part = partialmethod(yields, 1)


class CallWaits:
    async def __call__(self, x):
        return x


class CallYields:
    def __call__(self, x):
        yield x


@pytest.mark.parametrize(
    ("func", "name", "what"),
    [
        (waits, "waits", "an async function"),
        (partial(waits), "waits", "an async function"),
        (partial(partial(waits)), "waits", "an async function"),
        (lru_cache(waits), "waits", "an async function"),
        (partial(lru_cache(waits)), "waits", "an async function"),
        (lru_cache(partial(waits)), "waits", "an async function"),
        (waits_and_yields, "waits_and_yields", "an async generator function"),
        (yields, "yields", "a generator function"),
        (lru_cache(yields), "yields", "a generator function"),
        (partial(yields), "yields", "a generator function"),
        (Kinds().waits, "waits", "an async function"),
        (Kinds().yields, "yields", "a generator function"),
        (Kinds().part, "yields", "a generator function"),
        (CallWaits(), "CallWaits", "an async function"),
        (CallYields(), "CallYields", "a generator function"),
        (partial(CallWaits()), "CallWaits", "an async function"),
    ],
)
def test_callables_that_give_no_data(func, name, what):
    """However it is wrapped, what gives something to wait for is refused by its name."""
    with pytest.raises(PipelineError, match=f"^'{name}' is {what}, which a node can't run yet"):
        Node(func, ["x"], "y")


def test_callables_that_wait_inside():
    """A function that wraps one to wait for, and waits, gives data."""

    @wraps(yields)
    def whole(x):
        return list(yields(x))

    assert Node(whole, "x", "y")({"x": 1}) == {"y": [1]}


def test_wrapped_in_a_circle():
    """A callable that says it wraps itself, or answers to every name, is taken as it is."""

    class Odd:
        def __call__(self, x):
            return x

        def __getattr__(self, name):
            return self

    odd = Odd()
    node = Node(odd, "x", "y")
    assert node.name == "Odd__y"
    assert node({"x": 1}) == {"y": 1}
    assert "test_callables.py" in place_of(odd)
