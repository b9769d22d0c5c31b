"""The command line, in real processes."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys

import pytest

from ipyproject.history import open_history


def ipyproject(*arguments, cwd, **environment):
    return subprocess.run(
        [sys.executable, "-m", "ipyproject", *map(str, arguments)],
        cwd=cwd,
        env=os.environ | {"COLUMNS": "160"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def test_run(make_project):
    """run opens a session on the project found upward, runs a pipeline with parameters, and says what came out."""
    project = make_project()
    done = ipyproject(
        "run", "--env=local", "--pipeline", "__default__", "--params", "rate=5", cwd=project.root / "conf"
    )
    assert done.returncode == 0, done.stderr
    assert re.search(r"Completed 2 nodes in \d+\.\d\d s\. Outputs: total\.", done.stdout)
    assert json.loads((project.root / "data/total.json").read_text()) == 30


def test_selection(make_project):
    """A part of the pipeline is run by tags, nodes, from and to."""
    project = make_project()
    done = ipyproject("run", "--tags", "early,late", "--to-nodes", "double", cwd=project.root)
    assert "Completed 1 node in" in done.stdout
    done = ipyproject("run", "--nodes", "dobule", cwd=project.root)
    assert (done.returncode, done.stderr) == (1, "Error: No node is called 'dobule'.\nDid you mean 'double'?\n")


def test_sessions(make_project, tmp_path):
    """The sessions are listed newest first, and shown with their runs and the timings of their nodes."""
    project = make_project()
    ipyproject("run", "-p", "report", "--project", project.root, cwd=tmp_path)
    ipyproject("run", "--env", "prod", "--params", "model.seed=8", "--project", project.root, cwd=tmp_path)
    listed = ipyproject("sessions", "list", "--project", project.root, cwd=tmp_path).stdout.splitlines()
    newest, oldest = listed[-2:]
    assert re.search(r" prod +cli +completed +__default__ +model\.seed=8$", newest)
    assert re.search(r" local +cli +failed +report \(failed\) +-$", oldest)
    assert len(ipyproject("sessions", "list", "--limit", 1, cwd=project.root).stdout.splitlines()) == len(listed) - 1
    session_id = newest.split()[0]
    for name in (session_id, session_id[:-3], "latest"):
        shown = ipyproject("sessions", "show", name, cwd=project.root).stdout
        assert session_id in shown
        assert re.search(r"double +completed +\d+\.\d ms", shown)
        assert re.search(r"extra parameters +model\.seed=8", shown)
    failed = ipyproject("sessions", "show", "latest~1", cwd=project.root).stdout
    assert "DatasetNotFoundError: Node 'add_up' reads the dataset 'doubled'" in failed


def test_flags_are_on_record(make_project):
    """The record knows the command, every flag with its value and whether it was given."""
    project = make_project()
    ipyproject("run", "--env", "prod", cwd=project.root)
    with open_history(project.root) as store:
        record = store.session("latest")
    assert record.started_by == "cli"
    assert record.invocation["flags"]["env"] == {"value": "prod", "source": "commandline"}
    assert record.invocation["flags"]["pipeline"] == {"value": "__default__", "source": "default"}
    assert record.command_line[1:] == ("run", "--env", "prod")


def test_no_sessions_yet(make_project):
    """A project without a record says so."""
    assert (
        ipyproject("sessions", "list", cwd=make_project().root).stdout
        == "No sessions are recorded, or none that fits.\n"
    )


def test_no_save_and_quiet(make_project):
    """--no-save leaves no record, --quiet prints nothing."""
    project = make_project()
    done = ipyproject("run", "--no-save", "--quiet", cwd=project.root)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert not (project.root / ".ipyproject").exists()


def test_failing_node(make_project):
    """What a node raises is shown with the project's lines and none of ours; the session is on record as failed."""
    project = make_project(
        {"src/shop/nodes.py": "def double(orders, rate):\n    return 1 / 0\ndef add_up(doubled): ..."}
    )
    done = ipyproject("run", cwd=project.root)
    assert done.returncode == 1
    assert 'src/shop/nodes.py", line 2, in double' in done.stderr
    assert "ZeroDivisionError: division by zero" in done.stderr
    assert "In node 'double'" in done.stderr
    assert "site-packages/click" not in done.stderr
    assert "ipyproject/runners" not in done.stderr
    with open_history(project.root) as store:
        record = store.session("latest")
    assert (record.status, record.exception.type) == ("failed", "ZeroDivisionError")


