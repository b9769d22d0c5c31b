"""What a file's name may hit, and what looking at a file leaves behind: nothing."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path

import pytest

from ipyproject.errors import HistoryError
from ipyproject.history import MetricRecord, Recorder, SessionFilter, Status, as_document, open_store
from ipyproject.history.events import (
    FactsLogged,
    MetricsLogged,
    NodesFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
)
from ipyproject.history.stores.idle import close_idle_store

posix = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


def state(folder) -> dict[str, object]:
    """Return all that there is in a folder, but for what SQLite keeps of locks while somebody writes."""
    return {
        os.fsencode(each): (each.stat().st_mtime_ns, each.read_bytes())
        for each in folder.rglob("*")
        if each.is_file() and not each.name.endswith("-shm")
    }


@pytest.fixture
def written(location, a_session):
    """A store with two sessions, which nobody has open."""
    records = [a_session(1), a_session(2)]
    with open_store(location) as store:
        store.write(map(SessionOpened, records))
    return [each.session_id for each in records[::-1]]


def ids(store) -> list[str]:
    return [each.session_id for each in store.sessions(None)]


@posix
def test_what_is_made_is_for_nobody_else(location, a_session) -> None:
    """The file, its log and its folder; a file that is there keeps the permissions that it has."""
    before = os.umask(0)
    try:
        with open_store(location) as store:
            store.write([SessionOpened(a_session())])
            modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in location.parent.iterdir()}
        assert {modes.pop(f"history.db{suffix}") for suffix in ("", "-wal", "-shm")} == {0o600}
        assert stat.S_IMODE(location.parent.stat().st_mode) == 0o700
        location.chmod(0o640)
        open_store(location).close()
        assert stat.S_IMODE(location.stat().st_mode) == 0o640
    finally:
        os.umask(before)


def make_text(path) -> None:
    path.write_text("# Penguins\n" * 100)


def make_short_text(path) -> None:
    path.write_text("a: 1\n")


def make_database(path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE migrations (number INTEGER)")


def make_marked_database(path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA application_id=7")
        connection.execute("VACUUM")


def make_spoilt_database(path) -> None:
    make_marked_database(path)
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)


def make_fifo(path) -> None:
    os.mkfifo(path)


@posix
@pytest.mark.parametrize(
    "make", [make_text, make_short_text, make_database, make_marked_database, make_spoilt_database, make_fifo, os.mkdir]
)
@pytest.mark.parametrize("options", [{}, {"recording": True}, {"reading": True}, {"create": False}])
def test_what_is_no_store_of_ours_is_refused(tmp_path, make, options) -> None:
    """Nobody waits for it, and it stays as it is, where it is."""
    path = tmp_path / "README.md"
    make(path)
    before = state(tmp_path)
    with pytest.raises(HistoryError, match=r"README\.md"):
        open_store(path, **options).sessions()
    assert state(tmp_path) == before
    assert [*tmp_path.iterdir()] == [path]


def test_a_device_is_refused() -> None:
    """Nothing is read from it."""
    for options in ({}, {"recording": True}, {"reading": True}):
        with pytest.raises(HistoryError, match="null"):
            open_store(os.devnull, **options)


def test_an_empty_file_becomes_a_store(tmp_path, live, shown, whole) -> None:
    """As ``mktemp`` leaves it; and it is read as a store without sessions until then."""
    path = tmp_path / "made"
    path.touch()
    with open_store(path, reading=True) as store:
        assert store.sessions() == []
    assert path.read_bytes() == b""
    session = live(Recorder(path))
    assert shown(path) == whole(session)


def test_a_corrupt_file_of_ours_elsewhere(tmp_path, a_session) -> None:
    """It is known by its header, and moved aside by who records, and by nobody else."""
    path = tmp_path / "mine.db"
    with open_store(path) as store:
        store.write([SessionOpened(a_session())])
    path.write_bytes(path.read_bytes()[:100] + b"\xff" * 9000)
    for options in ({}, {"reading": True}):
        with pytest.raises(HistoryError, match="corrupt"):
            open_store(path, **options)
    with open_store(path, recording=True) as store:
        assert store.sessions() == []
        assert "was moved to mine.db.corrupt" in store.notices[0]


def test_looking_leaves_no_trace(location, written) -> None:
    """Not a byte, not a file, and not the time of a change; nothing is taken in, either."""
    before, names = state(location.parent), {*location.parent.iterdir()}
    with open_store(location, reading=True) as store:
        assert ids(store) == written
        assert {*location.parent.iterdir()} == names
    assert (state(location.parent), {*location.parent.iterdir()}) == (before, names)


def test_looking_while_somebody_writes(location, written, a_session) -> None:
    """Who looks sees what was written last, whether the file was open when it was opened for reading or not."""
    late = a_session(3)
    with open_store(location, reading=True) as early:
        assert ids(early) == written
        with open_store(location) as writer:
            writer.write([SessionOpened(late)])
            before = state(location.parent)
            with open_store(location, reading=True) as store:
                assert ids(store) == ids(early) == [late.session_id, *written]
            assert state(location.parent) == before
        assert ids(early) == [late.session_id, *written]
        with open_store(location) as writer:
            writer.delete(written)
        assert ids(early) == [late.session_id]


def test_looking_at_what_a_killed_process_left(location, written, start) -> None:
    """Its last transactions lie in the log, and are seen."""
    process = start("""
