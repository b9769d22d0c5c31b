"""Runners."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from ipyproject import reload_project
from ipyproject.catalog import Catalog
from ipyproject.catalog.run_catalog import for_run
from ipyproject.errors import DatasetError, DatasetNotFoundError, ProjectCodeError, SettingsError
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


class Partitions:
    """As the field's incremental dataset: what was confirmed is not loaded again; the list is kept until released."""

    def __init__(self, path):
        self.path, self.listed, self.confirmations = Path(path), None, 0

    def _new(self):
        checkpoint = self.path / "CHECKPOINT"
        last = checkpoint.read_text() if checkpoint.exists() else ""
        if self.listed is None:
            self.listed = sorted(file.name for file in self.path.glob("*.part") if file.name > last)
        return self.listed

    def load(self):
        return list(self._new())

    def save(self, data):
        raise AssertionError

    def confirm(self):
        self.confirmations += 1
        if parts := self._new():
            (self.path / "CHECKPOINT").write_text(parts[-1])

    def release(self):
        self.listed = None


def test_confirmed_partitions_over_several_runs(make_project):
    """Each run, also after a reload, loads what came since the last confirmed one; two nodes may confirm it, and twice."""
    project = make_project(
        {
            "conf/base/catalog.yml": f"parts: {{type: {__name__}.Partitions, path: data/parts}}",
            "data/parts/a.part": "",
            "src/shop/pipeline_registry.py": """
                from ipyproject import Node, Pipeline
                def register_pipelines():
                    return {
                        "__default__": Pipeline([
                            Node(lambda parts: parts, "parts", "seen", name="see", confirms=["parts", "parts"]),
                            Node(lambda seen: len(seen), "seen", "count", name="count", confirms="parts"),
                        ]),
                        "first": Pipeline([Node(lambda parts: parts, "parts", "seen", name="look")]),
                    }
                """,
        }
    )
    session = reload_project(project.root)
    assert session.run()["count"] == 1
    assert session.catalog["parts"].confirmations == 2
    assert session.run()["count"] == 0
    project.write({"data/parts/b.part": "", "data/parts/c.part": ""})
    assert session.run("first")["seen"] == session.run("first")["seen"] == ["b.part", "c.part"], "not confirmed"
    assert session.run()["count"] == 2
    project.write({"data/parts/d.part": ""})
    session = reload_project()
    assert session.run()["count"] == 1
    assert session.run()["count"] == 0


class Shared:
    """Two names of one store, as transcodings have it; released, the store is empty."""

    def __init__(self, store):
        self.store = store

    def load(self):
        return self.store["data"]

    def save(self, data):
        self.store["data"] = data

    def release(self):
        self.store.clear()


@pytest.mark.parametrize(
    ("keep", "left"), [(False, {}), (True, {"data": 1}), ("ds", {"data": 1}), (["ds@one"], {"data": 1})]
)
def test_transcodings_are_released_together(keep, left):
    """What is written as ds@save stays until the last of those that read it under other transcodings has."""
    store = {}
    nodes = [
        Node(lambda: 1, None, "ds@save", name="save"),
        Node(increment, "ds@one", "a", name="one"),
        Node(increment, "ds@two", "b", name="two"),
        Node(lambda a, b, again: a + b + again, ["a", "b", "ds@one"], "sum", name="sum"),
    ]
    live = run(nodes, {f"ds@{each}": Shared(store) for each in ("save", "one", "two")}, keep=keep)
    assert live.load("sum") == 5
    assert store == left


def test_a_transcoding_that_is_not_in_the_catalog():
    """It is missed before anything runs, though a node writes the dataset under another one."""
    nodes = [Node(lambda: 1, None, "ds@save", name="save"), Node(increment, "ds@load", "a", name="load")]
    live = Catalog({"ds@save": Shared({})})
    with pytest.raises(DatasetNotFoundError, match="Node 'load' reads the dataset 'ds@load', which does not exist"):
        SequentialRunner().run(Pipeline(nodes), for_run(live, save_version="v1"))
    assert not live["ds@save"].store


class Exiting:
    def load(self):
        sys.exit(0)

    def save(self, data):
        raise SystemExit("x" * 100_000)


@pytest.mark.parametrize("node", [Node(increment, "bad", "y", name="n"), Node(increment, "x", "bad", name="n")])
def test_a_dataset_that_exits(node):
    """sys.exit() in a dataset is a failure of the node, with a short message."""
    outcomes = Outcomes()
    with pytest.raises(ProjectCodeError, match=r"Node 'n' called sys.exit\(") as caught:
        run([node], {"bad": Exiting(), "x": 1}, listener=outcomes)
    assert len(caught.value.full_message()) < 1000
    assert outcomes.seen[0].error is caught.value


class UntellableError(Exception):
    @property
    def __notes__(self):
        raise ValueError

    def add_note(self, note):
        raise ValueError


@pytest.mark.parametrize("notes", [3, (1, 2), {}, "text"])
def test_exceptions_that_take_no_note(notes):
    """What a node raises comes out as it is, and the listener is told, whatever it holds for notes."""
    odd = ValueError("odd")
    odd.__notes__ = notes
    for error in (odd, UntellableError("hello")):
        outcomes = Outcomes()

        def fail(x, error=error):
            raise error

        with pytest.raises(type(error)) as caught:
            run([Node(fail, "x", "y", name="n")], {"x": 1}, listener=outcomes)
        assert caught.value is error is outcomes.seen[0].error
    assert odd.__notes__ == notes
