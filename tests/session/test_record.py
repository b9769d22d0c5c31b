"""What a session leaves in the store."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import threading
import time

import pytest

from ipyproject import reload_project
from ipyproject.errors import DatasetNotFoundError, HistoryError
from ipyproject.history import HistoryWarning, Status, open_history
from ipyproject.session.facade import core_of


def test_record_of_a_session(make_project):
    """The record exists from the moment the session opens, and knows its parameters and how it ended."""
    project = make_project()
    session = project.open(env="prod", extra_params={"model": {"seed": 8}})
    with open_history(project.root) as store:
        record = store.session("latest")
        assert (record.session_id, record.status) == (session.session_id, Status.OPEN)
    session.close()
    with open_history(project.root) as store:
        record = store.session(session.session_id)
    assert (record.status, record.env, record.project) == (Status.COMPLETED, "prod", "shop")
    assert record.extra_params == {"model": {"seed": 8}}
    assert record.end >= record.start
    assert (record.pid, record.started_by) == (os.getpid(), "script")
    assert record.user
    assert record.host
    assert record.command_line


def test_record_of_runs(make_project):
    """A row per run: selection, status and the timing of each node."""
    project = make_project()
    with project.open() as session:
        session.run("prepare", tags="early")
        with pytest.raises(TypeError):
            session.run(inputs={"orders": 1})
    with open_history(project.root) as store:
        good, bad = store.runs(session.session_id)
        nodes = store.nodes(good.run_id)
        failed = store.nodes(bad.run_id)
    assert good.selection == {"pipeline": "prepare", "tags": ["early"]}
    assert (good.status, bad.status) == (Status.COMPLETED, Status.FAILED)
    assert bad.exception.type == "TypeError"
    assert [node.name for node in nodes] == ["double"]
    assert nodes[0].duration >= 0
    assert nodes[0].outputs == {"doubled": {"type": "list", "length": 3}}
    assert [(node.name, node.status) for node in failed] == [("double", Status.FAILED)]


@pytest.mark.parametrize(
    ("error", "status"), [(ValueError("no"), Status.FAILED), (KeyboardInterrupt(), Status.INTERRUPTED)]
)
def test_a_with_block_that_raises(make_project, error, status):
    """A session whose block raises is on record as failed, or as interrupted by its user."""
    project = make_project()
    with pytest.raises(type(error)), project.open():
        raise error
    with open_history(project.root) as store:
        record = store.session("latest")
    assert record.status is status
    assert record.exception.type == type(error).__name__


def test_no_record(make_project):
    """save_on_close=False leaves no record at all, not even a folder."""
    project = make_project()
    with project.open(save_on_close=False) as session:
        session.run()
        assert session.last_run.status is Status.COMPLETED
    assert not (project.root / ".ipyproject").exists()


SCRIPT = """
from ipyproject import Session, bootstrap_project
bootstrap_project({root!r})
session = Session.create()
session.run()
{end}
"""


@pytest.mark.parametrize(("end", "status"), [("", Status.COMPLETED), ("raise ValueError('at the end')", Status.FAILED)])
def test_a_script_that_never_closes(make_project, end, status):
    """A script that forgets to close is on record as it really ended."""
    project = make_project()
    code = textwrap.dedent(SCRIPT).format(root=str(project.root), end=end)
    subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)
    with open_history(project.root) as store:
        record = store.session("latest")
        assert [run.status for run in store.runs(record.session_id)] == [Status.COMPLETED]
    assert record.status is status


def test_store_named_by_settings_and_environment(make_project, monkeypatch, tmp_path):
    """The store is where the settings say; the environment variable says it louder."""
    project = make_project({"src/shop/settings.py": "SESSION_STORE = 'records/all.db'"})
    with project.open():
        assert (project.root / "records/all.db").is_file()
    monkeypatch.setenv("IPYPROJECT_SESSION_STORE", str(tmp_path / "other.db"))
    with project.open():
        assert (tmp_path / "other.db").is_file()


def recorded_bytes(project):
    return b"".join(file.read_bytes() for file in (project.root / ".ipyproject").rglob("*") if file.is_file())


def test_credentials_wherever_they_turn_up(make_project, monkeypatch):
    """A credential's value is hidden from the first moment on: in parameters, variables, facts, errors, and in the log."""
    monkeypatch.setenv("IPYPROJECT_TOKEN", "tok_9f8e7d6c5b4a")
    project = make_project(
        {
            "conf/local/credentials.yml": "db: {password: S3cr3tPassw0rd}",
            "src/shop/nodes.py": "def double(orders, rate): raise ValueError('bad S3cr3tPassw0rd')\ndef add_up(doubled): ...",
        }
    )
    with project.open(extra_params={"note": "it is S3cr3tPassw0rd"}) as session:
        session.log(told="the token is tok_9f8e7d6c5b4a")
        with pytest.raises(ValueError, match="bad"):
            session.run()
        assert "S3cr3tPassw0rd" not in repr(session.data)
        assert core_of(session).masked("S3cr3tPassw0rd") == "***"
    content = recorded_bytes(project)
    assert b"S3cr3tPassw0rd" not in content
    assert b"tok_9f8e7d6c5b4a" not in content
    assert b"it is ***" in content


