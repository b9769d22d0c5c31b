"""Repeating a recorded session."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from datetime import UTC, date, datetime

import numpy as np
import pytest

from ipyproject import Node, Pipeline, Session, reload_project
from ipyproject.errors import HistoryError, SessionError, SettingsError, UnknownPipelineError
from ipyproject.history import compare, open_history, session, sessions
from ipyproject.session import open_replay


def git(project, *arguments):
    command = ["git", "-c", "user.name=t", "-c", "user.email=t@example.org", *arguments]
    return subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=True).stdout.strip()


@pytest.fixture
def project(make_project):
    """A shop in a git repository, with one recorded session of two runs."""
    project = make_project({".gitignore": "__pycache__\n.ipyproject\n*total.json\n"})
    git(project, "init", "-q")
    git(project, "add", ".")
    git(project, "commit", "-qm", "first")
    with project.open(env="prod", extra_params={"model": {"seed": 8}}) as opened:
        opened.run("prepare", extra_params={"rate": 5})
        opened.run("report", tags="late")
    return project


def test_the_same_again(project):
    """Env, extra parameters, selections and parameters of runs are as they were, and the records are linked."""
    with Session.replay("latest", project.root) as replay:
        assert replay.differences == ()
        assert [dict(result) for result in replay.results] == [{"doubled": [5, 10, 15]}, {"total": 30}]
        assert replay.session.env == "prod"
        assert replay.session.extra_params == {"model": {"seed": 8}}
    with open_history(project.root) as store:
        new, old = store.sessions()
        assert new.replay_of == old.session_id
        assert [run.selection for run in store.runs(new.session_id)] == [
            run.selection for run in store.runs(old.session_id)
        ]


def test_what_differs_is_said(project):
    """Code, parameters and configuration files that are not what they were are listed."""
    project.write({"conf/base/parameters.yml": "rate: 2\nmodel: {test_share: 0.5, seed: 7}\n"})
    with Session.replay("latest", project.root, extra_params={"new": 1}) as replay:
        found = {(each.section, each.name): (each.before, each.after) for each in replay.differences}
    assert found["code", "dirty"] == (False, True)
    assert found["parameters", "model.test_share"] == (0.25, 0.5)
    assert found["parameters", "new"][1] == 1
    assert ("configuration", "conf/base/parameters.yml") in found
    assert ("parameters", "model.seed") not in found
    assert ("code", "commit") not in found


def test_strict(project):
    """Strict refuses other code and opens nothing; on the same code it runs."""
    with Session.replay("latest", project.root, strict=True) as replay:
        assert len(replay.results) == 2
    project.write({"src/shop/nodes.py": "def double(orders, rate): ...\ndef add_up(doubled): ...\n"})
    git(project, "commit", "-aqm", "second")
    with pytest.raises(SessionError, match=r"The code is not that of session .*: commit \w+ -> \w+.*\nCheck out "):
        Session.replay("latest", project.root, strict=True)
    assert len(sessions(project_path=project.root)) == 2


def test_strict_and_what_a_run_wrote(project):
    """Outputs that git does not ignore are no other code: neither those of the run itself nor of the replay."""
    project.write({".gitignore": "__pycache__\n.ipyproject\n"})
    git(project, "commit", "-qam", "outputs are not ignored")
    with project.open() as opened:
        opened.run()
        (project.root / "data/more.csv").touch()
    assert git(project, "status", "--porcelain", "-uall")
    with Session.replay("latest", project.root, strict=True) as replay:
        until = time.monotonic() + 30  # git is asked beside the run
        while "dirty" not in replay.session.record.git and time.monotonic() < until:
            time.sleep(0.01)
        assert replay.session.record.git["dirty"] is False
    with Session.replay("latest", project.root, strict=True) as replay:
        assert [each for each in replay.differences if each.section == "code"] == []


@pytest.mark.parametrize("file", ["src/shop/new.py", "conf/local/parameters.yml", "pyproject.toml"])
def test_strict_and_what_determines_a_run(project, file):
    """Code, also untracked, configuration and pyproject.toml are looked at."""
    text = (project.root / file).read_text() if (project.root / file).exists() else ""
    (project.root / file).write_text(f"{text}\n")
    with pytest.raises(SessionError, match="The code is not that of session .* dirty False -> True"):
        Session.replay("latest", project.root, strict=True)


def test_strict_with_a_conf_source_elsewhere(project, tmp_path):
    """A conf source outside the repository is compared by its files' contents; the code is known all the same."""
    other = tmp_path / "conf"
    (other / "base").mkdir(parents=True)
    (other / "base/parameters.yml").write_text("rate: 4")
    with project.open(conf_source=other):
        pass
    with Session.replay("latest", project.root, strict=True) as replay:
        assert replay.differences == ()
    assert replay.session.record.git["dirty"] is False


