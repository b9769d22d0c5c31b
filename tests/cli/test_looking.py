"""Looking at sessions in real processes: it executes nothing of the project, and changes nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from hashlib import sha256

import pytest

from ipyproject.history import HistoryWarning
from ipyproject.history.recording.spool import spool_of
from ipyproject.history.stores.idle import close_idle_store

COMMANDS = [
    ["list"],
    ["list", "--json", "--param", "rate>1", "--since", "7d", "--pipeline", "prepare", "--status", "completed"],
    ["show"],
    ["show", "latest~1", "--json"],
    ["params"],
    ["diff"],
    ["diff", "latest", "latest", "--json"],
    ["export"],
    ["show", "nowhere"],
    ["prune", "--keep-last", "0", "--dry-run"],
]
NOTEBOOK = """
%load_ext ipyproject
%sessions
%sessions show
%sessions diff
%sessions --param rate>1
print(get_ipython().Completer.complete('%sessions sh'), get_ipython().Completer.complete('%sess'))
from ipyproject import history
history.sessions(), history.session(), history.compare()
get_ipython().Completer.use_jedi = False
print(get_ipython().Completer.complete('history.ses'))
"""
MARKING = "from pathlib import Path; Path('{mark}').touch()\n"


@pytest.fixture
def project(make_project):
    """A shop with two sessions, one of which logged something."""
    project = make_project()
    with project.open() as session:
        session.run()
    with project.open(env="prod", extra_params={"name": "x" * 300, 1: {"a\x1b": None}}) as session:
        session.log(team="penguins")
        session.log_metric("accuracy", 0.9)
        session.run("prepare")
    close_idle_store()
    return project


# Permissions count for root, too, once it has no right to ignore them.
HUMBLE = """
import ctypes, os, sys
for right in (1, 2, 3):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH, CAP_FOWNER
    ctypes.CDLL(None).prctl(24, right, 0, 0, 0)  # PR_CAPBSET_DROP
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def python(project, *arguments, humble=False, variables=None, **options):
    command = [sys.executable, *(("-c", HUMBLE) if humble else ()), *arguments]
    env = os.environ | {"COLUMNS": "200"} | (variables or {})
    return subprocess.run(command, cwd=project.root, env=env, capture_output=True, text=True, check=False, **options)


def ask(project, *arguments, **options):
    return python(project, "-m", "ipyproject", "sessions", *arguments, **options)


COMPLETION = {"_IPYPROJECT_COMPLETE": "bash_complete", "COMP_WORDS": "ipyproject sessions ", "COMP_CWORD": "2"}


def looked_at(project, **options):
    """Look at the project in every way, and return what the commands wrote to stderr, and the notebook's output."""
    told = [ask(project, *command, **options).stderr for command in COMMANDS]
    completed = ask(project, variables=COMPLETION, **options)
    assert "plain,list" in completed.stdout
    arguments = ["-m", "IPython", "--colors=nocolor", "--no-banner", "--HistoryManager.enabled=False"]
    elsewhere = {"IPYTHONDIR": str(project.root.parent / "ipython")}
    done = python(project, *arguments, variables=elsewhere, input=NOTEBOOK, **options)
    assert done.returncode == 0, done.stderr
    return "".join(told), done.stdout


def tree(folder):
    """Everything about all files and folders below one, but for when they were read."""
    found = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        about = path.lstat()
        content = sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(about.st_mode) else ""
        found[path] = (about.st_mode, about.st_mtime_ns, about.st_ctime_ns, about.st_size, about.st_ino, content)
    return found


def test_nothing_is_executed(project, tmp_path):
    """No command, magic, completion or question imports the package or executes settings.py, which leave a mark here."""
    mark = tmp_path / "executed"
    files = ("__init__", "settings", "nodes", "pipeline_registry")
    project.write({f"src/shop/{file}.py": MARKING.format(mark=mark) for file in files})
    told, shown = looked_at(project)
    assert not mark.exists()
    assert "No such session" not in told
    assert "prod" in shown
    assert "penguins" in shown
    subprocess.run([sys.executable, "-m", "ipyproject", "run"], cwd=project.root, check=False, capture_output=True)
    assert mark.exists(), "who executes it leaves the mark"


