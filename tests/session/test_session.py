"""The life of a session."""

from __future__ import annotations

import json
import logging
import re
from copy import deepcopy

import pytest

from ipyproject import Node, Pipeline, Session, SessionState, bootstrap_project, current_session
from ipyproject.errors import (
    DatasetError,
    DatasetNotFoundError,
    ProjectCodeError,
    SessionError,
    UnknownEnvError,
    UnknownPipelineError,
)
from ipyproject.history import Status, open_history
from ipyproject.testing import RecordingRunner


def test_open_run_close(make_project):
    """A session opens on a project, runs its pipelines and closes; outputs come back by name."""
    project = make_project()
    with project.open() as session:
        assert session.state is SessionState.OPEN
        assert session.env == "local"
        assert current_session() is session
        result = session.run()
    assert dict(result) == {"total": 12}
    assert session.state is SessionState.CLOSED
    assert current_session() is None
    assert json.loads((project.root / "data/total.json").read_text()) == 12


def test_as_many_runs_as_wanted(make_project):
    """Each run has its own id, and is kept in order."""
    with make_project().open() as session:
        first = session.run(pipeline="prepare")
        second = session.run(pipeline="report")
        assert [run.run_id for run in session.runs] == [first.run_id, second.run_id]
        assert session.runs[0].run_id < session.runs[1].run_id
        assert session.last_run.status is Status.COMPLETED
        assert session.last_run.selection == {"pipeline": "report"}


def test_results_are_in_the_live_catalog(make_project):
    """What a run kept in memory can be looked at afterwards, and used by the next run."""
    with make_project().open() as session:
        result = session.run(pipeline="prepare")
        assert result["doubled"] == session.catalog.load("doubled") == [2, 4, 6]
        session.catalog.save("doubled", [1])
        assert session.run(pipeline="report")["total"] == 1


def test_a_result_stays_as_its_run_left_it(make_project):
    """A later run does not change the results of an earlier one."""
    with make_project().open() as session:
        first = session.run(pipeline="prepare")
        second = session.run(pipeline="prepare", extra_params={"rate": 10})
        assert (first["doubled"], second["doubled"]) == ([2, 4, 6], [10, 20, 30])


def test_intermediate_results_can_be_let_go(make_project):
    """keep=False frees what lives in memory as soon as nobody needs it; names keep only these."""
    with make_project().open() as session:
        session.run(keep=False)
        assert not session.catalog.exists("doubled")
        session.run(keep=["doubled"])
        assert session.catalog.exists("doubled")


def test_env_and_extra_params(make_project, monkeypatch):
    """The argument chooses the env, then IPYPROJECT_ENV, then the default; extra parameters are merged deeply."""
    project = make_project()
    with project.open(env="prod", extra_params={"model": {"seed": 8}}) as session:
        assert session.load_context().params == {"rate": 3, "model": {"test_share": 0.25, "seed": 8}}
        assert session.extra_params == {"model": {"seed": 8}}
    monkeypatch.setenv("IPYPROJECT_ENV", "prod")
    with project.open() as session:
        assert session.env == "prod"
    with project.open(env="local") as session:
        assert session.load_context().params["rate"] == 2


def test_extra_params_of_a_run(make_project):
    """Parameters of one run reach its nodes and are gone with it."""
    with make_project().open(extra_params={"model": {"seed": 1}}) as session:
        assert session.run(extra_params={"rate": 5})["total"] == 30
        assert session.last_run.extra_params == {"rate": 5}
        assert session.run()["total"] == 12


def test_inputs_of_a_run(make_project):
    """Data handed to a run is used instead of what the catalog has, for this run."""
    with make_project().open() as session:
        assert session.run(inputs={"orders": [10]})["total"] == 20
        assert session.run()["total"] == 12


def test_selection_and_runner(make_project):
    """A part of the pipeline runs, with the runner that was asked for."""
    runner = RecordingRunner()
    with make_project().open() as session:
        session.run(tags="early", runner=runner)
        session.run(from_nodes="add_up", runner=runner)
        assert runner.names == ["double", "add_up"]
        assert session.last_run.selection == {"pipeline": "__default__", "from_nodes": ["add_up"]}
        assert session.last_run.runner == "ipyproject.testing.RecordingRunner"
        assert session.run("report", runner="sequential")["total"] == 12


def test_a_pipeline_of_ones_own(make_project):
    """A pipeline made in the notebook runs as well as a registered one."""
    with make_project().open() as session:
        assert session.run(Pipeline([Node(len, "orders", "count")]))["count"] == 3


def test_context(make_project):
    """The context is the same object each time, and holds what the project comes to."""
    with make_project({"conf/base/spark.yml": "cores: 2"}).open() as session:
        context = session.load_context()
        assert context is session.load_context()
        assert context.project is session.project
        assert context.env == "local"
        assert context.config["spark"] == {"cores": 2}
        assert context.catalog.load("params:model.seed") == 7
        with pytest.raises(AttributeError):
            context.env = "prod"


