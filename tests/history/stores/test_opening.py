from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from ipyproject import history
from ipyproject.errors import HistoryError
from ipyproject.history import HistoryWarning, Recorder, Status, open_store, process_info
from ipyproject.history.events import SessionClosed, SessionOpened
from ipyproject.history.questions.project import open_for_reading
from ipyproject.history.recording.spool import spool_of
from ipyproject.history.stores.idle import close_idle_store
from ipyproject.history.stores.locations import sqlite_path, without_password


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


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("history.db", "history.db"),
        ("sqlite:///a@b.db", "sqlite:///a@b.db"),
        ("postgresql://host/db", "postgresql://host/db"),
        ("postgresql://me@host:1/db", "postgresql://me@host:1/db"),
        ("postgresql://me:secret@host/db?sslmode=require", "postgresql://me@host/db"),
        ("POSTGRES://me:sec@ret@host/db", "postgres://me@host/db"),
        ("postgresql://host/db?password=secret", "postgresql://host/db"),
        ("postgresql://host/db?password=sec@ret", "postgresql://..."),
        ("postgresql://me:sec/ret@host/db", "postgresql://..."),
        ("postgresql://me:sec?ret@host/db", "postgresql://..."),
        ("postgresql://me:sec#ret@host/db", "postgresql://..."),
        ("postgresql:///db?host=/tmp", "postgresql:///db"),
    ],
)
def test_how_a_location_is_shown(location, shown) -> None:
    """Never with a password, also when it is not quoted as it should be."""
    assert without_password(location) == shown


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("postgresql:///db?host=/a", "postgresql:///db?host=/b"),
        ("postgresql:///db?host=/a", "postgresql:///db"),
        ("postgresql://h/db?user=a", "postgresql://h/db?user=b"),
        ("a.db", "b.db"),
    ],
)
def test_no_two_stores_share_a_spool(one, other, tmp_path) -> None:
    """What waits for one store never goes into another, also when they differ only in the query."""
    spool_of(one, root=tmp_path).write("waiting", [])
    assert spool_of(one, root=tmp_path).waiting()
    assert not spool_of(other, root=tmp_path).waiting()


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("postgresql://me:one@h/db", "postgresql://me:two@h/db"),
        ("postgresql://me@h/db?password=one&sslmode=require", "postgresql://me@h/db?sslmode=require&password=two"),
        ("postgresql://h/db?host=/a&sslpassword=one", "postgresql://h/db?host=/a"),
    ],
)
def test_a_new_password_is_the_same_store(before, after, tmp_path) -> None:
    """A session that could not be recorded with a wrong password is taken in with the right one."""
    spool_of(before, root=tmp_path).write("waiting", [])
    assert spool_of(after, root=tmp_path).waiting()


@pytest.mark.parametrize(
    "wrong", ["mysql://host/db", "sqlite://x", "postgresql://me:p@ss@wo/rd?x=@h/db", "~no such user/x.db", "a\0b.db"]
)
@pytest.mark.parametrize("mended", [".ipyproject/history.db", "elsewhere.db", "postgresql://host/db"])
def test_a_name_that_makes_no_sense(wrong, mended, tmp_path) -> None:
    """What was meant for it waits for whatever store the project has next, and for no other project's."""
    path = spool_of(wrong, root=tmp_path).write("waiting", [])
    assert path.is_relative_to(tmp_path / ".ipyproject")
    assert spool_of(mended, root=tmp_path).waiting()
    assert not spool_of(mended, root=tmp_path / "other").waiting()


def test_what_any_store_may_take_is_taken_once(tmp_path, live, shown, whole) -> None:
    """Of two stores the first one that can be written gets it."""
    with pytest.warns(HistoryWarning):
        session = live(Recorder("mysql://host/db", root=tmp_path))
    one, other = tmp_path / "one.db", tmp_path / "other.db"
    with open_store(one) as store:
        store.database.close()
        with pytest.raises(sqlite3.ProgrammingError):
            spool_of(one, root=tmp_path).take_in(store)
    with open_store(one) as store:
        spool_of(one, root=tmp_path).take_in(store)
    with open_store(other) as store:
        spool_of(other, root=tmp_path).take_in(store)
    assert (shown(one), shown(other)) == (whole(session), [])


def test_what_any_store_may_take_while_it_is_written(tmp_path, a_session) -> None:
    """The file of a session that is still open stays where it is."""
    recorder = Recorder("mysql://host/db", root=tmp_path)
    with pytest.warns(HistoryWarning):
        recorder.record(SessionOpened(a_session()))
    with open_store(tmp_path / "one.db") as store:
        spool_of(tmp_path / "one.db", root=tmp_path).take_in(store)
    assert recorder.spooled.exists()


@pytest.mark.parametrize("wrong", ["~no such user/x.db", "a\0b.db"])
def test_a_session_whose_store_is_no_path(wrong, tmp_path, live, shown, whole) -> None:
    """It goes on: its record waits for the project's next store."""
    with pytest.warns(HistoryWarning, match="is no path"):
        session = live(Recorder(wrong, root=tmp_path))
    later = live(Recorder(tmp_path / "x.db", root=tmp_path))
    assert shown(tmp_path / "x.db") == whole(later, session)


def test_readers_make_nothing(tmp_path) -> None:
    """Where there is no store, there are no sessions, and neither a file nor a folder afterwards."""
    location = tmp_path / ".ipyproject" / "history.db"
    with open_store(location, reading=True) as store:
        assert store.sessions() == []
        assert store.location == str(location)
        with pytest.raises(HistoryError, match="none recorded in .*history.db"):
            store.session("latest")
    assert list(tmp_path.iterdir()) == []


def test_readers_leave_what_waits(location, live, whole, shown) -> None:
    """Who asks is told how many records wait, and takes none of them in; the next session does."""
    location.mkdir(parents=True)
    recorders = [Recorder(location) for _ in range(2)]
    with pytest.warns(HistoryWarning):
        sessions = [live(recorder) for recorder in recorders]
    location.rmdir()
    spool_of(location).write(sessions[0].session_id, [], worker=True)  # which is no session more
    before = {recorder.spooled: recorder.spooled.read_bytes() for recorder in recorders}
    with (
        pytest.warns(HistoryWarning, match="^2 sessions wait to be taken in by the next session that opens.$"),
        open_for_reading(location) as store,
    ):
        assert store.sessions() == []
    assert {path: path.read_bytes() for path in before} == before
    assert not location.exists()
    later = live(Recorder(location))
    assert shown(location) == whole(later, *sessions[::-1])


def test_readers_see_the_rest_while_a_record_waits(location, live, shown, whole) -> None:
    """What could not be written waits for the next session that is recorded, and is not taken in by looking."""
    session = live(Recorder(location))
    close_idle_store()
    spool = spool_of(location)
    spool.write("waiting", [SessionClosed("waiting", Status.COMPLETED, session.start)])
    with open_store(location, reading=True) as store:
        assert [each.session_id for each in store.sessions()] == [session.session_id]
    assert spool.waiting()


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
    facts = process_info(["ipyproject", "run"])
    assert facts["command_line"] == ("ipyproject", "run")
    assert facts["python"] == ".".join(map(str, sys.version_info[:3]))
    assert all(facts.values())
