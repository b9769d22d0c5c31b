"""%reload_project --auto: before each cell, if a file has changed."""

from __future__ import annotations

import os

import pytest
from IPython.core.error import UsageError

from ipyproject import current_session

NODES = "def double(orders, rate): return orders\ndef add_up(doubled): return {}\n"


@pytest.fixture
def project(make_project, monkeypatch):
    project = make_project()
    monkeypatch.chdir(project.root)
    return project


@pytest.fixture
def ip(shell, project):
    shell.run_line_magic("load_ext", "ipyproject")
    shell.run_line_magic("reload_project", "--auto --env=prod")
    return shell


def run(ip, cell):
    return ip.run_cell(cell).raise_error()


def test_a_cell_sees_the_edit_before_it(ip, project, capsys):
    """A cell runs on the project as its files are then; env and parameters stay those of the last line."""
    first = current_session()
    project.write({"src/shop/nodes.py": NODES.format(7)})
    run(ip, "total = session.run()['total']")
    assert ip.user_ns["total"] == 7
    assert current_session() is not first
    assert current_session().env == "prod"
    assert "shop (prod): executed 2 of 3 modules" in capsys.readouterr().out
    project.write({"conf/base/parameters.yml": "new: 5"})
    run(ip, "new = context.params['new']")
    assert ip.user_ns["new"] == 5


def test_nothing_changed(ip, capsys):
    """Without an edit nothing is printed and the session stays."""
    first = current_session()
    capsys.readouterr()
    run(ip, "x = 1")
    assert current_session() is first
    assert capsys.readouterr().out == ""


def test_broken_code_is_said_once(ip, project, capsys):
    """A reload that fails says so once for each broken state; the cell runs on the old state, until it is mended."""
    first = current_session()
    project.write({"src/shop/nodes.py": "1 / 0\n"})
    capsys.readouterr()
    run(ip, "a = session.run()['total']")
    out = capsys.readouterr().out
    assert "Not reloaded: src/shop/nodes.py, line 1: ZeroDivisionError" in out
    assert ip.user_ns["a"] == 18
    assert current_session() is first
    run(ip, "b = 1")
    assert "Not reloaded" not in capsys.readouterr().out
    project.write({"src/shop/nodes.py": "x = 1\n1 / 0\n"})
    run(ip, "b = 1")
    assert "src/shop/nodes.py, line 2" in capsys.readouterr().out
    project.write({"src/shop/nodes.py": NODES.format(7)})
    run(ip, "a = session.run()['total']")
    assert ip.user_ns["a"] == 7


def test_interrupted(ip, project, capsys):
    """Ctrl-C ends the reload with one line, and not the next attempt, before the next cell."""
    first = current_session()
    project.write({"src/shop/nodes.py": NODES.format(7), "src/shop/settings.py": "raise KeyboardInterrupt\n"})
    capsys.readouterr()
    for _ in range(2):
        run(ip, "a = 1")
        assert capsys.readouterr().out == (
            "KeyboardInterrupt: the reload was interrupted, and all is as it was before.\n"
        )
        assert current_session() is first


def test_off(ip, project):
    """--no-auto ends it, and so do %config and unloading the extension."""
    callbacks = ip.events.callbacks["pre_run_cell"]
    for off, on, fewer in (
        ("%reload_project --no-auto", "%reload_project --auto", 1),
        ("%config ProjectMagics.auto = False", "%config ProjectMagics.auto = True", 1),
        ("%unload_ext ipyproject", "%load_ext ipyproject", 2),  # that which watches for imports, too
    ):
        there = len(callbacks)
        run(ip, off)
        assert len(callbacks) == there - fewer
        first = current_session()
        project.write({"src/shop/nodes.py": NODES.format(there)})
        run(ip, "x = 1")
        assert current_session() is first
        run(ip, on)


def test_a_profiles_setting(shell, project):
    """c.ProjectMagics.auto = True watches the project from its first opening on."""
    shell.config.ProjectMagics.auto = True
    run(shell, "%load_ext ipyproject")
    run(shell, "x = 1")
    assert current_session() is None
    run(shell, "%reload_project")
    project.write({"src/shop/nodes.py": NODES.format(7)})
    run(shell, "total = session.run()['total']")
    assert shell.user_ns["total"] == 7


def test_a_reload_in_the_cell_comes_once(ip, project):
    """A cell that reloads by itself is not preceded by another reload."""
    project.write({"src/shop/nodes.py": NODES.format(7)})
    run(ip, "%reload_project")
    assert ip.user_ns["session"].changes.sources.changed == ("shop.nodes",)


def test_during_a_run(shell, waiting_project, going_on, monkeypatch):
    """While a run goes on in a thread, cells run as they are; after it the edit is seen."""
    monkeypatch.chdir(waiting_project.root)
    shell.run_line_magic("load_ext", "ipyproject")
    shell.run_line_magic("reload_project", "--auto")
    first = current_session()
    with going_on(first):
        waiting_project.write({"conf/base/parameters.yml": "rate: 9"})
        run(shell, "x = 1")
        assert current_session() is first
    run(shell, "x = 1")
    assert current_session() is not first


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes say nothing on Windows")
def test_a_place_that_others_can_write_since(ip, project, capsys):
    """A project that others can change by now is not executed before a cell, and that is said once for each edit."""
    project.root.chmod(0o777)
    project.write({"src/shop/nodes.py": NODES.format(7)})
    capsys.readouterr()
    run(ip, "total = session.run()['total']")
    assert f"Not reloaded: {project.root} can be written by everybody" in capsys.readouterr().out
    assert ip.user_ns["total"] == 18
    run(ip, "x = 1")
    assert "Not reloaded" not in capsys.readouterr().out


def test_both(ip):
    """Asking for both is refused."""
    with pytest.raises(UsageError, match="exclude each other"):
        ip.run_line_magic("reload_project", "--auto --no-auto")