def test_current_project_is_the_default(make_project, monkeypatch, tmp_path):
    """Without a path the bootstrapped project is opened, else the one found upward from the working directory."""
    project = make_project()
    bootstrap_project(project.root)
    monkeypatch.chdir(tmp_path)
    with Session.create() as session:
        assert session.project.root == project.root


def test_versions(make_project):
    """Versioned datasets are saved under the run's id; an earlier one can be loaded."""
    files = {
        "conf/local/catalog.yml": "total: {type: json.JSONDataset, filepath: data/total.json, versioned: true}",
        "src/shop/pipeline_registry.py": """
            from ipyproject import Node, Pipeline
            from shop.nodes import add_up

            def register_pipelines():
                again = Pipeline([Node(lambda total: total + 1, "total", "more", name="again")])
                return {"count": Pipeline([Node(add_up, "orders", "total")]), "again": again}
            """,
    }
    project = make_project(files)
    with project.open() as session:
        first = session.run("count")
        second = session.run("count", inputs={"orders": [10]})
        assert (project.root / "data/total.json" / first.run_id / "total.json").is_file()
        assert (first["total"], second["total"]) == (6, 10)
        assert session.run("again")["more"] == 11
        assert session.run("again", load_versions={"total": first.run_id})["more"] == 7


def test_failed_run(make_project):
    """What a node raises comes out as it is, says which node it was, and is on record; the session stays usable."""
    files = {"src/shop/nodes.py": "def double(orders, rate):\n    return 1 / 0\n\ndef add_up(doubled):\n    return 1\n"}
    with make_project(files).open() as session:
        with pytest.raises(ZeroDivisionError) as caught:
            session.run()
        assert re.fullmatch(r"In node 'double' \(.*src/shop/nodes\.py, line 1\)\.", caught.value.__notes__[0])
        assert session.last_run.status is Status.FAILED
        assert session.last_run.exception.type == "ZeroDivisionError"
        assert session.run("report", inputs={"doubled": [1]})["total"] == 1


def test_missing_input_file(make_project):
    """A dataset whose file is not there is named with its path and the file that defines it."""
    with make_project({"data/orders.json": None}).open() as session, pytest.raises(DatasetError) as caught:
        session.run()
    assert "'orders'" in str(caught.value)
    assert "data/orders.json" in str(caught.value)
    assert "conf/base/catalog.yml" in str(caught.value)


def test_missing_input(make_project):
    """An input that nobody defines is said before anything runs."""
    files = {"conf/base/catalog.yml": "order: {type: json.JSONDataset, filepath: data/orders.json}"}
    runner = RecordingRunner()
    missing = pytest.raises(DatasetNotFoundError, match=r"Node 'double' reads the dataset 'orders'(.|\n)*mean 'order'")
    with make_project(files).open() as session, missing:
        session.run(runner=runner)
    assert runner.names == []


def test_missing_parameter(make_project):
    """A parameter that does not exist is named as one."""
    files = {"conf/base/parameters.yml": "rat: 2"}
    missing = pytest.raises(DatasetNotFoundError, match=r"reads the parameter 'params:rate'(.|\n)*mean 'params:rat'")
    with make_project(files).open() as session, missing:
        session.run()


def test_unknown_pipeline(make_project):
    """An unknown pipeline is named with its closest match."""
    unknown = pytest.raises(UnknownPipelineError, match="No pipeline is called 'reprot'.\nDid you mean 'report'")
    with make_project().open() as session, unknown:
        session.run("reprot")


def test_unknown_env(make_project):
    """An unknown env leaves no open session, and the known ones are listed."""
    with pytest.raises(UnknownEnvError, match="prod"):
        make_project().open(env="staging")
    assert current_session() is None


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (lambda session: session.run(), "can't run"),
        (lambda session: session.load_context(), "can't load its context"),
        (lambda session: session.pipelines, "can't look at its pipelines"),
        (lambda session: session.__enter__(), "can't be entered"),
    ],
)
def test_closed_session(make_project, step, words):
    """Each step that a closed session can't take has its own sentence, and the next action."""
    session = make_project().open()
    session.close()
    with pytest.raises(SessionError, match=rf"{session.session_id} is closed; it {words}.\nOpen a new one"):
        step(session)


def test_closing_twice(make_project):
    """Closing again does nothing."""
    session = make_project().open()
    session.close()
    session.close()
    assert session.state is SessionState.CLOSED


HOOKS = """
from ipyproject import hook_impl
calls = []
class Hooks:
    @hook_impl
    def after_session_created(self, session): calls.append(("session", session.session_id))
    @hook_impl
    def after_catalog_created(self, catalog): calls.append("catalog")
    @hook_impl
    def after_context_created(self, context): calls.append("context")
    @hook_impl
    def before_pipeline_run(self, run_id, pipeline): calls.append(("run", len(pipeline)))
    @hook_impl
    def before_node_run(self, node, inputs): calls.append((node.name, sorted(inputs)))
    @hook_impl
    def after_dataset_saved(self, dataset_name, data): calls.append((dataset_name, data))
    @hook_impl
    def on_node_error(self, error, node): calls.append(("error", node.name, str(error)))
    @hook_impl
    def on_pipeline_error(self, error): calls.append(("failed", str(error)))
    @hook_impl
    def after_pipeline_run(self, run_result): calls.append(("ran", list(run_result)))
    @hook_impl
    def before_session_closed(self, session):
        calls.append("closed")
        raise RuntimeError("a hook that fails")
HOOKS = (Hooks(),)
"""


