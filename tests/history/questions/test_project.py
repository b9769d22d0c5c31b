"""Where the sessions of a project are, and how they are looked at without executing any of it."""

from __future__ import annotations

import os
import stat
import subprocess
import sys

import pytest

from ipyproject import history, reload_project
from ipyproject.current import reset
from ipyproject.errors import HistoryError, MetadataError, ProjectNotFoundError
from ipyproject.history import HistoryWarning, open_history
from ipyproject.session.facade import core_of

MARKING = "from pathlib import Path; Path(r'{root}', 'executed').touch()\n"


def ids(project):
    return [each.session_id for each in history.sessions(project_path=project.root)]


@pytest.mark.parametrize("where", ["default", "environment", "pyproject", "settings"])
def test_where_sessions_are(make_project, tmp_path, monkeypatch, where):
    """A session that was recorded somewhere is found there, however the place was said, and settings.py not executed."""
    project = make_project()
    if where == "environment":
        monkeypatch.setenv("IPYPROJECT_SESSION_STORE", str(tmp_path / "elsewhere.db"))
    elif where == "pyproject":
        project.write({"pyproject.toml": "[tool.ipyproject]\nsession_store = 'records/all.db'"})
    elif where == "settings":
        project.write({"src/shop/settings.py": "SESSION_STORE = 'records/all.db'"})
    with project.open() as opened:
        pass
    reset()
    project.write({"src/shop/settings.py": "1 / 0", "src/shop/__init__.py": "1 / 0"})
    assert ids(project) == [opened.session_id]
    with open_history(project.root, deleting=True) as store:
        assert store.delete([opened.session_id]) == 1


def test_the_loudest_voice(make_project, tmp_path, monkeypatch):
    """The environment comes before pyproject.toml, and that before what a session has noted."""
    project = make_project({"src/shop/settings.py": "SESSION_STORE = 'noted.db'"})
    with project.open() as noted:
        pass
    project.write({"pyproject.toml": "[tool.ipyproject]\nsession_store = 'said.db'"})
    assert ids(project) == []
    monkeypatch.setenv("IPYPROJECT_SESSION_STORE", "noted.db")
    assert ids(project) == [noted.session_id]


def test_the_note(make_project, monkeypatch):
    """A session notes what settings.py says, for its user alone, and only when that is something else than before."""
    project = make_project({"src/shop/settings.py": "SESSION_STORE = 'one.db'"})
    note = project.root / ".ipyproject/store"
    project.open(save_on_close=False).close()
    assert not note.parent.exists()
    project.open().close()
    assert note.read_bytes() == b"one.db\n"
    assert stat.S_IMODE(note.stat().st_mode) == 0o600
    assert stat.S_IMODE(note.parent.stat().st_mode) == 0o700
    before = note.stat()
    monkeypatch.setenv("IPYPROJECT_SESSION_STORE", "loud.db")
    reload_project(project.root).close()
    assert note.stat() == before
    project.write({"src/shop/settings.py": "SESSION_STORE = 'another.db'"})
    reload_project(project.root).close()
    assert note.read_bytes() == b"another.db\n"
    project.write({"src/shop/settings.py": ""})
    reload_project(project.root).close()
    assert sorted(each.name for each in note.parent.iterdir()) == [".gitignore"]


@pytest.mark.parametrize(
    ("said", "noted"),
    [
        ("postgresql://me:hunter2-hunter2@127.0.0.1:9/db?sslmode=disable&password=hunter2-hunter2&options=-c%20a%3Db",
         "postgresql://me@127.0.0.1:9/db?options=-c%20a%3Db&sslmode=disable"),
        ("postgresql://me:hunter2/hunter2@127.0.0.1:9/db", ""),
    ],
)  # fmt: skip
def test_the_note_and_passwords(make_project, said, noted):
    """No password is noted; who can't connect without it is told what to do."""
    project = make_project({"src/shop/settings.py": f"SESSION_STORE = {said!r}"})
    with pytest.warns(HistoryWarning, match="can't be written"):
        project.open().close()
    assert (project.root / ".ipyproject/store").read_text() == f"{noted}\n"
    assert all(
        "hunter2" not in file.read_text() for file in (project.root / ".ipyproject").rglob("*") if file.is_file()
    )
    with pytest.raises(HistoryError) as told:
        ids(project)
    shown = told.value.full_message()
    if noted:
        assert "127.0.0.1:9/db can't be used" in shown
        assert "set IPYPROJECT_SESSION_STORE, or put it into ~/.pgpass" in shown
    else:
        assert "of an URL whose password is not quoted nobody can tell.\nMend SESSION_STORE" in shown


