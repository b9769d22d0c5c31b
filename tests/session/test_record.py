"""What a session leaves in the store."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap

import pytest

from ipyproject.history import Status, open_history


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