def test_hooks(make_project, caplog):
    """Hooks are called in the order of a session's life, and one that fails while closing does not stop the rest."""
    project = make_project({"src/shop/hooks.py": HOOKS, "src/shop/settings.py": "from shop.hooks import HOOKS"})
    with project.open() as session:
        session.run()
        with pytest.raises(TypeError):
            session.run(inputs={"orders": 1})
        with caplog.at_level(logging.CRITICAL, logger="ipyproject"):
            session.close()
    from shop.hooks import calls

    assert calls == [
        ("session", session.session_id),
        "catalog",
        "context",
        ("run", 2),
        ("double", ["orders", "params:rate"]),
        ("doubled", [2, 4, 6]),
        ("add_up", ["doubled"]),
        ("total", 12),
        ("ran", ["total"]),
        ("run", 2),
        ("double", ["orders", "params:rate"]),
        ("error", "double", "'int' object is not iterable"),
        ("failed", "'int' object is not iterable"),
        "closed",
    ]
    assert session.state is SessionState.CLOSED
    assert current_session() is None


def test_data_without_context(make_project):
    """Facts about the session are there for plugins, read-only, without loading the context."""
    with make_project().open(env="prod") as session:
        data = current_session().data
        assert (data["env"], data["session_id"], data["status"]) == ("prod", session.session_id, "open")
        assert data["runs"] == ()
        with pytest.raises(TypeError):
            data["env"] = "local"


def test_not_closed_while_running(waiting_project, going_on):
    """A session whose run goes on in another thread refuses to close."""
    with waiting_project.open() as session, going_on(session), pytest.raises(SessionError, match="is still running"):
        session.close()


def test_result_looks(make_project):
    """A result says how the run went and what came out."""
    with make_project().open() as session:
        result = session.run()
    assert re.fullmatch(r"RunResult\(completed, 2 nodes, \d+\.\d\d s, outputs: total\)", repr(result))
    assert list(result.timings) == ["double", "add_up"]
    with pytest.raises(KeyError, match=r"'doubled' is no output of this run.\nIts outputs: total\."):
        result["doubled"]


def test_parameters_of_the_context_are_read_only(make_project):
    """Parameters can't be changed under the catalog; copies of them are ordinary and can."""
    with make_project().open() as session:
        params = session.load_context().params
        with pytest.raises(TypeError, match="read-only"):
            params["rate"] = 99
        with pytest.raises(TypeError, match="read-only"):
            params["model"].update(seed=1)
        copy = deepcopy(params)
        copy["model"]["seed"] = 1
        assert json.loads(json.dumps(params)) == {"rate": 2, "model": {"test_share": 0.25, "seed": 7}}


def test_a_node_that_exits(make_project):
    """sys.exit in a node is a failure that names the node, not the end of the process."""
    files = {"src/shop/nodes.py": "import sys\ndef double(orders, rate): sys.exit(0)\ndef add_up(doubled): ...\n"}
    with (
        make_project(files).open() as session,
        pytest.raises(ProjectCodeError, match=r"'double' called sys\.exit\(0\)"),
    ):
        session.run()


def test_notes_are_added_once(make_project):
    """An exception object that is raised by every run says once where it came from."""
    files = {
        "src/shop/nodes.py": "E = ValueError('always')\ndef double(orders, rate): raise E\ndef add_up(doubled): ..."
    }
    with make_project(files).open() as session:
        for _ in range(3):
            with pytest.raises(ValueError, match="always") as caught:
                session.run()
    assert len(caught.value.__notes__) == 1


def test_logged_facts_and_metrics(make_project):
    """Facts and metrics are in the session's data and in its record; a metric knows the run it was logged in."""
    files = {
        "src/shop/nodes.py": """
            from ipyproject import current_session
            def double(orders, rate):
                current_session().log_metric("orders", len(orders))
                return orders
            def add_up(doubled): return 1
            """
    }
    project = make_project(files)
    with project.open() as session:
        session.log(team="penguins", odd={1, 2})
        session.run()
        assert session.data["facts"]["team"] == "penguins"
        with pytest.raises(SessionError, match="'bad' is no number"):
            session.log_metric("bad", "x")
        with pytest.raises(SessionError, match="no text: 5"):
            session.log_metric(5, 1)
    with open_history(project.root) as store:
        assert store.facts(session.session_id)["team"] == "penguins"
        [metric] = store.metrics(session.session_id)
        assert store.parameters(session.session_id) == {"rate": 2, "model": {"test_share": 0.25, "seed": 7}}
    assert (metric.name, metric.value, metric.run_id) == ("orders", 3.0, session.last_run.run_id)