def test_a_note_that_says_nothing(make_project):
    """A note of which nothing can be made is said, with what to do."""
    project = make_project()
    project.open().close()
    note = project.root / ".ipyproject/store"
    for content, message in (
        (b"\n", "does not say where sessions are"),
        (b"mysql://h/d\n", "no kind of session store"),
    ):
        note.write_bytes(content)
        with pytest.raises(HistoryError, match=f"{message}.*\nMend SESSION_STORE") as raised:
            ids(project)
        assert "pgpass" not in raised.value.full_message(), "no password opens such a store"
    note.unlink()
    note.mkdir()
    assert len(ids(project)) == 1


def test_a_note_that_cannot_be_written(make_project):
    """A session goes on, with one warning that says how to do without; where there is nothing to note, without one."""
    project = make_project({"src/shop/settings.py": "SESSION_STORE = 'one.db'"})
    (project.root / ".ipyproject").touch()
    with pytest.warns(HistoryWarning, match="can't be noted where sessions are .*by session_store.$") as warned:
        project.open().close()
    assert len(warned) == 1
    project.write({"pyproject.toml": "[tool.ipyproject]\nsession_store = 'one.db'"})
    reload_project(project.root).close()
    assert len(ids(project)) == 2


def test_paths_that_are_no_utf8(make_project):
    """A store, or a project, whose path is no UTF-8 is found as any other."""
    project = make_project(folder=os.fsdecode(b"sh\xffop"))
    project.write({"src/shop/settings.py": "SESSION_STORE = 'a\\udcff\\n.db'"})
    with project.open() as opened:
        pass
    assert (project.root / ".ipyproject/store").read_bytes() == b"a\xff\n.db\n"
    assert ids(project) == [opened.session_id]
    assert os.path.exists(os.fsencode(project.root) + b"/a\xff\n.db")  # noqa: PTH110


@pytest.mark.parametrize("toml", ['[project]\nname = "shop"\n[tool.ipyproject]', "[tool.ipyproject]"])
def test_a_project_without_its_package(make_project, toml):
    """Its sessions are there; in a store that others may share, it must have a name."""
    project = make_project({"pyproject.toml": toml})
    with project.open() as opened:
        pass
    reset()
    for file in ("__init__", "nodes", "pipeline_registry"):
        project.write({f"src/shop/{file}.py": None})
    assert ids(project) == [opened.session_id]
    project.write({".ipyproject/store": ".ipyproject/../.ipyproject/history.db\n"})
    if "name" in toml:
        assert ids(project) == [opened.session_id]
    else:
        with pytest.raises(MetadataError, match="the project has no name.*\nSet project_name under"):
            ids(project)


def test_where_there_is_no_project(tmp_path, monkeypatch):
    """A folder in no project is said, and nothing is made in it."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ProjectNotFoundError, match="No project at "):
        history.sessions()
    assert list(tmp_path.iterdir()) == []


def test_the_current_project(make_project, tmp_path, monkeypatch):
    """Without a path the sessions are those of the project that is open, wherever the working directory is."""
    project = make_project({"pyproject.toml": "[tool.ipyproject]\nsession_store = 'records/all.db'"})
    monkeypatch.chdir(tmp_path)
    with project.open() as opened:
        assert [each.session_id for each in history.sessions()] == [opened.session_id]
        assert core_of(opened).project.session_store == "records/all.db"


LOOKING = """
import sys
from ipyproject import history
[session] = history.sessions(project_path={root!r})
history.session(session.session_id, project_path={root!r})
history.compare("latest", "latest", project_path={root!r})
assert not [name for name in sys.modules if name.partition(".")[0] == "shop"], sys.modules
assert {root!r} not in "".join(sys.path)
"""


def test_nothing_is_executed(make_project):
    """Questions in Python import nothing of the project, and leave no trace of it in the process."""
    project = make_project()
    project.open().close()
    marking = MARKING.format(root=project.root)
    project.write({"src/shop/settings.py": marking, "src/shop/__init__.py": marking})
    subprocess.run([sys.executable, "-c", LOOKING.format(root=str(project.root))], check=True)
    assert not (project.root / "executed").exists()
    subprocess.run([sys.executable, "-m", "ipyproject", "run", "-q"], cwd=project.root, check=True)
    assert (project.root / "executed").exists(), "the mark is left by whoever executes it"