def test_strict_without_git(make_project):
    """Where the code's version is not known, strict says that nothing can be said."""
    project = make_project()
    with project.open():
        pass
    with pytest.raises(SessionError, match="git knew nothing of it.\nReplay without --strict"):
        Session.replay("latest", project.root, strict=True)


def test_a_secret_must_be_given_again(make_project):
    """A parameter whose value was hidden in the record is asked for."""
    project = make_project()
    with project.open(extra_params={"db": {"password": "hunter2-hunter2"}}):
        pass
    with pytest.raises(
        SessionError,
        match="'db.password', or a part of it, is secret and was not recorded.\nGive it again: --params db.password=...",
    ):
        Session.replay("latest", project.root)
    with project.open(extra_params={"db": {"password": "hunter2"}, "note": "x"}) as opened:
        opened.run("prepare", extra_params={"api": {"token": "t0ken"}, "key": 2024})
    with pytest.raises(
        SessionError,
        match=r"'db.password', 'api.token', or a part of each, are .*\n.*: --params db.password=...,api.token=...",
    ):
        Session.replay("latest", project.root)
    with Session.replay("latest~1", project.root, extra_params={"db": {"password": "other"}}) as replay:
        assert replay.session.load_context().params["db"]["password"] == "other"
        assert not [each for each in replay.differences if each.section == "parameters"]


def test_all_that_must_be_given_again(make_project):
    """Every parameter that was not recorded, of the session and of its runs, is named at once, ready to be typed."""
    project = make_project()
    with project.open(extra_params={"db": {"password": "hunter2-hunter2"}, "kept": 1, "many": {1, 2}}) as opened:
        opened.run("prepare", extra_params={"token": "abcdefgh-1", "db": {"password": "hunter2-hunter2"}})
    with pytest.raises(SessionError) as refused:
        Session.replay("latest", project.root)
    assert refused.value.message.endswith(
        " can't be replayed: the parameters 'db.password', 'token', or a part of each, are secret and were not recorded; "
        "the parameter 'many' was kept only as {1, 2}."
    )
    assert refused.value.hint == (
        "Give them again: --params db.password=...,token=...,many=..., as values that JSON can hold."
    )
    given = {"db": {"password": "another-one"}, "token": "abcdefgh-2", "many": [1]}
    with Session.replay("latest", project.root, extra_params=given) as replay:
        assert replay.session.load_context().params["token"] == "abcdefgh-2"


def test_a_literal_that_looks_masked(make_project):
    """Stars that were there from the beginning are no secret, and are replayed; also beside real ones."""
    project = make_project()
    with project.open(extra_params={"pattern": "a***b", "db": {"password": "hunter2-hunter2"}}) as opened:
        opened.run("prepare", extra_params={"glob": ["***", "x"]})
    with pytest.raises(SessionError, match="'db.password', or a part of it, is secret"):
        Session.replay("latest", project.root)
    with Session.replay("latest", project.root, extra_params={"db": {"password": "other-secret***"}}) as replay:
        assert replay.session.extra_params == {"pattern": "a***b", "db": {"password": "other-secret***"}}
        assert replay.session.last_run.extra_params == {"glob": ["***", "x"], "db": {"password": "***"}}


