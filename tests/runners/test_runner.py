"""Runners."""

from __future__ import annotations

import sys

import pytest

from ipyproject.catalog import Catalog
from ipyproject.catalog.run_catalog import for_run
from ipyproject.errors import DatasetError, SettingsError
from ipyproject.pipeline import Node, Pipeline
from ipyproject.runners import RunListener, SequentialRunner, make_runner
from ipyproject.testing import RecordingRunner


def run(nodes, data, **options):
    live = Catalog(data)
    SequentialRunner().run(Pipeline(nodes), for_run(live, save_version="v1"), **options)
    return live


def increment(x):
    return x + 1


def chain(length):
    return [Node(increment, f"d{i}", f"d{i + 1}", name=f"n{i}") for i in range(length)]


class Outcomes(RunListener):
    def __init__(self):
        self.seen = []

    def node_ended(self, outcome):
        self.seen.append(outcome)


def test_runs_in_order_and_tells():
    """Nodes run one after the other; the listener hears of each, with its time and what it wrote."""
    outcomes = Outcomes()
    assert run(chain(3), {"d0": 0}, listener=outcomes).load("d3") == 3
    assert [(outcome.node.name, outcome.outputs) for outcome in outcomes.seen] == [
        ("n0", {"d1": 1}),
        ("n1", {"d2": 2}),
        ("n2", {"d3": 3}),
    ]
    assert all(outcome.duration >= 0 for outcome in outcomes.seen)


def test_failure_stops_the_run():
    """What a node raises ends the run; nodes before it have been told of, nodes after it never run."""
    nodes = [*chain(1), Node(lambda d1: d1 / 0, "d1", "bad", name="bad"), Node(increment, "bad", "after", name="after")]
    outcomes = Outcomes()
    with pytest.raises(ZeroDivisionError):
        run(nodes, {"d0": 0}, listener=outcomes)
    assert [(outcome.node.name, outcome.error is None) for outcome in outcomes.seen] == [("n0", True), ("bad", False)]


def test_keep():
    """Intermediate results stay, go, or stay by name; inputs and outputs of the pipeline always stay."""
    for keep, left in [(True, {"d1", "d2"}), (False, set()), (["d2"], {"d2"}), ("d1", {"d1"})]:
        live = run(chain(3), {"d0": 0}, keep=keep)
        assert {name for name in ("d1", "d2") if live.exists(name)} == left
        assert live.exists("d0")
        assert live.exists("d3")


def test_none_is_no_result():
    """A node that returns None where an output is promised is an error that names dataset and node."""
    with pytest.raises(DatasetError, match="'out'") as caught:
        run([Node(lambda x: None, "x", "out", name="forgets")], {"x": 1})
    assert "In node 'forgets'" in caught.value.full_message()


def test_confirms():
    """Datasets named in confirms are confirmed once their node has run; one that can't be is named."""

    class Confirmable:
        confirmed = 0

        def load(self):
            return 1

        def save(self, data): ...

        def confirm(self):
            self.confirmed += 1

    dataset = Confirmable()
    run([Node(increment, "x", "y", confirms="x")], {"x": dataset})
    assert dataset.confirmed == 1
    with pytest.raises(Exception, match="can't be confirmed"):
        run([Node(increment, "x", "y", confirms="x")], {"x": 1})


def calls_of(length):
    """Function calls that running a chain makes."""
    pipeline, live = Pipeline(chain(length)), Catalog({"d0": 0})
    view = for_run(live, save_version="v1")
    count = 0

    def profile(_frame, event, _argument):
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(profile)
    try:
        SequentialRunner().run(pipeline, view, keep=False)
    finally:
        sys.setprofile(None)
    assert live.load(f"d{length}") == length
    return count


def test_linear_growth():
    """Running a chain of 5,000 nodes takes twice the calls of one of 2,500, no more."""
    calls_of(10)
    assert calls_of(5000) < 2.05 * calls_of(2500)


def test_runner_by_name_class_and_path():
    """A runner is itself, a class, a name or an import path."""
    runner = RecordingRunner()
    assert make_runner(runner) is runner
    for given in ("sequential", SequentialRunner, "ipyproject.runners.SequentialRunner"):
        assert isinstance(make_runner(given), SequentialRunner)


@pytest.mark.parametrize(
    ("runner", "message"),
    [
        ("sequentail", "no runner 'sequentail'.\nDid you mean 'sequential'"),
        ("no.such.Runner", "can't be imported"),
        ("ipyproject.runners.make_runner", "is no class"),
        (dict, "is no runner"),
        ("ipyproject.runners.Runner", "can't be made: TypeError"),
    ],
)
def test_unknown_runner(runner, message):
    """A runner that does not exist, or is none, is named."""
    with pytest.raises(SettingsError, match=message):
        make_runner(runner)
