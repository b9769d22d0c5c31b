"""Nodes."""

from __future__ import annotations

import asyncio
import inspect
from dataclasses import dataclass
from functools import partial, wraps

import pytest

from ipyproject.errors import PipelineError
from ipyproject.pipeline import Node
from ipyproject.pipeline.selection import Selection


def add(a, b=1):
    return a + b


@pytest.mark.parametrize(
    ("func", "inputs", "outputs", "data", "expected"),
    [
        (add, ["x", "y"], "z", {"x": 1, "y": 2}, {"z": 3}),
        (add, "x", "z", {"x": 1}, {"z": 2}),
        (add, {"b": "x", "a": "y"}, "z", {"x": "1", "y": "2"}, {"z": "21"}),
        (lambda: 5, None, "z", {}, {"z": 5}),
        (lambda x: (x, x + 1), "x", ["p", "q"], {"x": 1}, {"p": 1, "q": 2}),
        (lambda x: {"k": x, "l": 0}, "x", {"l": "p", "k": "q"}, {"x": 1}, {"p": 0, "q": 1}),
        (lambda _: "ignored", "x", None, {"x": 1}, {}),
        (partial(add, b=10), "x", "z", {"x": 1}, {"z": 11}),
    ],
)
def test_shapes_of_inputs_and_outputs(func, inputs, outputs, data, expected):
    """Names are one, a list, a dict or None on either side."""
    assert Node(func, inputs, outputs)(data) == expected


def test_name():
    """A name is given, or made of the function's and its outputs'; a namespace leads it."""
    assert Node(add, "x", "z", name="plus").name == "plus"
    assert Node(add, "x", ["z", "params@b"]).name == "add__z__params_b"
    assert Node(add, "x", None).name == "add__x"
    assert Node(partial(add, b=1), "x", "z").name == "add__z"
    assert Node(add, "x", "z", name="plus", namespace="a.b").name == "a.b.plus"


def test_equality():
    """Nodes of one definition are equal, and tags are part of it."""
    assert Node(add, ["x", "y"], "z") == Node(add, ["x", "y"], "z")
    assert hash(Node(add, "x", "z")) == hash(Node(add, "x", "z"))
    assert Node(add, "x", "z") != Node(add, "x", "z", tags="t")
    assert Node(add, "x", "z").tagged("t") == Node(add, "x", "z", tags=["t"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("add", "x", "z"), "needs a function, not 'add'"),
        ((add, None, None), "neither inputs nor outputs"),
        ((add, [1], "z"), "inputs of the node of add hold 1"),
        ((add, "x", ["z", "z"]), "writes 'z' twice"),
        ((add, "x", "x"), "both reads and writes 'x'"),
        ((add, "x@a", "x@b"), "both reads and writes"),
        ((add, "x", "params:a"), "writes the parameter"),
        ((add, ["a", "b", "c"], "z"), r"can't call add\(a, b=1\)(.|\n)*test_node.py, line"),
        ((add, {"c": "x"}, "z"), "can't call add"),
    ],
)
def test_mistakes(arguments, message):
    """A definition that can't work is refused when it is written."""
    with pytest.raises(PipelineError, match=message):
        Node(*arguments)


@pytest.mark.parametrize("tags", [5, [None], b"early"])
def test_tags_are_texts(tags):
    """What is neither a text nor a list of texts is refused, here and where nodes are selected."""
    with pytest.raises(PipelineError, match="neither a name nor a list of names"):
        Node(add, "x", "z", tags=tags)
    with pytest.raises(PipelineError, match="neither a name nor a list of names"):
        Selection.of(nodes=tags)


@pytest.mark.parametrize("name", ["a b", "a:b", "ä/b"])
def test_names_are_safe(name):
    """Names and tags stay within what a command line can take."""
    with pytest.raises(PipelineError, match="can't be the name"):
        Node(add, "x", "z", name=name)


@pytest.mark.parametrize(
    ("result", "outputs", "message"),
    [
        (1, ["p", "q"], "must return 2 values .* returned a int"),
        ((1, 2, 3), ["p", "q"], "returned 3 values"),
        ({"a": 1}, {"b": "p"}, r"the keys \['b'\], and returned the keys \['a'\]"),
        (1, {"b": "p"}, "returned a int"),
    ],
)
def test_wrong_results(result, outputs, message):
    """A function that returns another shape than the outputs promise is named, with where it is defined."""
    with pytest.raises(PipelineError, match=message):
        Node(lambda: result, None, outputs)({})


async def asynchronous(x): ...


def generating(x):
    yield x


@pytest.mark.parametrize(("func", "what"), [(asynchronous, "an async function"), (generating, "a generator function")])
def test_functions_that_give_no_data(func, what):
    """Functions that return no data but something to wait for are refused when the node is written."""
    with pytest.raises(PipelineError, match=f"is {what}"):
        Node(func, "x", "y")


@dataclass
class Scale:
    """A callable that can't be hashed."""

    factor: int

    def __call__(self, x):
        return x * self.factor