recorder = Recorder(location)
record = opened()
recorder.record(SessionOpened(record))
print(record.session_id, flush=True)
time.sleep(60)
""")
    name = process.stdout.readline().strip()
    process.kill()
    process.wait()
    before = state(location.parent)
    assert location.with_name("history.db-wal").stat().st_size > 0
    with open_store(location, reading=True) as store:
        assert ids(store)[0] == name
        assert store.session(name).status is Status.INTERRUPTED
    assert state(location.parent) == before


READ = """
import os, sys
from pathlib import Path
from ipyproject.history import open_store, process_info
from ipyproject.history.stores import sqlite

process_info()  # what comes late comes from where that user may not go
if os.geteuid() == 0:
    os.setuid(65534)  # whom no permission is given for being who one is
with open_store(Path(sys.argv[1]) / "history.db", reading=True) as store:
    print(len(store.sessions()))
"""


@posix
@pytest.mark.parametrize("has_log", [False, True])
@pytest.mark.usefixtures("written")
def test_a_folder_that_can_not_be_written(location, a_session, has_log) -> None:
    """What is there is read; only a log without its locks can't be, and that is said."""
    with tempfile.TemporaryDirectory() as outside:
        copy = Path(outside) / "copy"
        if has_log:
            with open_store(location) as store:
                store.write([SessionOpened(a_session(3))])
                shutil.copytree(location.parent, copy)
            (copy / "history.db-shm").unlink()
        else:
            shutil.copytree(location.parent, copy)
        for each in (*copy.iterdir(), copy, copy.parent):
            each.chmod(0o555)
        done = subprocess.run([sys.executable, "-c", READ, copy], capture_output=True, text=True, check=False)
        copy.chmod(0o755)
        copy.parent.chmod(0o755)
    if has_log:
        assert "history.db has a log" in done.stderr
    else:
        assert (done.stdout, done.stderr) == ("2\n", "")


@posix
def test_a_name_that_is_no_text(tmp_path, live, whole, shown) -> None:
    """A store in a folder whose name is not UTF-8 works, and its name can be printed."""
    root = tmp_path / os.fsdecode(b"penguins-\xff?#%")
    root.mkdir()
    location = root / ".ipyproject" / "history.db"
    session = live(Recorder(location))
    close_idle_store()
    with open_store(location, reading=True) as store:
        assert ids(store) == [session.session_id]
        store.location.encode()
    assert shown(location) == whole(session)