def test_a_packaged_project(project, tmp_path):
    """The command of an installed project executes no settings to list its sessions either."""
    mark = tmp_path / "executed"
    project.write({"src/shop/settings.py": MARKING.format(mark=mark)})
    code = "from ipyproject.cli import main; main('shop', ['sessions', 'list', '--json'])"
    environment = os.environ | {"PYTHONPATH": f"{project.root / 'src'}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.root, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.count('"session_id"') == 4  # of two sessions and their runs
    assert not mark.exists()


def test_control_characters(project):
    """What a value holds does nothing to the terminal: neither in a list nor in a message."""
    for command in (["list"], ["show"], ["params"], ["diff"]):
        shown = ask(project, *command).stdout
        assert "\x1b" not in shown
        assert r"a\x1b" in shown
    told = ask(project, "show", "\x1b]0;x\x07\u202e").stderr
    assert r"\x1b]0;x\x07\u202e" in told
    assert not {"\x1b", "\x07", "\u202e"} & set(told)


def test_values_are_shortened(project):
    """A value of a megabyte takes a few lines; as JSON it is whole."""
    with project.open(extra_params={"big": "x" * 1_000_000}) as session:
        session.load_context()
    for command in (["list"], ["show"], ["params"], ["diff"]):
        assert len(ask(project, *command).stdout) < 10_000
    assert "x" * 1_000_000 in ask(project, "params", "--json").stdout
    assert "x" * 1_000_000 in ask(project, "export").stdout


def waiting(project):
    (project.root / ".ipyproject/history.db").rename(project.root / "kept.db")
    (project.root / ".ipyproject/history.db").mkdir()
    with pytest.warns(HistoryWarning), project.open():
        pass
    (project.root / ".ipyproject/history.db").rmdir()
    (project.root / "kept.db").rename(project.root / ".ipyproject/history.db")


def test_what_waits(project):
    """That sessions wait to be taken in is said in one line; the next session takes them in, and no question does."""
    waiting(project)
    spool = spool_of(".ipyproject/history.db", root=project.root)
    for command in (["list"], ["show"], ["diff"]):
        told = ask(project, *command).stderr
        assert told == "Warning: 1 session waits to be taken in by the next session that opens.\n"
    assert spool.waiting() == 1
    project.open().close()
    done = ask(project, "list", "--json")
    assert (done.stderr, done.stdout.count('"started_by"')) == ("", 4)


def none(project):
    for file in (project.root / ".ipyproject").iterdir():
        file.unlink()
    (project.root / ".ipyproject").rmdir()


def corrupt(project):
    (project.root / ".ipyproject/history.db").write_bytes(b"no database " * 1000)


def other(project):
    (project.root / ".ipyproject/history.db").write_bytes(b"")


KINDS = [lambda _: None, waiting, none, corrupt, other]


@pytest.mark.parametrize("prepare", KINDS, ids=["whole", "waiting", "none", "corrupt", "empty"])
def test_nothing_is_changed(project, prepare):
    """Whatever there is stays as it was: names, modes, times, contents."""
    prepare(project)
    before = tree(project.root)
    looked_at(project)
    assert tree(project.root) == before


@pytest.mark.skipif(sys.platform != "linux", reason="root has rights that are taken from it as Linux does")
@pytest.mark.parametrize("prepare", KINDS, ids=["whole", "waiting", "none", "corrupt", "empty"])
def test_who_may_only_read(project, prepare):
    """Sessions in folders and files that can't be written are looked at as any others."""
    prepare(project)
    for path in [project.root, *project.root.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    refused = python(project, "-c", "open('new', 'w')", humble=True)
    assert "PermissionError" in refused.stderr
    before = tree(project.root)
    told, shown = looked_at(project, humble=True)
    assert tree(project.root) == before
    for path in [project.root, *project.root.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)  # so that it can be deleted
    if prepare in KINDS[:2]:
        assert "penguins" in shown
        assert "Error" not in told.replace("Error: There is no session 'nowhere'", "")
