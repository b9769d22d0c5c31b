from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ipyproject import history
from ipyproject.errors import HistoryError
from ipyproject.history import open_store, process_facts
from ipyproject.history.locations import sqlite_path


@pytest.mark.parametrize(
    ("location", "expected"),
    [
        ("history.db", "/root/history.db"),
        ("a/history.db", "/root/a/history.db"),
        ("/a/history.db", "/a/history.db"),
        (Path("/a/history.db"), "/a/history.db"),
        ("sqlite:///a/history.db", "/root/a/history.db"),
        ("sqlite:////a/history.db", "/a/history.db"),
        ("sqlite:///~/history.db", str(Path("~/history.db").expanduser())),
        ("SQLITE:///a.db", "/root/a.db"),
    ],
)
def test_where_a_store_is(location, expected) -> None:
    """A path or an URL; relative ones start at the root."""
    assert sqlite_path(location, root=Path("/root")) == Path(expected)


@pytest.mark.parametrize(
    ("location", "message"),
    [
        ("oracle://me:secret@host/db", "no kind of session store called 'oracle'"),
        ("sqlite://history.db", "three slashes"),
        ("sqlite:///", "three slashes"),
    ],
)
def test_what_is_no_store(location, message) -> None:
    """The message names the kind and never shows a password."""
    with pytest.raises(HistoryError, match=message) as caught:
        open_store(location)
    assert "secret" not in str(caught.value)


def test_importing_the_package_is_light() -> None:
    """Neither sqlite3 nor anything outside the standard library comes with it."""
    code = "import sys; old = set(sys.modules); import ipyproject.history; print(*set(sys.modules) - old)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert {name.partition(".")[0] for name in loaded} & {"sqlite3", "_sqlite3", "pandas", "yaml", "psycopg"} == set()


def test_the_facade_names_what_there_is() -> None:
    """Every public name exists, and the list is sorted."""
    assert [name for name in history.__all__ if not hasattr(history, name)] == []
    assert history.__all__ == sorted(history.__all__)


def test_the_facts_of_this_process() -> None:
    """They are filled in, and arguments may replace ``sys.argv``."""
    facts = process_facts(["ipyproject", "run"])
    assert facts["command_line"] == ("ipyproject", "run")
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert all(facts.values())