def test_what_credentials_refer_to(make_project, monkeypatch):
    """The variables that credentials use are secret, wherever they come to; messages hide them before they are cut."""
    monkeypatch.setenv("SHOP_PW", "pw-9f8e7d6c5b4a")
    monkeypatch.setenv("SHOP_STAGE", "SHOP_PW")
    files = {
        "conf/base/credentials.yml": 'db: {url: "db://me:${oc.env:${oc.env:SHOP_STAGE}}@host"}',
        "conf/base/globals.yml": "key: from-globals",
        "conf/local/credentials.yml": "more: {of: '${globals:key}'}",
        "src/shop/settings.py": "SESSION_ENVIRONMENT = ['SHOP_*']",
        "src/shop/nodes.py": """
            def double(orders, rate): raise ValueError("x" * 9_995 + "pw-9f8e7d6c5b4a")
            def add_up(doubled): ...
            """,
    }
    project = make_project(files)
    with project.open(extra_params={"note": "pw-9f8e7d6c5b4a", "other": "from-globals"}) as session:
        session.log_metric("loss_pw-9f8e7d6c5b4a", 1)
        session.log(**{"pw-9f8e7d6c5b4a": 1})
        with pytest.raises(ValueError, match="pw-9f8e7d6c5b4a") as caught:
            session.run()
        assert caught.value.args == ("x" * 9_995 + "pw-9f8e7d6c5b4a",)
        assert not hasattr(caught.value, "_render_traceback_")
        with pytest.raises(DatasetNotFoundError, match=r"'\*\*\*'"):
            session.load_context().catalog.load("pw-9f8e7d6c5b4a")
        assert session.record.environment["SHOP_PW"] == "***"
        assert session.record.extra_params == {"note": "***", "other": "***"}
        assert [each.name for each in session.data["metrics"]] == ["loss_***"]
        assert session.data["facts"] == {"***": 1}
    assert b"pw-9" not in recorded_bytes(project)


def test_ordinary_values_are_no_secrets(make_project):
    """A number, and a value under a name that merely ends in key, hide nothing of the same text."""
    project = make_project({"conf/base/parameters.yml": "rate: 2\nkey: 2024\ntoken: 20242024\n"})
    with project.open() as session:
        session.log(told="KeyError: 2024 and 20242024")
        assert session.data["facts"] == {"told": "KeyError: 2024 and 20242024"}


def test_ordinary_words_are_no_secrets(make_project):
    """A word under a name that merely ends in key does not hide the pipelines and parameters of that name."""
    project = make_project({"conf/base/parameters.yml": "rate: 2\nbatch_key: prepare\nmodel: {target: prepare}\n"})
    with project.open() as session:
        session.run("prepare")
    with open_history(project.root) as store:
        assert store.runs(session.session_id)[0].selection == {"pipeline": "prepare"}
        assert store.parameters(session.session_id)["model"] == {"target": "prepare"}


