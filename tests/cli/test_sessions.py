"""Questions about sessions on the command line, in real processes."""

from __future__ import annotations

import json
import math
import os
import re
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest

from ipyproject.history import open_history

REPOSITORY = Path(__file__).resolve().parents[2]


def run_command(project, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "ipyproject", *map(str, arguments)],
        cwd=project.root,
        env=os.environ | {"COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def ask(project, *arguments, expect=0):
    done = run_command(project, *arguments)
    assert done.returncode == expect, done.stderr
    return done.stdout if expect == 0 else done.stderr


@pytest.fixture
def project(make_project):
    """A shop with three sessions: local and completed, prod and failed, prod with other parameters."""
    project = make_project()
    with project.open() as session:
        session.run()
    with pytest.raises(TypeError), project.open(env="prod") as session:
        session.run(inputs={"orders": 1})
    with project.open(env="prod", extra_params={"model": {"test_share": 0.5}, "name": "x, y"}) as session:
        session.log(team="penguins")
        session.log_metric("accuracy", 0.9)
        session.run("prepare")
    return project


def listed(project, *options):
    return [
        item["env"] + ":" + item["status"] for item in json.loads(ask(project, "sessions", "list", "--json", *options))
    ]


def test_filters(project):
    """Sessions are found by env, status, time, parameters, pipeline, and any combination."""
    assert listed(project) == ["prod:completed", "prod:failed", "local:completed"]
    assert listed(project, "--env", "local") == ["local:completed"]
    assert listed(project, "--status", "failed") == ["prod:failed"]
    assert listed(project, "--param", "model.test_share=0.5") == ["prod:completed"]
    assert listed(project, "--param", "rate=3", "--param", "model.test_share=0.25") == ["prod:failed"]
    assert listed(project, "--param", "name='x, y'") == ["prod:completed"]
    assert listed(project, "--param", "model.test_share>=0.3") == ["prod:completed"]
    assert listed(project, "--param", "rate>2,model.test_share<0.3") == ["prod:failed"]
    assert listed(project, "--param", "rate!=3", "--param", "rate<=2") == ["local:completed"]
    assert listed(project, "--pipeline", "prepare") == ["prod:completed"]
    assert listed(project, "--since", "1h", "--limit", "2") == ["prod:completed", "prod:failed"]
    assert listed(project, "--since", "2999-01-01") == []


def test_params_that_json_does_not_hold(project):
    """In JSON keys that are no texts, dates and infinities stand as in every other question."""
    with project.open(extra_params={"lags": {1: date(2026, 1, 31)}, "most": math.inf}) as session:
        session.run()
    shown = json.loads(ask(project, "sessions", "params", "latest", "--json"))
    assert shown["lags"] == {"1": {"$type": "datetime.date", "$repr": "2026-01-31"}, "$keys": {"1": 1}}
    assert shown["most"] == {"$type": "float", "$repr": "inf"}


def test_params(project):
    """The resolved parameters are shown, as text and as JSON."""
    assert re.search(r"model\.test_share +0\.5\n", ask(project, "sessions", "params", "latest"))
    assert json.loads(ask(project, "sessions", "params", "latest~2", "--json")) == {
        "rate": 2,
        "model": {"test_share": 0.25, "seed": 7},
    }


def test_diff(project):
    """Two sessions are compared, by default the last two; only what differs is there."""
    text = ask(project, "sessions", "diff", "latest~2", "latest")
    assert re.search(r"session +env +local +prod\n", text)
    assert re.search(r"parameters +rate +2 +3\n", text)
    assert re.search(r"metrics +accuracy +- +0\.9\n", text)
    assert re.search(r"timings +add_up +[\d.]+ ms +-\n", text)
    assert "python" not in text
    changes = {(item["section"], item["name"]): item for item in json.loads(ask(project, "sessions", "diff", "--json"))}
    assert (
        changes["parameters", "model.test_share"]["before"],
        changes["parameters", "model.test_share"]["after"],
    ) == (
        0.25,
        0.5,
    )
    assert "before" not in changes["parameters", "name"]
    assert "differ in nothing" in ask(project, "sessions", "diff", "latest", "latest")


def test_show(project):
    """A session is shown with what it logged and what its nodes wrote; as JSON with everything."""
    text = ask(project, "sessions", "show")
    assert re.search(r"team +penguins", text)
    assert re.search(r"double +completed +[\d.]+ ms +doubled \(list 3\)", text)
    failed = json.loads(ask(project, "sessions", "show", "latest~1", "--json"))
    assert failed["exception"]["type"] == "TypeError"
    assert "nodes.py" in failed["runs"][0]["exception"]["traceback"]
    assert "runners/base.py" not in failed["runs"][0]["exception"]["traceback"]


def test_export(project):
    """Each line of an export is one session with all that belongs to it."""
    lines = [json.loads(line) for line in ask(project, "sessions", "export").splitlines()]
    assert [line["env"] for line in lines] == ["prod", "prod", "local"]
    assert lines[0]["facts"] == {"team": "penguins"}
    assert lines[0]["metrics"][0]["value"] == 0.9
    assert [node["name"] for node in lines[2]["runs"][0]["nodes"]] == ["double", "add_up"]
    ask(project, "sessions", "export", "--env", "local", "-o", project.root / "out.jsonl")
    assert len((project.root / "out.jsonl").read_text().splitlines()) == 1


def test_rm_and_prune(project):
    """Sessions are deleted by id, or by age and number; open ones never; a dry run lists them."""
    with project.open() as still_open, open_history(project.root) as store:
        assert ask(project, "sessions", "rm", "latest~1").startswith("Deleted ")
        refused = ask(project, "sessions", "rm", still_open.session_id, expect=1)
        assert f"is still open, in process {os.getpid()}" in refused
        _, newer, older = [each.session_id for each in store.sessions()]
        listed = ask(project, "sessions", "prune", "--keep-last", 0, "--dry-run")
        assert listed == f"Would delete 2 sessions.\n{newer}\n{older}\n"
        assert ask(project, "sessions", "prune", "--older-than", "1h") == "Deleted 0 sessions.\n"
        told = f"1 session, the oldest {older}, the newest {older}.\nDeleted 1 session.\n"
        assert ask(project, "sessions", "prune", "--keep-last", 2) == told
        assert ask(project, "sessions", "prune", "--keep-last", 0, "--yes").endswith("\nDeleted 1 session.\n")
        assert [record.session_id for record in store.sessions()] == [still_open.session_id]
    assert "Say what to keep" in ask(project, "sessions", "prune", expect=2)


@pytest.mark.parametrize(("answer", "left"), [(b"y\n", 0), (b"n\n", 3), (b"\x04", 3)])
@pytest.mark.skipif(os.name != "posix", reason="needs a terminal that a program can be")
def test_prune_asks_in_a_terminal(project, answer, left):
    """Nothing is deleted without a yes; the end of the input is none."""
    terminal, end = os.openpty()
    command = [sys.executable, "-m", "ipyproject", "sessions", "prune", "--keep-last", "0"]
    with subprocess.Popen(command, cwd=project.root, stdin=end, stdout=end, stderr=end) as process:
        os.close(end)
        said = b""
        while b"[y/N]" not in said:
            said += os.read(terminal, 1000)
        os.write(terminal, answer)
        process.wait()
    os.close(terminal)
    assert b"3 sessions, the oldest" in said
    assert len(listed(project)) == left


def test_replay(project):
    """A session is run again, what differs is said first, and the two are linked."""
    out = ask(project, "replay", "latest", "--params", "model.test_share=0.6")
    assert re.search(r"parameters +model\.test_share +0\.5 +0\.6\n", out)
    assert "Completed 1 node in" in out
    shown = json.loads(ask(project, "sessions", "show", "--json"))
    assert shown["invocation"]["command"] == "ipyproject replay"
    assert shown["invocation"]["flags"]["strict"] == {"value": False, "source": "default"}
    assert shown["replay_of"] == json.loads(ask(project, "sessions", "show", "latest~1", "--json"))["session_id"]


def test_replay_of_what_cannot_be_repeated(project):
    """A session that can't be repeated is refused in one short message."""
    error = ask(project, "replay", "latest~1", expect=1)
    assert error.startswith("Error: Session ")
    assert "was handed data for orders" in error
    assert len(error.splitlines()) == 2


@pytest.mark.parametrize("question", ["show", "params", "rm", "diff"])
def test_ids_that_do_not_fit(project, question):
    """An unknown id is said with the closest ones, an ambiguous beginning with its candidates."""
    with open_history(project.root) as store:
        ids = [record.session_id for record in store.sessions()]
    unknown = ask(project, "sessions", question, ids[0][:-2] + "zz", expect=1)
    assert ids[0] in unknown
    ambiguous = ask(project, "sessions", question, ids[0][:4], expect=1)
    assert all(one in ambiguous for one in ids)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--since", "yesterday"], "'yesterday' is no time"),
        (["--status", "done"], "'done' is not one of"),
        (["--param", "a"], "'a' compares nothing"),
        (["--param", "a=>1"], "compares by '=>'"),
        (["--limit", "0"], "--limit"),
    ],
)
def test_options_that_do_not_fit(project, options, message):
    """An option that can't be understood is an error of usage that names it."""
    assert message in ask(project, "sessions", "list", *options, expect=2)


