"""Pipelines: order, algebra, selection, growth."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.errors import PipelineError
from ipyproject.pipeline import Node, Pipeline, Selection


def copy(*data):
    return data[0]


def node(name, inputs, outputs, **options):
    return Node(copy, list(inputs), outputs, name=name, **options)


DIAMOND = Pipeline(
    [
        node("join", ["left", "right"], "joined@frame", tags="late"),
        node("left", ["raw"], "left", tags=["early", "l"]),
        node("right", ["raw", "params:r"], "right", tags="early"),
        node("report", ["joined@text"], None, tags="late"),
        node("alone", ["other"], "thing"),
    ]
)


def names(pipeline):
    return {item.name for item in pipeline}


def test_order_inputs_outputs():
    """Nodes run after those whose outputs they read; free inputs, parameters among them, and outputs are known."""
    order = [item.name for item in DIAMOND.nodes]
    assert order.index("left") < order.index("join") < order.index("report")
    assert DIAMOND.inputs == {"raw", "params:r", "other"}
    assert DIAMOND.outputs == {"thing"}
    assert len(DIAMOND) == 5


@given(st.permutations(list(DIAMOND)))
def test_order_does_not_depend_on_how_it_was_written(nodes):
    """Any order of writing gives an order that can run, and an equal pipeline."""
    pipeline = Pipeline(nodes)
    seen = set()
    for item in pipeline:
        assert all(parent in seen for parent in pipeline.parents[item])
        seen.add(item)
    assert pipeline == DIAMOND
    assert hash(pipeline) == hash(DIAMOND)


def test_algebra():
    """Pipelines combine as sets of nodes, and sum() works."""
    first = DIAMOND.restricted_to([item for item in DIAMOND if "early" in item.tags])
    rest = DIAMOND - first
    assert names(rest) == {"join", "report", "alone"}
    assert first + rest == DIAMOND == first | rest == sum([first, rest])
    assert names(DIAMOND & first) == {"left", "right"}
    assert sum([first, first]) == first


def test_tags_for_all():
    """Tags given to a pipeline go to every node."""
    assert all("x" in item.tags for item in Pipeline([DIAMOND], tags="x"))


def test_two_nodes_with_one_output():
    """Two nodes that write one dataset are both named, with where their functions are."""
    with pytest.raises(PipelineError, match=r"Two nodes write 'b': 'one' \(.*test_pipeline\.py, line \d+\) and 'two'"):
        Pipeline([node("one", ["a"], "b"), node("two", ["c"], "b")])


def test_two_nodes_with_one_name():
    """Two nodes of one name are an error, in a sum of pipelines too."""
    with pytest.raises(PipelineError, match="Two nodes are called 'one'"):
        Pipeline([node("one", ["a"], "b")]) + Pipeline([node("one", ["a"], "c")])


def test_cycle():
    """Nodes that wait for each other are named in order."""
    with pytest.raises(PipelineError, match="wait for each other: .*(one -> two|two -> one)"):
        Pipeline([node("one", ["a"], "b"), node("two", ["b"], "a")])


def test_cycle_of_a_sum():
    """A cycle that two pipelines close together is found when the order is asked for."""
    both = Pipeline([node("one", ["a"], "b")]) + Pipeline([node("two", ["b"], "a")])
    with pytest.raises(PipelineError, match="wait for each other"):
        _ = both.nodes


def test_only_nodes():
    """Anything but nodes and pipelines is refused."""
    with pytest.raises(PipelineError, match="not of 'a'"):
        Pipeline(["a"])


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        ({}, {"join", "left", "right", "report", "alone"}),
        ({"tags": "early"}, {"left", "right"}),
        ({"tags": ["l", "late"]}, {"left", "join", "report"}),
        ({"nodes": ["alone", "join"]}, {"alone", "join"}),
        ({"from_nodes": "join"}, {"join", "report"}),
        ({"to_nodes": "join"}, {"left", "right", "join"}),
        ({"from_nodes": "left", "to_nodes": "join"}, {"left", "join"}),
        ({"from_inputs": "params:r"}, {"right", "join", "report"}),
        ({"to_outputs": "left"}, {"left"}),
        ({"to_outputs": "joined", "tags": "early"}, {"left", "right"}),
    ],
)
def test_selection(selection, expected):
    """Conditions are met by names, tags and reachability; all that are given must hold."""
    assert names(Selection.of(**selection).apply(DIAMOND)) == expected


def test_namespaces():
    """A namespace selects its nodes and those below it, and no namespace that merely begins alike."""
    pipeline = Pipeline(
        [
            node(str(number), ["a"], f"b{number}", namespace=space)
            for number, space in enumerate(["x", "x.y", "xy", None])
        ]
    )
    assert names(Selection.of(namespaces="x").apply(pipeline)) == {"x.0", "x.y.1"}


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        ({"tags": "erly"}, "No node has the tag 'erly'.\nDid you mean 'early'"),
        ({"nodes": "jion"}, "No node is called 'jion'.\nDid you mean 'join'"),
        ({"from_inputs": "rw"}, "No node reads 'rw'.\nDid you mean 'raw'"),
        ({"to_outputs": "raw"}, "No node writes 'raw'"),
        ({"nodes": "alone", "tags": "late"}, "No node .* meets all of tags=late, nodes=alone"),
    ],
)
def test_selection_of_nothing(selection, message):
    """A name that does not exist is an error with the closest match; so is a selection that matches nothing."""
    with pytest.raises(PipelineError, match=message):
        Selection.of(**selection).apply(DIAMOND)


def operations(work):
    """Count the calls of Python functions that some work makes."""
    count = 0

    def profile(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        work()
    finally:
        sys.setprofile(None)
    return count


def build_and_sort(length):
    pipeline = Pipeline([node(f"n{i}", [f"d{i}"], f"d{i + 1}") for i in reversed(range(length))])
    assert pipeline.nodes[0].name == "n0"
    assert len(Selection.of(from_nodes="n1").apply(pipeline)) == length - 1


def test_linear_growth():
    """Building, sorting and selecting a chain of 5,000 nodes takes twice the calls of one of 2,500, no more."""
    build_and_sort(10)
    half, whole = operations(lambda: build_and_sort(2500)), operations(lambda: build_and_sort(5000))
    assert whole < 2.05 * half


def sum_of_chains(count):
    return sum(Pipeline([node(f"{j}.{i}", [f"{j}.{i}"], f"{j}.{i + 1}") for i in range(5)]) for j in range(count))


def test_linear_growth_of_sums():
    """Summing 600 pipelines takes twice the calls of summing 300, no more."""
    assert len(sum_of_chains(10)) == 50
    half, whole = operations(lambda: sum_of_chains(300)), operations(lambda: sum_of_chains(600))
    assert whole < 2.05 * half


def test_adding_leaves_what_was_added_to():
    """A sum does not change its parts, and two sums of one pipeline don't see each other's nodes."""
    first = Pipeline([node("a", ["x"], "y")])
    second = first + Pipeline([node("b", ["y"], "z")])
    third = first + Pipeline([node("c", ["y"], "z")])
    assert [pipeline.node_names for pipeline in (first, second, third)] == [("a",), ("a", "b"), ("a", "c")]
    assert first.node("b") is None
    assert first.producer("z") is None
    assert second.producer("z").name == "b"
    with pytest.raises(PipelineError, match="Two nodes write 'z'"):
        second + third
    assert second.node_names == ("a", "b")


def test_a_long_cycle_is_short():
    """A cycle of many nodes is said in a few."""
    with pytest.raises(PipelineError) as caught:
        Pipeline([node(f"n{i}", [f"d{i}"], f"d{(i + 1) % 500}") for i in range(500)])
    assert "... 494 more ..." in str(caught.value)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize("space", [["x", "y.z", "unknwon"], ["unknwon"], "unknwon"])
def test_unknown_namespaces(space):
    """Each namespace must exist, whatever others are given beside it; those above a namespace do."""
    pipeline = Pipeline(
        [
            node("a", ["r"], "s", namespace="unknown"),
            node("b", ["r"], "t", namespace="x"),
            node("c", ["r"], "u", namespace="y.z.w"),
        ]
    )
    with pytest.raises(PipelineError, match="No node is in the namespace 'unknwon'.\nDid you mean 'unknown'"):
        Selection.of(namespaces=space).apply(pipeline)
    assert names(Selection.of(namespaces=["x", "y.z"]).apply(pipeline)) == {"x.b", "y.z.w.c"}


def test_unknown_tags_beside_known_ones():
    """Each tag must exist, too."""
    with pytest.raises(PipelineError, match="'erly'.\nDid you mean 'early'"):
        Selection.of(tags=["late", "erly"]).apply(DIAMOND)


def test_nothing_to_run():
    """A pipeline without nodes is said, whatever part of it is asked for."""
    for selection in ({}, {"tags": "a"}):
        with pytest.raises(PipelineError, match="has no nodes: there is nothing to run"):
            Selection.of(**selection).apply(Pipeline([]))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (node("one", ["a"], "b"), node("two", ["b@x"], "c")),
        (node("one", ["a"], "b@x"), node("two", ["b"], "c")),
        (node("one", ["b"], "a"), node("two", ["b@x"], "c")),
    ],
)
def test_one_dataset_with_a_transcoding_and_without(first, second):
    """Both uses are named, in one pipeline and in a sum, whichever comes first; with a transcoding each, they fit."""
    for make in (lambda *nodes: Pipeline(nodes), lambda *nodes: sum(Pipeline([each]) for each in nodes)):
        for nodes in ((first, second), (second, first)):
            with pytest.raises(PipelineError, match=r"uses 'b(@x)?', and node .* uses 'b(@x)?': one dataset with a"):
                make(*nodes)
    fitting = Pipeline([node("one", ["a"], "b@save"), node("two", ["b@x"], "c"), node("three", ["b@y"], "d")])
    assert fitting.inputs == {"a"}
    assert [each.name for each in fitting.nodes] == ["one", "two", "three"]


def test_a_refused_sum_leaves_its_parts():
    """A node that does not fit is refused again and again, and others can still be added."""
    one = Pipeline([node("one", ["a"], "b")])
    for _ in range(2):
        with pytest.raises(PipelineError, match="one dataset with a"):
            one + Pipeline([node("other", ["e"], "f"), node("two", ["b@x"], "c")])
    assert names(one + Pipeline([node("three", ["b"], "c"), node("four", ["f@x"], "g")])) == {"one", "three", "four"}


def test_an_at_sign_in_a_parameter():
    """What follows an @ in a parameter's name is part of it."""
    pipeline = Pipeline([node("one", ["params:mail", "params:mail@work", "params:x@y"], "b")])
    assert pipeline.inputs == {"params:mail", "params:mail@work", "params:x@y"}
