"""Project mode and packaged mode."""

from __future__ import annotations

import gc
import signal
import sys

import pytest

from ipyproject import bootstrap_project, configure_project, current
from ipyproject.bootstrap import unchanged_on_failure
from ipyproject.errors import ProjectError, ProjectNotFoundError
from ipyproject.project import Project


def test_source_folder_leads_the_path(make_project):
    """The folder that holds the package is put on sys.path, once."""
    root = make_project().root
    project = bootstrap_project(root)
    bootstrap_project(root / "conf")
    assert isinstance(project, Project)
    assert sys.path[0] == str(root / "src")
    assert sys.path.count(str(root / "src")) == 1
    assert current.current_project() == project


def test_another_project_replaces_it(make_project):
    """The folder of the previous project leaves sys.path, and its modules leave, so that names don't mix."""
    first = make_project({"src/shop/__init__.py": "NAME = 'first'"}, folder="first")
    second = make_project({"src/shop/__init__.py": "NAME = 'second'"}, folder="second")
    bootstrap_project(first.root)
    import shop

    assert shop.NAME == "first"
    bootstrap_project(second.root)
    import shop

    assert shop.NAME == "second"
    assert str(first.root / "src") not in sys.path


def test_failure_changes_nothing(make_project):
    """When the other project is broken the previous one stays: path, modules and current project."""
    good = bootstrap_project(make_project(folder="good").root)
    import shop

    broken = make_project({"src/shop/settings.py": "1 / 0"}, folder="broken")
    path = list(sys.path)
    with pytest.raises(ProjectError):
        bootstrap_project(broken.root)
    assert sys.path == path
    assert current.current_project() == good
    assert sys.modules["shop"] is shop


def test_what_an_interrupt_left_behind_puts_nothing_back(make_project):
    """A block that Ctrl-C ended before it was entered whole does nothing when it is collected, whatever goes on then."""
    handler = signal.getsignal(signal.SIGINT)
    block = unchanged_on_failure()
    block.__enter__()  # and no __exit__, as if the interrupt came between the two: the block holds interrupts back
    signal.signal(signal.SIGINT, handler)
    project = bootstrap_project(make_project().root)
    del block
    gc.collect()
    assert current.current_project() == project
    assert sys.path[0] == str(project.source_dir)


def test_an_entry_of_the_user_stays(make_project, monkeypatch):
    """A folder that the user put on sys.path himself is not taken off."""
    first, second = make_project(folder="first"), make_project(folder="second")
    monkeypatch.syspath_prepend(str(first.root / "src"))
    bootstrap_project(first.root)
    bootstrap_project(second.root)
    assert str(first.root / "src") in sys.path


def test_packaged_mode(make_project, tmp_path, monkeypatch):
    """An installed package needs no pyproject.toml; conf/ lies in the working directory or inside the package."""
    root = make_project({"src/shop/conf/base/parameters.yml": "inside: 1"}).root
    monkeypatch.syspath_prepend(str(root / "src"))
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    project = configure_project("shop")
    assert (project.root, project.source_dir) == (elsewhere, None)
    assert project.conf_source == root / "src/shop/conf"
    (elsewhere / "conf").mkdir()
    assert configure_project("shop").conf_source == elsewhere / "conf"


def test_no_such_package():
    """A package that is not installed is named."""
    with pytest.raises(ProjectNotFoundError, match="No package 'no_such_shop' is installed"):
        configure_project("no_such_shop")


def test_no_current_project():
    """Asking for the current project before one is open says how to open one."""
    with pytest.raises(ProjectNotFoundError, match="bootstrap_project"):
        current.current_project()
