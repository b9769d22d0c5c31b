"""What is particular to the store in a file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ipyproject.errors import HistoryError
from ipyproject.history import HistoryWarning, Recorder, Status, open_store
from ipyproject.history.events import SessionClosed, SessionOpened
from ipyproject.history.recording.spool import spool_of
from ipyproject.history.stores import migrations as steps
from ipyproject.history.stores.failures import StoreBusyError
from ipyproject.history.stores.migrations import LATEST, Migration

if TYPE_CHECKING:
    from pathlib import Path


def raw(path: Path) -> closing[sqlite3.Connection]:
    return closing(sqlite3.connect(path, isolation_level=None))


def test_the_folder_is_made_and_hidden_from_git(location) -> None:
    """`.ipyproject` gets a `.gitignore` of its own; a folder of another name, or one that is there, gets none."""
    open_store(location).close()
    assert (location.parent / ".gitignore").read_text() == "*\n"
    elsewhere = location.parent.parent / "data" / "history.db"
    open_store(elsewhere).close()
    assert [each.name for each in elsewhere.parent.iterdir()] == ["history.db"]


def test_the_file_is_written_ahead(location) -> None:
    """WAL, which lets readers and one writer work at once, stays set in the file."""
    open_store(location).close()
    with raw(location) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_opening_an_up_to_date_store_writes_nothing(location) -> None:
    """The file's bytes are the same after it was opened and closed."""
    open_store(location).close()
    before = location.read_bytes()
    open_store(location).close()
    assert location.read_bytes() == before


def test_each_migration_leaves_its_record(location) -> None:
    """The table of migrations says which steps were taken."""
    open_store(location).close()
    with raw(location) as connection:
        taken = connection.execute("SELECT number, name FROM migrations ORDER BY number").fetchall()
    assert taken == [(each.number, each.name) for each in steps.MIGRATIONS]
    assert [each.number for each in steps.MIGRATIONS] == list(range(1, LATEST + 1))


def test_an_older_store_is_brought_up_to_date(location, a_session, monkeypatch) -> None:
    """New steps are taken on a store that has records; one that fails leaves the store as it was."""
    record = a_session()
    with open_store(location) as store:
        store.write([SessionOpened(record)])
    good = Migration(LATEST + 1, "notes", ("CREATE TABLE notes (session INTEGER)",))
    broken = Migration(LATEST + 1, "broken", ("CREATE TABLE notes (session INTEGER)", "CREATE TABLE notes (x INTEGER)"))
    older = steps.MIGRATIONS
    monkeypatch.setattr(steps, "LATEST", LATEST + 1)
    monkeypatch.setattr(steps, "MIGRATIONS", (*older, broken))
    with pytest.raises(HistoryError):
        open_store(location)
    monkeypatch.setattr(steps, "MIGRATIONS", (*older, good))
    with open_store(location) as store:
        assert store.sessions() == [record]
    with raw(location) as connection:
        assert connection.execute("SELECT max(number) FROM migrations").fetchone() == (LATEST + 1,)
        assert connection.execute("SELECT * FROM notes").fetchall() == []


def test_a_store_of_a_newer_version_is_refused_untouched(location) -> None:
    """The message names both versions; not a byte of the file changes, not even when a session wants to write."""
    open_store(location).close()
    with raw(location) as connection:
        connection.execute("INSERT INTO migrations VALUES (999, 'from the future', 0)")
    before = location.read_bytes()
    with pytest.raises(HistoryError, match=r"(?s)newer version .*999.*Upgrade"):
        open_store(location)
    with pytest.raises(HistoryError, match="newer version"):
        open_store(location, recording=True)
    assert location.read_bytes() == before


def test_a_database_of_another_program_is_refused_untouched(location) -> None:
    """It is not filled with our tables."""
    location.parent.mkdir()
    with raw(location) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = location.read_bytes()
    with pytest.raises(HistoryError, match="another program"):
        open_store(location, recording=True)
    assert location.read_bytes() == before