def test_data_is_read_only_at_every_depth(make_project):
    """Nobody changes what the session tells of itself, by any of its parts; it goes into JSON as ever."""
    given = {"model": {"seeds": [1, 2]}}
    mine = ["a"]
    with make_project().open(extra_params=given) as session:
        session.log(team=mine, plan={"steps": [1]})
        session.run("prepare", extra_params={"rate": 5}, tags=["early"])
        data = session.data
        for change in (
            lambda: data.update(env="prod"),
            lambda: data["extra_params"]["model"]["seeds"].append(3),
            data["facts"].clear,
            data["facts"]["plan"]["steps"].pop,
            lambda: data["runs"][0].extra_params.update(rate=6),
            data["runs"][0].selection["tags"].sort,
            lambda: data["invocation"].update(x=1),
        ):
            with pytest.raises(TypeError, match="read-only"):
                change()
        mine.append("b")
        assert json.loads(json.dumps(data["extra_params"])) == data["extra_params"] == given
        assert json.dumps(data["facts"]) == '{"team": ["a"], "plan": {"steps": [1]}}'
        assert data["runs"] == session.runs
        assert session.data["facts"]["team"] == ["a", "b"], "data tells what is known when it is asked"


def test_a_store_of_an_unknown_kind(make_project):
    """One warning names the kinds that are known; once the setting is mended the record is there, and once only."""
    project = make_project({"src/shop/settings.py": "SESSION_STORE = 'mysql://me:hunter2-hunter2@host/db'"})
    with pytest.warns(HistoryWarning) as caught, project.open() as lost:
        assert lost.run()["total"] == 12
    [warning] = [str(each.message) for each in caught]
    assert "no kind of session store called 'mysql'; known are a path, sqlite:///" in warning
    assert "is taken in by a later session. Mend SESSION_STORE in settings.py" in warning
    assert "hunter2" not in warning
    with (
        pytest.raises(HistoryError, match="called 'mysql'.*\nMend SESSION_STORE in settings.py"),
        open_history(project.root),
    ):
        pass
    for store in ("elsewhere.db", "third.db"):
        project.write({"src/shop/settings.py": f"SESSION_STORE = '{store}'  # mended"})
        reload_project(project.root).close()
        with open_history(project.root) as history:
            ids = [record.session_id for record in history.sessions()]
            assert ids.count(lost.session_id) == (store == "elsewhere.db")
    assert history.location.endswith("third.db")


@pytest.mark.parametrize(("code", "status"), [(0, Status.COMPLETED), (None, Status.COMPLETED), (3, Status.FAILED)])
def test_leaving_by_exit(make_project, code, status):
    """A script that leaves with success did not fail."""
    project = make_project()
    with pytest.raises(SystemExit), project.open():
        raise SystemExit(code)
    with open_history(project.root) as store:
        assert store.session("latest").status is status


