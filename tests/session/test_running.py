"""What a run is asked for and how it ends."""

from __future__ import annotations

import logging
import signal
import sys

import pytest

from ipyproject import Session
from ipyproject.errors import PipelineError, SettingsError, UnknownPipelineError
from ipyproject.pipeline import Node, Pipeline

STOPPING = """
    def double(orders, rate): raise KeyboardInterrupt
    def add_up(doubled): ...
    """


def test_the_interrupted_node_is_named(make_project, caplog):
    """In one line, and in the record."""
    session = make_project({"src/shop/nodes.py": STOPPING}).open()
    with caplog.at_level(logging.WARNING), pytest.raises(KeyboardInterrupt):
        session.run()
    run = session.last_run
    assert run.status == "interrupted"
    assert [record.getMessage() for record in caplog.records] == [f"Run {run.run_id} was interrupted in node 'double'."]
    assert "In node 'double'" in run.exception.traceback


@pytest.mark.parametrize(("after", "words"), [(0, "before its first node"), (1, "after node 'double'")])
def test_interrupted_between_nodes(make_project, caplog, after, words):
    """What had run last is named."""
    from ipyproject.runners import Runner

    class Stopping(Runner):
        def execute(self, nodes, run_node):
            for node in nodes[:after]:
                run_node(node)
            raise KeyboardInterrupt

    session = make_project().open()
    with pytest.raises(KeyboardInterrupt):
        session.run(runner=Stopping())
    assert f"was interrupted {words}." in caplog.text


@pytest.mark.parametrize("asked_for", [["prepare", "report"], ("report", "prepare")])
def test_several_pipelines_by_name(make_project, asked_for):
    """A list of names runs their sum, is on record as it is, and can be replayed."""
    project = make_project()
    with project.open() as session:
        assert session.run(asked_for)["total"] == 12
        assert session.last_run.selection == {"pipeline": list(asked_for)}
        session_id = session.session_id
    with Session.replay(session_id, project.root) as replay:
        assert [dict(result) for result in replay.results] == [{"total": 12}]


def test_several_pipelines_and_nodes(make_project):
    """Pipelines, nodes and names run together, whichever kind they are; one node runs alone."""
    session = make_project().open()
    extra = Node(len, "doubled", "count", name="count")
    result = session.run(["prepare", session.pipelines["report"], Pipeline([]), extra])
    assert dict(result) == {"total": 12, "count": 3}
    assert "count" in session.last_run.selection["own_pipeline"]
    assert dict(session.run(extra)) == {"count": 3}
    assert dict(session.run(["prepare", "prepare"], tags="early")) == {"doubled": [2, 4, 6]}
    session.run([session.pipelines["prepare"]])
    assert session.last_run.selection == {"pipeline": "prepare"}


@pytest.mark.parametrize(
    ("asked_for", "kind", "message"),
    [
        (["prepare", "reprot"], UnknownPipelineError, "No pipeline is called 'reprot'.\nDid you mean 'report'"),
        ([], PipelineError, "has no nodes: there is nothing to run"),
        (3, PipelineError, "A int can't be run.\nGive the name of a pipeline, a pipeline, a node, or a list of these"),
        ({"prepare": 1}, PipelineError, "A dict can't be run"),
        ([None], PipelineError, "A NoneType can't be run"),
        (None, PipelineError, "A NoneType can't be run"),
    ],
)
def test_what_cannot_be_run(make_project, asked_for, kind, message):
    """It is said, and no run is on record."""
    session = make_project().open()
    with pytest.raises(kind, match=message):
        session.run(asked_for)
    assert session.runs == ()


def test_an_unknown_runner_in_the_settings(make_project):
    """A name in the settings that is no runner's is said with its place; one that was asked for, without."""
    session = make_project({"src/shop/settings.py": 'RUNNER = "threds"'}).open()
    with pytest.raises(SettingsError, match=r"^RUNNER in settings\.py: There is no runner 'threds'"):
        session.run()
    with pytest.raises(SettingsError, match=r"^There is no runner 'fast'"):
        session.run(runner="fast")


def test_nothing_to_run(make_project):
    """A project without pipelines opens, and a run says that it has none."""
    session = make_project({"src/shop/pipeline_registry.py": None}).open()
    with pytest.raises(PipelineError, match="has no nodes: there is nothing to run"):
        session.run()


CATCHING = """
    import os, signal, time
    caught = []
    def double(orders, rate):
        for _ in range(3):
            try:
                os.kill(os.getpid(), signal.SIGINT)
                time.sleep(30)
            except KeyboardInterrupt:
                caught.append("stop early")
        return orders
    def add_up(doubled): return len(doubled)
    """


@pytest.mark.skipif(sys.platform == "win32", reason="no process can send Ctrl-C to itself alone there")
def test_a_node_that_catches_ctrl_c(make_project):
    """Training that is stopped early by Ctrl-C, as often as that is pressed, is a node like any other."""
    project = make_project({"src/shop/nodes.py": CATCHING})
    with project.open() as session:
        assert session.run()["total"] == 3
        assert session.last_run.status == "completed"
        assert sys.modules["shop.nodes"].caught == ["stop early"] * 3
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