@pytest.mark.parametrize("content", [b"this is no database " * 300, b"SQLite format 3\0" + b"\xff" * 5000, b"short"])
def test_a_corrupt_file_is_moved_aside_by_who_writes(location, content) -> None:
    """The new store works, and the corrupt file is kept; one who only reads leaves it where it is."""
    location.parent.mkdir()
    location.write_bytes(content)
    with pytest.raises(HistoryError, match="corrupt"):
        open_store(location)
    with open_store(location, recording=True) as store:
        assert store.sessions() == []
        [aside] = location.parent.glob("history.db.corrupt-*")
        assert aside.read_bytes() == content
        assert aside.name in store.notices[0]


def test_a_directory_in_its_place(location) -> None:
    """The message names the path."""
    location.mkdir(parents=True)
    with pytest.raises(HistoryError, match=r"history\.db can't be opened"):
        open_store(location)


def test_a_file_in_the_place_of_its_folder(tmp_path) -> None:
    """The message names the path and the reason."""
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match=r"history\.db can't be used: .*exists"):
        open_store(tmp_path / "file" / "history.db")


def test_a_locked_store_is_reported(location, a_session) -> None:
    """Waiting ends within the busy timeout."""
    with open_store(location) as store, raw(location) as other:
        other.execute("BEGIN EXCLUSIVE")
        with pytest.raises(StoreBusyError, match="locked by another process"):
            store.write([SessionOpened(a_session())])
        other.execute("ROLLBACK")
        store.write([SessionOpened(a_session())])


def test_readers_see_what_was_written_while_another_writes(location, a_session) -> None:
    """A reader is not held up by a writer's transaction."""
    with open_store(location) as store, open_store(location) as reader:
        store.write([SessionOpened(a_session())])
        with store.database.transaction():
            store.write([SessionOpened(a_session())])
            assert len(reader.sessions()) == 1
        assert len(reader.sessions()) == 2


def test_many_processes_start_a_store_and_write_at_once(location, start) -> None:
    """Twelve processes that open a store that is not there yet, at the same moment, all leave their sessions."""
    processes = [
        start("""
sys.stdin.readline()
for _ in range(5):
    recorder = Recorder(location)
    record = opened()
    recorder.record(SessionOpened(record))
    run = RunRecord(run_id=new_id(), session_id=record.session_id, start=datetime.now(UTC))
    recorder.record(RunStarted(run))
    for number in range(20):
        recorder.record(NodesFinished(run.run_id, (finished(str(number)),)))
    recorder.record(RunFinished(run.run_id, Status.COMPLETED, datetime.now(UTC)))
    recorder.record(SessionClosed(record.session_id, Status.COMPLETED, datetime.now(UTC)))
    assert recorder.spooled is None
""")
        for _ in range(12)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in processes] == [""] * 12
    with open_store(location) as store:
        sessions = store.sessions(None)
        assert [each.status for each in sessions] == [Status.COMPLETED] * 60
        assert [len(store.nodes(run.run_id)) for each in sessions for run in store.runs(each.session_id)] == [20] * 60


def test_many_processes_find_a_corrupt_file_at_once(location, start) -> None:
    """It is moved aside, and what the processes write afterwards is in the new file or waits beside it."""
    location.parent.mkdir()
    location.write_bytes(b"no database " * 1000)
    processes = [
        start("""
sys.stdin.readline()
warnings.simplefilter("ignore")
recorder = Recorder(location)
record = opened()
recorder.record(SessionOpened(record))
recorder.record(SessionClosed(record.session_id, Status.COMPLETED, datetime.now(UTC)))
print(record.session_id)
""")
        for _ in range(8)
    ]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    made = {process.communicate()[0].strip() for process in processes}
    [*asides] = location.parent.glob("history.db.corrupt-*Z")
    assert b"no database " * 1000 in [aside.read_bytes() for aside in asides]
    with open_store(location) as store:
        spool_of(location).take_in(store)
        assert {each.session_id for each in store.sessions(None)} == made


def test_sessions_without_a_warning(location, a_session, recwarn) -> None:
    """A store that works says nothing."""
    recorder = Recorder(location)
    record = a_session()
    recorder.record(SessionOpened(record))
    recorder.record(SessionClosed(record.session_id, Status.COMPLETED, record.start))
    assert [each for each in recwarn if each.category is HistoryWarning] == []