def test_unhashable_callables():
    """Any callable will do."""
    assert hash(Node(Scale(2), "x", "y")) == hash(Node(Scale(2), "x", "y"))
    assert Node(Scale(2), "x", "y")({"x": 4}) == {"y": 8}
    assert Node(Scale(2), "x", "y") != Node(Scale(3), "x", "y")


def pretends(func, other):
    """A function that says that it is called as another one."""
    return wraps(other)(func)


@pytest.mark.parametrize(
    "inputs", [None, "p", ["p"], ["p", "q"], ["p", "q", "r"], {"a": "p"}, {"b": "p", "a": "q"}, {"c": "p"}]
)
@pytest.mark.parametrize(
    "func",
    [
        lambda: 0,
        lambda a: a,
        lambda a, b: (a, b),
        lambda a, b=1: (a, b),
        lambda a, /, b=1: (a, b),
        lambda a, *, b: (a, b),
        lambda a=0, *, b=1: (a, b),
        lambda *a: a,
        lambda a, *b: (a, b),
        lambda **a: a,
        lambda a, **b: (a, b),
        pretends(lambda a, b: (a, b), lambda a: a),
        pretends(lambda a: a, lambda a, b: (a, b)),
    ],
    ids=lambda func: str(inspect.signature(func, follow_wrapped=False)),
)
def test_inputs_that_a_function_can_take(func, inputs):
    """A node is made exactly when Python could call the function with so many inputs, or inputs of these names."""
    names = [] if inputs is None else [inputs] if isinstance(inputs, str) else inputs
    try:
        signature = inspect.signature(func, follow_wrapped=False)
        signature.bind(**names) if isinstance(names, dict) else signature.bind(*names)
    except TypeError:
        with pytest.raises(PipelineError, match="can't call"):
            Node(func, inputs, "z")
    else:
        Node(func, inputs, "z")


def test_order_in_a_dict():
    """Keys say where each dataset goes, so their order makes no other node; the order of a list does."""
    one, other = Node(swap, {"a": "x", "b": "y"}, UP), Node(swap, {"b": "y", "a": "x"}, DOWN)
    assert one == other
    assert hash(one) == hash(other)
    assert one.name == other.name == "swap__p__q"
    assert len({one, other}) == 1
    assert one({"x": 1, "y": 2}) == other({"x": 1, "y": 2}) == {"p": 2, "q": 1}
    assert Node(swap, {"a": "x", "b": "y"}, None).name == Node(swap, {"b": "y", "a": "x"}, None).name
    assert Node(swap, {"a": "x", "b": "y"}, UP) != Node(swap, {"a": "y", "b": "x"}, UP)
    assert Node(swap, {"a": "x", "b": "y"}, UP) != Node(swap, ["x", "y"], UP)
    assert Node(swap, ["x", "y"], UP) != Node(swap, ["y", "x"], UP)


UP, DOWN = {"first": "p", "second": "q"}, {"second": "q", "first": "p"}


def swap(a, b):
    return {"second": a, "first": b}


def test_keys_of_any_kind():
    """A mapping that lacks keys is told by those there are, whatever they are, in few words."""
    with pytest.raises(PipelineError, match=r"the keys \['1', 'a'\], and returned the keys \['a'\]"):
        Node(lambda: {"a": 1}, None, {"a": "p", 1: "q"})({})
    with pytest.raises(PipelineError) as caught:
        Node(lambda: dict.fromkeys(range(100_000)), None, {"a": "p"})({})
    assert len(str(caught.value)) < 1000


def test_a_dataset_confirmed_twice():
    """A node confirms a dataset once, however often it says so."""
    assert Node(add, "x", "z", confirms=["x", "w", "x"]).confirms == ("x", "w")


@pytest.mark.parametrize(
    ("inputs", "outputs", "message"),
    [
        (["x", "x@a"], "z", "reads 'x' with a transcoding and without"),
        (["x@a", "x"], "z", "reads 'x' with a transcoding and without"),
        ("x", ["z", "z@a"], "writes 'z@a' twice"),
        ("x", ["z@a", "z@b"], "writes 'z@b' twice"),
        ("x@a", "x", "both reads and writes 'x'"),
    ],
)
def test_mixed_transcodings(inputs, outputs, message):
    """A node that takes one dataset for two, because one name has a transcoding, is refused."""
    with pytest.raises(PipelineError, match=message):
        Node(add, inputs, outputs)


def test_a_coroutine_is_no_result():
    """What only calls an async function is found out when it has run, and nothing is left waiting."""

    @wraps(asynchronous)
    def calls(x):
        return asynchronous(x)

    with pytest.raises(PipelineError, match="returned something to wait for: asynchronous calls an async function"):
        Node(calls, "x", "y")({"x": 1})
    assert Node(lambda x: asyncio.run(doubled(x)), "x", "y")({"x": 2}) == {"y": 4}


async def doubled(x):
    return 2 * x