def test_metrics_belong_to_their_run(make_project):
    """A metric belongs to the run that it was logged in, also by the hook after it, also with two runs at once."""
    files = {
        "src/shop/settings.py": """
            from ipyproject import hook_impl
            class Hooks:
                @hook_impl
                def after_pipeline_run(self, run_id, session):
                    session.log_metric("after", 1)
            HOOKS = (Hooks(),)
            """,
        "src/shop/nodes.py": """
            import threading
            from ipyproject import current_session
            barrier = threading.Barrier(2)
            def double(orders, rate):
                barrier.wait(30)
                current_session().log_metric("rate", rate)
                return orders
            def add_up(doubled): return 1
            """,
    }
    project = make_project(files)
    with project.open() as session:
        threads = [
            threading.Thread(target=session.run, args=("prepare",), kwargs={"extra_params": {"rate": rate}})
            for rate in (1, 2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        rates = {run.run_id: run.extra_params["rate"] for run in session.runs}
        metrics = session.data["metrics"]
    assert {metric.run_id: metric.value for metric in metrics if metric.name == "rate"} == rates
    assert {metric.run_id for metric in metrics if metric.name == "after"} == set(rates)


def test_a_long_message_is_cut(make_project):
    """An error of megabytes is kept by its beginning."""
    project = make_project()
    with pytest.raises(ValueError, match="x"), project.open():
        raise ValueError("x" * 5_000_000)
    with open_history(project.root) as store:
        assert len(store.session("latest").exception.message) == 10_000


def test_warnings_as_errors_break_nothing(make_project):
    """Where warnings are errors a store that can't be written is logged, and the session goes on and closes."""
    project = make_project({".ipyproject": "a file where the folder should be"})
    with project.open() as session:
        assert session.run()["total"] == 12
    assert session.state.value == "closed"


def test_a_run_before_the_record_opens(make_project):
    """A run that a hook starts before the session is on record is on record, too."""
    files = {
        "src/shop/settings.py": """
            from ipyproject import hook_impl
            class Hooks:
                @hook_impl
                def after_session_created(self, session): session.run("prepare")
            HOOKS = (Hooks(),)
            """
    }
    project = make_project(files)
    with project.open() as session:
        pass
    with open_history(project.root) as store:
        assert [run.selection for run in store.runs(session.session_id)] == [{"pipeline": "prepare"}]


class Slow:
    """Takes a while to be taken down."""

    def __repr__(self) -> str:
        if threading.current_thread() is not threading.main_thread():
            time.sleep(0.02)
        return "Slow()"


def test_parameters_are_on_record_before_a_run(make_project):
    """They are taken down beside the main path: a run, and the end of the session, find them there."""
    project = make_project()
    with project.open(extra_params={"rate": 3, "slow": Slow()}) as session:
        session.run("prepare")
        with open_history(project.root) as store:
            assert store.parameters(session.session_id)["rate"] == 3
    with project.open(extra_params={"rate": 4, "slow": Slow()}) as unrun:
        unrun.load_context()
    with open_history(project.root) as store:
        assert store.parameters(unrun.session_id)["rate"] == 4


def test_parameters_that_take_too_long(make_project, caplog):
    """A session that ends before its parameters are written ends all the same, soon, and says so."""

    class Slow:
        def __repr__(self):
            if threading.current_thread() is not threading.main_thread():
                time.sleep(30)
            return "slow"

    session = make_project().open(extra_params={"slow": Slow(), **{f"p{number}": number for number in range(100)}})
    session.load_context()
    begun = time.monotonic()
    session.close()
    assert time.monotonic() - begun < 20
    assert f"The parameters of session {session.session_id} are not on record" in caplog.text


def test_parameters_taken_over_from_the_session_before(make_project):
    """What a reload finds unchanged is recorded as it was; what has changed, and what is secret only now, is not."""
    project = make_project({"conf/base/parameters.yml": "rate: 2\nfile: sesame77\nlevels: {a: 1, b: 2}\n"})
    conf = project.root / "conf" / "base"
    recorded = []
    for name, text in (
        ("parameters.yml", "rate: 2\nfile: sesame77\nlevels: {a: 1, b: 2}\n"),
        ("parameters.yml", "rate: 2\nfile: sesame77\nlevels: {a: 1, b: 3}\n"),
        ("credentials.yml", "site: {password: sesame77}\n"),
    ):
        (conf / name).write_text(text)
        for _ in range(2):
            session = reload_project(project.root)
            session.close()
            with open_history(project.root) as store:
                recorded.append((store.parameters(session.session_id), store.session("latest").parameters_hash))
    first, same, edited, same_edited, masked, same_masked = recorded
    assert (first, edited, masked) == (same, same_edited, same_masked)
    assert len({first[1], edited[1], masked[1]}) == 3
    assert [each[0]["levels"]["b"] for each in (first, edited, masked)] == [2, 3, 3]
    assert [each[0]["file"] for each in (first, edited, masked)] == ["sesame77", "sesame77", "***"]


def test_what_is_found_before_the_record_opens(make_project):
    """The record opens with the configuration's files, and a killed process leaves them behind."""
    project = make_project()
    session = reload_project(project.root)
    with open_history(project.root) as store:
        assert store.session("latest").conf_files == session.record.conf_files != {}