BROKEN = ["SESSION_STOER = 1", "1 / 0", "a = ("]


@pytest.mark.parametrize("text", BROKEN)
def test_broken_settings(project, text):
    """Sessions are listed, shown and compared all the same, without a word of it."""
    project.write({"src/shop/settings.py": text})
    for question, expected in (("list", "prod"), ("show", "penguins"), ("diff", "rate"), ("params", "model.seed")):
        done = run_command(project, "sessions", question, *(["latest~2", "latest"] if question == "diff" else []))
        assert (done.returncode, done.stdout.count(expected) > 0, done.stderr) == (0, True, ""), done


def test_broken_settings_and_deleting(project):
    """Sessions are deleted from the store that they were recorded in last."""
    project.write({"src/shop/settings.py": "SESSION_STORE = 'elsewhere.db'"})
    with project.open():
        pass
    project.write({"src/shop/settings.py": "SESSION_STORE = 'third.db'\n1 / 0"})
    assert ask(project, "sessions", "prune", "--keep-last", "0").endswith("\nDeleted 1 session.\n")
    assert listed(project) == []


def test_warnings_on_the_command_line(project):
    """What could not be recorded is said on one line, without file and source line; other warnings look as ever."""
    project.write(
        {
            "src/shop/settings.py": "SESSION_STORE = 'mysql://host/db'",
            "src/shop/nodes.py": """
                import warnings
                def double(orders, rate): warnings.warn("of the project"); return orders
                def add_up(doubled): return 1
                """,
        }
    )
    done = run_command(project, "run", "-q")
    assert done.returncode == 0
    lines = [line for line in done.stderr.splitlines() if "mysql" in line]
    assert len(lines) == 1
    assert lines[0].startswith("Warning: The history of sessions can't be written: There is no kind of session store")
    assert "nodes.py:2: UserWarning: of the project" in done.stderr


def test_every_command_is_documented():
    """Each command, and each line magic, stands in the docs."""
    from ipyproject.cli.app import app
    from ipyproject.cli.sessions import sessions

    docs = (REPOSITORY / "README.md").read_text() + (REPOSITORY / "docs/sessions.md").read_text()
    for command in app.list_commands(None):
        assert f"ipyproject {command}" in docs
    for command in sessions.list_commands(None):
        assert re.search(rf"ipyproject sessions .*{command}", docs), command
    for magic in ("%reload_project", "%sessions"):
        assert magic in docs