RUNNER = """
    from ipyproject.runners import Runner
    class Repeating(Runner):
        def __init__(self, times=1, client=None):
            self.times, self._private, self.client = times, object(), client or Client()
        def execute(self, nodes, run_node):
            for _ in range(self.times):
                for node in nodes: run_node(node)
    class Client: pass
    """


def test_a_runner_with_arguments(make_project):
    """A runner is made anew from its class: where that is not as it was, it is said."""
    project = make_project({"src/shop/runner.py": RUNNER})
    with project.open() as opened:
        from shop.runner import Repeating

        opened.run("prepare", runner=Repeating(times=2))
        opened.run("prepare", runner=Repeating)
        assert [len(run["nodes"]) for run in session(project_path=project.root).as_document()["runs"]] == [2, 1]
    with Session.replay("latest", project.root) as replay:
        [difference] = replay.differences
        assert (difference.section, difference.name) == ("runner", "Repeating.times")
        assert (difference.before, difference.after) == (2, 1)
        assert len(replay.results) == 2


FAILING = "def double(orders, rate): return [order // (rate - 2) for order in orders]\ndef add_up(doubled): return 1\n"


@pytest.fixture
def failed_once(make_project):
    """A session whose first run failed and whose second one did not."""
    project = make_project({"src/shop/nodes.py": FAILING})
    with project.open() as opened:
        with pytest.raises(ZeroDivisionError):
            opened.run("prepare")
        opened.run("prepare", extra_params={"rate": 3})
    return project


def test_a_run_that_failed_then_too(failed_once, caplog):
    """A run that fails as it did when it was recorded does not keep the later ones from being done; it is said."""
    with Session.replay("latest", failed_once.root) as replay:
        assert [result["doubled"] for result in replay.results] == [[1, 2, 3]]
        assert [type(error) for error in replay.failures] == [ZeroDivisionError]
    assert "failed again, as when it was recorded: ZeroDivisionError" in caplog.text
    with open_history(failed_once.root) as store:
        assert [run.status for run in store.runs(store.session("latest").session_id)] == ["failed", "completed"]


def test_a_run_that_did_not_fail_then(failed_once):
    """A run that fails now, and did not then, ends the replay."""
    failed_once.write({"src/shop/nodes.py": "def double(orders, rate): 1 / 0\ndef add_up(doubled): ..."})
    with open_replay(reload_project, "latest", failed_once.root) as replay, pytest.raises(ZeroDivisionError):
        replay.run()
    assert len(replay.failures) == 1
    assert [run.status for run in session(project_path=failed_once.root).runs] == ["failed", "failed"]


def test_the_last_run_failed_then_too(make_project):
    """What the last run raises is raised, whatever it did when it was recorded: it is what the session came to."""
    project = make_project({"src/shop/nodes.py": FAILING})
    with pytest.raises(ZeroDivisionError), project.open() as opened:
        opened.run("prepare")
    with pytest.raises(ZeroDivisionError):
        Session.replay("latest", project.root)


def test_a_run_that_cannot_begin_any_more(failed_once):
    """A recorded failure does not excuse a run for which the pipeline is gone."""
    failed_once.write({"src/shop/pipeline_registry.py": "def register_pipelines(): return {}"})
    with open_replay(reload_project, "latest", failed_once.root) as replay, pytest.raises(UnknownPipelineError):
        replay.run()
    assert replay.failures == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"pipeline": Pipeline([Node(len, "orders", "count")])}, "a pipeline that is not in the registry"),
        ({"inputs": {"orders": [1]}}, "was handed data for orders"),
    ],
)
def test_what_cannot_be_repeated(make_project, arguments, message):
    """A run of the notebook's own pipeline, or on data that was handed over, is refused with the reason."""
    project = make_project()
    with project.open() as opened:
        opened.run(**arguments)
    with pytest.raises(SessionError, match=message):
        Session.replay("latest", project.root)