MISTAKES = {
    "no project": ({}, ["run", "--project", "{tmp}"], r"No project at "),
    "no table": ({"pyproject.toml": "[project]\nname = 'shop'"}, ["run"], r"has no \[tool\.ipyproject\] table"),
    "broken TOML": ({"pyproject.toml": "[tool.ipyproject\n"}, ["run"], r"pyproject\.toml, line 1: "),
    "unknown key": ({"pyproject.toml": "[tool.ipyproject]\nname = 'x'"}, ["run"], r"unknown key 'name'"),
    "no package": ({"pyproject.toml": "[tool.ipyproject]\npackage_name = 'x'"}, ["run"], r"no package 'x' in"),
    "unknown env": ({}, ["run", "--env", "prd"], r"(?s)'prd'.*'?prod"),
    "broken YAML": ({"conf/base/catalog.yml": "a: 1\nb: ["}, ["run"], r"conf/base/catalog\.yml, line [23]"),
    "unknown type": (
        {"conf/base/catalog.yml": "a: {type: pandas.CSVDatset, filepath: x}"},
        ["run"],
        r"(?s)'a' in conf/base/catalog\.yml: unknown type 'pandas\.CSVDatset'.*mean 'pandas\.CSVDataset",
    ),
    "missing file": ({"data/orders.json": None}, ["run"], r"(?s)'orders'.*data/orders\.json.*In node 'double'"),
    "cycle": (
        {
            "src/shop/pipeline_registry.py": """
                from ipyproject import Node, Pipeline
                def register_pipelines():
                    return {"a": Pipeline([Node(str, "x", "y", name="one"), Node(str, "y", "x", name="two")])}
                """
        },
        ["run"],
        r"src/shop/pipeline_registry\.py, line 3: These nodes wait for each other: ",
    ),
    "one output": (
        {
            "src/shop/pipeline_registry.py": """
                from ipyproject import Node, Pipeline
                def register_pipelines():
                    return {"a": Pipeline([Node(str, "x", "y", name="one"), Node(str, "z", "y", name="two")])}
                """
        },
        ["run"],
        r"src/shop/pipeline_registry\.py, line 3: Two nodes write 'y': 'one' .* and 'two'",
    ),
    "unknown pipeline": ({}, ["run", "-p", "reprt"], r"(?s)No pipeline is called 'reprt'.*Did you mean 'report'"),
    "syntax error": ({"src/shop/nodes.py": "a = 1\nb = ="}, ["run"], r"src/shop/nodes\.py, line 2: SyntaxError"),
    "settings": ({"src/shop/settings.py": "x = 1\nx = y"}, ["run"], r"src/shop/settings\.py, line 2: NameError"),
    "params": ({}, ["run", "--params", "a=[1"], r"(?s)--params.*\[1"),
    "unknown session": ({}, ["sessions", "show", "2001"], r"2001"),
    "unknown command": ({}, ["rnu"], r"No such command 'rnu'\. Did you mean 'run'"),
    "unknown runner": ({}, ["run", "-r", "sequental"], r"(?s)'sequental'.*'sequential'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_mistakes(make_project, tmp_path, case):
    """A mistake is one short message on stderr, without a traceback, and a non-zero exit."""
    files, arguments, message = MISTAKES[case]
    project = make_project(files)
    done = ipyproject(*(argument.format(tmp=tmp_path) for argument in arguments), cwd=project.root)
    assert done.returncode != 0
    assert re.search(message, done.stderr), done.stderr
    assert "Traceback" not in done.stderr
    assert len(done.stderr.splitlines()) <= 6, done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes say nothing on Windows")
@pytest.mark.parametrize("command", [["run"], ["replay"]])
def test_a_project_that_others_can_change(make_project, tmp_path, command):
    """No command executes anything of it, found or named, without --trust; that is on record. Looking executes nothing."""
    project = make_project(
        {"src/shop/settings.py": "from pathlib import Path\nPath(__file__).parents[3].joinpath('mark').touch()\n"}
    )
    project.root.chmod(0o777)
    for options in ([], ["--project", project.root]):
        done = ipyproject(*command, *options, cwd=project.root / "conf")
        assert (done.returncode, done.stdout) == (1, "")
        assert re.match(rf"Error: {project.root} can be written by everybody \(mode 0777\): .*\n.*--trust", done.stderr)
        assert len(done.stderr.splitlines()) == 2
    assert ipyproject("sessions", "list", cwd=project.root).returncode == 0
    assert not (tmp_path / "mark").exists()
    assert ipyproject("run", "--trust", cwd=project.root / "conf").returncode == 0
    done = ipyproject(*command, "--trust", cwd=project.root / "conf")
    assert done.returncode == 0, done.stderr
    with open_history(project.root) as store:
        assert store.session("latest").invocation["flags"]["trust"] == {"value": True, "source": "commandline"}


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can give files to others")
def test_a_folder_of_another_user(make_project):
    """As root on a folder that somebody else owns, as one mounted into a container: the message says what to add."""
    project = make_project()
    os.chown(project.root, 54321, -1)
    done = ipyproject("run", cwd=project.root, SUDO_UID="")
    assert done.stderr.startswith(f"Error: {project.root} belongs to uid 54321, not to you (root): ")
    assert "--trust on the command line" in done.stderr
    assert ipyproject("run", "--trust", cwd=project.root).returncode == 0


def test_packaged(make_project):
    """An installed project that is its own command asks nothing: no search has led to its code."""
    project = make_project()
    project.root.chmod(0o777)
    code = "from ipyproject.cli import main\nmain('shop', ['run'])"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=project.root,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(project.root / "src"), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_help(tmp_path):
    """Help names the commands and options, everywhere."""
    assert re.search(r"(?s)run .*sessions ", ipyproject("--help", cwd=tmp_path).stdout)
    for option in ("--env", "--pipeline", "--params", "--tags", "--from-nodes", "--to-outputs", "--conf-source"):
        assert option in ipyproject("run", "-h", cwd=tmp_path).stdout
    assert re.search(r"(?s)list .*show ", ipyproject("sessions", "--help", cwd=tmp_path).stdout)
    assert re.fullmatch(r"ipyproject, version [\d.]+\n", ipyproject("--version", cwd=tmp_path).stdout)