SPOILT = [
    ("record", "{"),
    ("record", "[]"),
    ("record", "{}"),
    ("record", '{"start": 5}'),
    ("record", b"\xff\xfe"),
    ("status", "sleeping"),
    ("status", 3),
    ("ended", "noon"),
    ("ended", 2**62),
    ("exception", "{}"),
    ("exception", '"'),
    ("seen", "noon"),
]


@pytest.mark.parametrize(("column", "value"), SPOILT)
def test_a_row_that_nobody_can_read(location, written, column, value) -> None:
    """The session is listed by its id and told to be unreadable, by itself too; the others are as they were."""
    with closing(sqlite3.connect(location)) as connection:
        connection.execute(f"UPDATE sessions SET {column} = ? WHERE session_id = ?", (value, written[1]))
        connection.commit()
    with open_store(location, reading=True) as store:
        first, second = store.sessions()
        assert [first.session_id, second.session_id] == written
        assert first.status is Status.OPEN
        if column != "seen":
            # One that may be open still counts as such until nobody has heard of it for a while.
            assert second.status is Status.UNREADABLE
            assert "can't be read" in second.exception.message
        assert store.session(written[1]) == second
        assert ids(store) == written
        unreadable = store.sessions(where=SessionFilter(status=Status.UNREADABLE))
        assert [each.session_id for each in unreadable] == written[1:] * (column != "seen")
        json.dumps(as_document(second))


def test_a_field_of_another_kind(location, written) -> None:
    """A record whose parameters are no mapping is unreadable as well."""
    with closing(sqlite3.connect(location)) as connection:
        connection.execute("""UPDATE sessions SET record = replace(record, '"git":{}', '"git":"main"')""")
        connection.commit()
    with open_store(location, reading=True) as store:
        assert {each.status for each in store.sessions()} == {Status.UNREADABLE}


def test_odd_rows_of_runs_nodes_facts_and_documents(location, a_session, a_run, a_node) -> None:
    """Each stands for itself; what can be read is read."""
    record = a_session()
    runs = [a_run(record, 1), a_run(record, 2)]
    with open_store(location) as store:
        store.write([SessionOpened(record), *map(RunStarted, runs), FactsLogged(record.session_id, {"a": 1, "b": 2})])
        store.write([NodesFinished(runs[0].run_id, (a_node("x"), a_node("y", 1), a_node("z", 2)))])
        store.write(
            [MetricsLogged(record.session_id, tuple(MetricRecord(name, 1, record.start) for name in ("odd", "m")))]
        )
        store.write([SessionClosed(record.session_id, Status.COMPLETED, record.start)])
        with store.database.transaction() as statements:
            statements.execute("UPDATE runs SET record = '{' WHERE run_id = ?", (runs[0].run_id,))
            statements.execute("UPDATE nodes SET status = 'tired' WHERE name = 'x'")
            statements.execute("UPDATE facts SET value = '{' WHERE name = 'a'")
            statements.execute("UPDATE metrics SET value = 'high', time = 'noon' WHERE name = 'odd'")
            statements.execute("""UPDATE nodes SET outputs = '{"a": "b"}' WHERE name = 'z'""")
            statements.execute("UPDATE runs SET record = replace(record, ?, '5')", (f'"{runs[1].run_id}"',))
            statements.execute("INSERT INTO documents VALUES ('odd', '[')")
            statements.execute("UPDATE sessions SET parameters_hash = 'odd'")
    with open_store(location, reading=True) as store:
        found = store.runs(record.session_id)
        assert [each.run_id for each in found] == [each.run_id for each in runs]
        assert [each.status for each in found] == [Status.UNREADABLE, Status.INTERRUPTED]
        assert [each.status for each in store.nodes(runs[0].run_id)] == [
            *(Status.UNREADABLE, Status.COMPLETED, Status.UNREADABLE)
        ]
        assert [each.name for each in store.metrics(record.session_id)] == ["m", "odd (unreadable)"]
        assert store.facts(record.session_id) == {"a": "{", "b": 2}
        assert store.parameters(record.session_id) == {"(unreadable)": "["}