def test_a_parameter_that_json_cannot_hold(make_project):
    """A parameter that was kept as its repr is asked for."""
    project = make_project()
    with project.open(extra_params={"when": {1, 2}}):
        pass
    with pytest.raises(SessionError, match=r"'when' was kept only as \{1, 2\}"):
        Session.replay("latest", project.root)


def test_conf_source_is_gone(project, tmp_path):
    """A conf source that is no longer there is named."""
    other = tmp_path / "other"
    (other / "base").mkdir(parents=True)
    with project.open(conf_source=other):
        pass
    (other / "base").rmdir()
    other.rmdir()
    with pytest.raises(SessionError, match="The conf source of session .* is gone"):
        Session.replay("latest", project.root)


def test_unknown_session(project):
    """An id that does not exist is said, with the closest ones."""
    with pytest.raises(HistoryError, match="2001"):
        Session.replay("2001", project.root)


def test_questions_in_python(project):
    """ipyproject.history answers with typed records, and with tables where pandas is installed."""
    with Session.replay("latest", project.root, extra_params={"model": {"seed": 9}}):
        pass
    assert len(sessions(project_path=project.root)) == 2
    [old] = sessions(params={"model.seed": 8}, project_path=project.root)
    assert old.env == "prod"
    frame = sessions(project_path=project.root).to_frame()
    assert list(frame["env"]) == ["prod", "prod"]
    everything = session(old.session_id, project_path=project.root)
    assert everything.parameters == {"rate": 3, "model": {"test_share": 0.25, "seed": 8}}
    assert everything.record.git["commit"] == git(project, "rev-parse", "HEAD")
    assert "pytest" in everything.packages
    assert list(everything.to_frame()["name"]) == ["double", "add_up"]
    changed = {(each.section, each.name): (each.before, each.after) for each in compare(project_path=project.root)}
    assert changed["parameters", "model.seed"] == (8, 9)
    assert ("timings", "double") in changed
    assert ("session", "env") not in changed
    with pytest.raises(HistoryError, match="No session has the status 'done'"):
        sessions(status="done", project_path=project.root)


def test_reading_another_project_changes_nothing(make_project):
    """Looking at the sessions of another project leaves the current one, its modules and sys.path alone."""
    other = make_project({"src/shop/settings.py": "SESSION_STORE = 'elsewhere.db'"}, folder="other")
    with other.open():
        pass
    opened = make_project(folder="here").open()
    modules, path = {name: module for name, module in sys.modules.items() if name.startswith("shop")}, list(sys.path)
    assert len(sessions(project_path=other.root)) == 1
    assert {name: module for name, module in sys.modules.items() if name.startswith("shop")} == modules
    assert sys.path == path
    assert opened.run()["total"] == 12


def test_questions_with_broken_settings(make_project):
    """Questions in Python are answered all the same, without a word; a replay needs the settings."""
    project = make_project({"src/shop/settings.py": "SESSION_STORE = 'elsewhere.db'"})
    with project.open():
        pass
    del sys.modules["shop.settings"]
    project.write({"src/shop/settings.py": "NO_SUCH = 1"})
    assert len(sessions(project_path=project.root)) == 1
    with pytest.raises(SettingsError, match="NO_SUCH"):
        Session.replay("latest", project.root)
    with pytest.raises(HistoryError, match="no session 'nowhere'"):
        session("nowhere", project_path=project.root)


def test_another_clone(project, tmp_path):
    """A replay uses the code and the configuration of the project it is asked in, not of where the record was made."""
    import shutil

    other = tmp_path / "clone"
    shutil.copytree(project.root, other)
    (other / "conf/prod/parameters.yml").write_text("rate: 50")
    with Session.replay("latest", other) as replay:
        assert dict(replay.results[0]) == {"doubled": [5, 10, 15]}
        assert replay.session.load_context().params["rate"] == 50
        found = {(each.section, each.name) for each in replay.differences}
    assert {("parameters", "rate"), ("configuration", "conf/prod/parameters.yml"), ("code", "dirty")} <= found
    with pytest.raises(SessionError, match="The code is not that of session"):
        Session.replay("latest~1", other, strict=True)


def test_projects_in_one_store(make_project, monkeypatch, tmp_path):
    """Projects that share a store see their own sessions, and none is replayed in another."""
    monkeypatch.setenv("IPYPROJECT_SESSION_STORE", str(tmp_path / "all.db"))
    first, second = make_project(), make_project(package="bakery")
    with first.open() as opened:
        opened.run()
    with second.open():
        pass
    assert [record.project for record in sessions(project_path=first.root)] == ["shop"]
    assert session(project_path=second.root).record.project == "bakery"
    with open_history(second.root) as store:
        assert len(store.prunable(keep_last=0)) == 1
    with pytest.raises(SessionError, match="is of another project: shop"):
        Session.replay(opened.session_id, second.root)


def test_parts_of_lists_that_were_not_recorded(make_project):
    """A secret, or a value that JSON can't hold, inside a list is asked for as well."""
    project = make_project()
    with project.open(extra_params={"hosts": [{"password": "hunter2-hunter2"}]}):
        pass
    with pytest.raises(SessionError, match="'hosts', or a part of it, is secret"):
        Session.replay("latest", project.root)
    with project.open(extra_params={"days": [{1, 2}]}):
        pass
    with pytest.raises(SessionError, match="'days' was kept only as"):
        Session.replay("latest", project.root)


def test_values_that_json_does_not_hold(make_project):
    """Keys of any kind, dates, NaN, the infinities and numpy's numbers are replayed as they were."""
    project = make_project()
    params = {
        "labels": {number: f"name{number}" for number in range(300)},
        "lags": {1: 0.5, "1": 2, (1, "a"): 3, None: 4, date(2026, 1, 2): 5},
        "day": date(2026, 1, 2),
        "at": datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        "low": -math.inf,
        "high": [math.inf],
        "seed": np.int64(7),
        "rate": np.float32(0.5),
        "on": np.bool_(True),  # noqa: FBT003
    }
    with project.open(extra_params=params | {"none": math.nan}) as opened:
        opened.load_context()
    with Session.replay("latest", project.root) as replay:
        replayed = dict(replay.session.load_context().params)
        assert math.isnan(replayed.pop("none"))
        assert {name: replayed[name] for name in params} == params
        assert {name: type(replayed[name]) for name in ("day", "at", "low", "seed", "rate", "on")} == {
            "day": date,
            "at": datetime,
            "low": float,
            "seed": int,
            "rate": float,
            "on": bool,
        }
        assert replay.differences == ()
    [again, first] = sessions(project_path=project.root)
    assert [
        each
        for each in compare(first.session_id, again.session_id, project_path=project.root)
        if each.section == "parameters"
    ] == []


def test_parameters_given_now_reach_every_run(project):
    """Parameters that differ this time come before those of the recorded runs."""
    with Session.replay("latest", project.root, extra_params={"rate": 9}) as replay:
        assert replay.results[0]["doubled"] == [9, 18, 27]


def test_a_registered_pipeline_given_as_an_object(make_project):
    """A run of an object from the registry is on record by its name, and so can be repeated."""
    project = make_project()
    with project.open() as opened:
        opened.run(opened.pipelines["prepare"])
    with Session.replay("latest", project.root) as replay:
        assert replay.results[0]["doubled"] == [2, 4, 6]
