"""A session goes on whatever happens to its store, and its record is not lost."""

from __future__ import annotations

import sqlite3
import warnings
from contextlib import closing, contextmanager
from datetime import date
from threading import Event
from typing import TYPE_CHECKING

import pytest

from ipyproject.history import HistoryWarning, NullRecorder, Recorder, SessionFilter, Status, open_store
from ipyproject.history.events import (
    FactsLogged,
    NodesFinished,
    ParametersResolved,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionDescribed,
    SessionOpened,
)
from ipyproject.history.recording.spool import spool_of
from ipyproject.history.values import ParameterDocument

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


@contextmanager
def locked(location: Path):
    """Keep the store locked, as another process would."""
    with closing(sqlite3.connect(location, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        yield
        connection.execute("ROLLBACK")


def test_a_session_is_recorded(location, live, recorder, shown, whole) -> None:
    """All its steps are in the store, and nothing waits beside it."""
    session = live(recorder)
    assert shown(location) == whole(session)
    assert recorder.spooled is None
    assert not (location.with_name("history.db-spool")).exists()


def test_saving_nothing_leaves_nothing(tmp_path, live, monkeypatch) -> None:
    """The null recorder makes no file and no folder."""
    monkeypatch.chdir(tmp_path)
    before = sorted(tmp_path.rglob("*"))
    live(NullRecorder())
    assert sorted(tmp_path.rglob("*")) == before


def test_nodes_are_written_while_the_next_one_takes_its_time(location, a_session, a_run, a_node, recorder) -> None:
    """Finished nodes reach the store though no further step comes; here another connection sees them."""
    session = a_session()
    run = a_run(session)
    recorder.record(SessionOpened(session))
    recorder.record(RunStarted(run))
    for number in range(5):
        recorder.record(NodesFinished(run.run_id, (a_node(str(number)),)))
    with open_store(location) as store:
        for _ in range(200):
            if len(store.nodes(run.run_id)) == 5:
                break
            Event().wait(0.02)
        assert len(store.nodes(run.run_id)) == 5


def test_a_run_of_many_nodes_is_complete(location, a_session, a_run, a_node, recorder) -> None:
    """Batches by number and by time lose nothing, and every node is there when the run has ended."""
    session = a_session()
    run = a_run(session)
    recorder.record(SessionOpened(session))
    recorder.record(RunStarted(run))
    for number in range(5000):
        recorder.record(NodesFinished(run.run_id, (a_node(str(number)),)))
    recorder.record(RunFinished(run.run_id, Status.COMPLETED, run.start))
    with open_store(location) as store:
        assert len(store.nodes(run.run_id)) == 5000


def test_a_locked_store(location, live, shown, whole) -> None:
    """One warning; the whole session waits beside the store, and the next session that can write takes it in, once."""
    open_store(location).close()
    recorder = Recorder(location)
    with locked(location), pytest.warns(HistoryWarning, match="locked by another process") as caught:
        spooled = live(recorder)
    assert len(caught) == 1
    assert recorder.spooled == location.with_name("history.db-spool") / f"{spooled.session_id}.jsonl"
    assert shown(location) == []
    later = live(Recorder(location))
    again = live(Recorder(location))
    assert shown(location) == whole(again, later, spooled)
    assert list((location.with_name("history.db-spool")).iterdir()) == []
    with open_store(location) as store:
        assert store.parameters(spooled.session_id) == {"a": 1}


def test_a_document_of_parameters_that_waits(location, a_session) -> None:
    """Parameters that go to the spool as a document are found in the store as any others."""
    recorder, session = Recorder(location), a_session()
    open_store(location).close()
    with locked(location):
        with pytest.warns(HistoryWarning):
            recorder.record(SessionOpened(session))
        recorder.record(
            ParametersResolved(session.session_id, ParameterDocument.of({"a": {"b": 1}, "day": date(2026, 1, 2)}))
        )
        recorder.record(SessionClosed(session.session_id, Status.COMPLETED, session.start))
    with open_store(location) as store:
        spool_of(location).take_in(store)
        found = store.sessions(where=SessionFilter(params={"a.b": 1, "day": date(2026, 1, 2)}))
        assert [each.session_id for each in found] == [session.session_id]
        assert store.parameters(session.session_id) == {"a": {"b": 1}, "day": date(2026, 1, 2)}


def test_a_store_that_gets_locked_in_the_middle(location, live, shown, whole) -> None:
    """What was written before and what is spooled after make one record."""
    recorder = Recorder(location)
    holder: list[sqlite3.Connection] = []

    def lock_it() -> None:
        holder.append(sqlite3.connect(location, isolation_level=None))
        holder[0].execute("BEGIN IMMEDIATE")

    with pytest.warns(HistoryWarning) as caught:
        session = live(recorder, between=lock_it)
    assert len(caught) == 1
    holder[0].close()
    with open_store(location) as store:
        assert [each.status for each in store.sessions()] == [Status.OPEN]
    later = live(Recorder(location))
    assert shown(location) == whole(later, session)


def test_a_store_that_is_deleted_in_the_middle(location, live, shown, whole) -> None:
    """It is made anew, with all that the session must know of itself."""
    recorder = Recorder(location)
    with pytest.warns(HistoryWarning, match="deleted or replaced"):
        session = live(recorder, between=lambda: [each.unlink() for each in location.parent.glob("history.db*")])
    assert shown(location) == whole(session)


def test_a_store_that_becomes_corrupt_in_the_middle(location, live, shown, whole) -> None:
    """The corrupt file is moved aside, a new one is started, and it holds the session."""
    recorder = Recorder(location)

    def spoil() -> None:
        with closing(sqlite3.connect(location)) as other:
            other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = location.stat().st_size
        with location.open("r+b") as file:
            file.write(b"\xff" * size)

    with pytest.warns(HistoryWarning, match="corrupt: it was moved to"):
        session = live(recorder, between=spoil)
    assert shown(location) == whole(session)
    assert len(list(location.parent.glob("history.db.corrupt-*Z"))) == 1


def test_a_corrupt_store(location, live, shown, whole) -> None:
    """It is moved aside with one warning, and the session is recorded in a new one."""
    location.parent.mkdir()
    location.write_bytes(b"not a database " * 100)
    with pytest.warns(HistoryWarning, match="corrupt") as caught:
        session = live(Recorder(location))
    assert len(caught) == 1
    assert shown(location) == whole(session)


def test_a_store_of_a_newer_version(location, live, shown, whole) -> None:
    """It stays untouched; the record waits until a version that understands it writes there."""
    open_store(location).close()
    with closing(sqlite3.connect(location, isolation_level=None)) as connection:
        connection.execute("INSERT INTO migrations VALUES (999, 'from the future', 0)")
    with pytest.warns(HistoryWarning, match="newer version"):
        session = live(Recorder(location))
    with closing(sqlite3.connect(location, isolation_level=None)) as connection:
        connection.execute("DELETE FROM migrations WHERE number = 999")
    later = live(Recorder(location))
    assert shown(location) == whole(later, session)


def test_a_folder_that_can_not_be_written(tmp_path, live, shown, whole) -> None:
    """The record goes to the temporary folder, and is taken in when the store can be made."""
    (tmp_path / "file").touch()
    location = tmp_path / "file" / "history.db"
    with pytest.warns(HistoryWarning, match="can't be written"):
        session = live(Recorder(location))
    (tmp_path / "file").unlink()
    later = live(Recorder(location))
    assert shown(location) == whole(later, session)


def test_nowhere_to_write_at_all(tmp_path, live, monkeypatch) -> None:
    """The warning says that the record is lost, and the session goes on."""
    (tmp_path / "file").touch()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "file"))
    with pytest.warns(HistoryWarning, match="is lost") as caught:
        live(Recorder(tmp_path / "file" / "history.db"))
    assert len(caught) == 1


def test_a_full_disk(location, live, start, shown, whole) -> None:
    """Files that may not grow any more: one warning, and the record waits beside the store."""
    process = start("""
import resource
recorder = Recorder(location)
record = opened()
recorder.record(SessionOpened(record))
size = location.with_name("history.db-wal").stat().st_size
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10_000, size + 10_000))
for _ in range(50):  # SQLite writes its log anew from the beginning now and then
    run = RunRecord(run_id=new_id(), session_id=record.session_id, start=datetime.now(UTC))
    recorder.record(RunStarted(run))
    recorder.record(NodesFinished(run.run_id, (finished("clean"),)))
    recorder.record(RunFinished(run.run_id, Status.COMPLETED, datetime.now(UTC)))
recorder.record(SessionClosed(record.session_id, Status.COMPLETED, datetime.now(UTC)))
assert recorder.spooled is not None
print(record.session_id)
""")
    out, err = process.communicate()
    assert err.count("HistoryWarning") == 1
    later = live(Recorder(location))
    assert shown(location) == [*whole(later), (out.strip(), Status.COMPLETED, [1] * 50)]


def test_a_disk_that_is_full_for_a_while(location, live, start, shown, whole) -> None:
    """Where nothing can be written anywhere the record is held until there is room; no empty file is left."""
    process = start("""
import resource, tempfile
warnings.simplefilter("ignore")
tempfile.tempdir = str(location.parent.parent / "tmp")
recorder = Recorder(location)
record = opened()
resource.setrlimit(resource.RLIMIT_FSIZE, (100, resource.RLIM_INFINITY))
recorder.record(SessionOpened(record))
run = RunRecord(run_id=new_id(), session_id=record.session_id, start=datetime.now(UTC))
recorder.record(RunStarted(run))
recorder.record(NodesFinished(run.run_id, (finished("clean"),)))
recorder.record(RunFinished(run.run_id, Status.COMPLETED, datetime.now(UTC)))
assert recorder.spooled is None
assert not [*location.parent.parent.rglob("*.jsonl")]
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
recorder.record(SessionClosed(record.session_id, Status.COMPLETED, datetime.now(UTC)))
print(record.session_id)
""")
    out, err = process.communicate()
    assert not err
    later = live(Recorder(location))
    assert shown(location) == [*whole(later), (out.strip(), Status.COMPLETED, [1])]


def test_an_unknown_kind_of_store(live, tmp_path, location, whole, shown) -> None:
    """Even a store that there is no such kind of stops nothing; the record waits for the project's next store."""
    with pytest.warns(HistoryWarning, match="no kind of session store called 'oracle'") as caught:
        session = live(Recorder("oracle://somewhere", root=tmp_path))
    assert len(caught) == 1
    alone = live(Recorder(location))
    assert shown(location) == whole(alone)
    later = live(Recorder(location, root=tmp_path))
    assert shown(location) == whole(later, alone, session)


def test_any_value_can_be_spooled(location, live, a_session) -> None:
    """Parameters that JSON does not hold are spooled too, and come back as they do from the store."""
    location.mkdir(parents=True)
    session = a_session(extra_params={"path": location, "inf": float("inf"), 1: {date(2026, 1, 2): None}})
    recorder = Recorder(location)
    with pytest.warns(HistoryWarning):
        recorder.record(SessionOpened(session))
    recorder.record(FactsLogged(session.session_id, {"o": object}))
    recorder.record(SessionClosed(session.session_id, Status.COMPLETED, session.start))
    location.rmdir()
    live(Recorder(location))
    with open_store(location) as store:
        given = store.session(session.session_id).extra_params
        assert given.pop("path")["$repr"] == repr(location)
        assert given == {"inf": float("inf"), 1: {date(2026, 1, 2): None}}
        assert store.facts(session.session_id)["o"]["$type"] == "type"


def test_a_session_that_still_goes_on_is_not_taken_in(location, live, a_session, a_run, shown, whole) -> None:
    """What an open session of a living process spools stays its own until it is closed."""
    location.mkdir(parents=True)
    session = a_session()
    recorder = Recorder(location)
    with pytest.warns(HistoryWarning):
        recorder.record(SessionOpened(session))
    location.rmdir()
    later = live(Recorder(location))
    assert shown(location) == whole(later)
    recorder.record(RunStarted(a_run(session)))
    recorder.record(SessionClosed(session.session_id, Status.COMPLETED, session.start))
    live(Recorder(location))
    assert (session.session_id, Status.COMPLETED, [0]) in shown(location)


def test_a_spooled_session_whose_process_was_killed(location, live, start, shown, whole) -> None:
    """It is taken in as interrupted, with the nodes that had finished; a line cut off in the middle is left out."""
    location.mkdir(parents=True)
    process = start("""
warnings.simplefilter("ignore")
recorder = Recorder(location)
record = opened()
recorder.record(SessionOpened(record))
run = RunRecord(run_id=new_id(), session_id=record.session_id, start=datetime.now(UTC))
recorder.record(RunStarted(run))
recorder.record(NodesFinished(run.run_id, (finished("clean"),)))
recorder.close()
with recorder.spooled.open("a") as file:
    file.write('["run_finished", "2026')
print(record.session_id, flush=True)
sys.stdin.readline()
""")
    killed = process.stdout.readline().strip()
    process.kill()
    process.wait()
    location.rmdir()
    later = live(Recorder(location))
    assert shown(location) == [*whole(later), (killed, Status.INTERRUPTED, [1])]


def test_a_file_that_is_taken_in_twice(location, live, tmp_path, shown, whole) -> None:
    """After a crash between taking in and removing, the second time adds nothing."""
    location.mkdir(parents=True)
    recorder = Recorder(location)
    with pytest.warns(HistoryWarning):
        session = live(recorder)
    content = recorder.spooled.read_text()
    location.rmdir()
    for _ in range(2):
        recorder.spooled.write_text(content)
        with open_store(location) as store:
            assert spool_of(location).take_in(store) == []
            assert not spool_of(location).waiting()
    assert shown(location) == whole(session)


def test_warnings_as_errors_break_nothing(location, a_session, caplog) -> None:
    """Who turns warnings into errors gets this one in the log: what is recorded never breaks what is done."""
    location.mkdir(parents=True)
    recorder = Recorder(location)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        recorder.record(SessionOpened(a_session()))
    assert recorder.spooled.exists()
    assert "The history of sessions can't be written" in caplog.text


def test_a_late_fact_is_kept(location, live, recorder) -> None:
    """What arrives after the session was closed, such as git's answer, is still written."""
    session = live(recorder)
    recorder.record(SessionDescribed(session.session_id, {"git": {"commit": "abc"}}))
    with open_store(location) as store:
        assert store.session("latest").git == {"commit": "abc"}


def test_a_fork_does_not_touch_the_store(location, start, shown) -> None:
    """A child of the session's process that calls the recorder changes nothing, and breaks nothing."""
    process = start("""
recorder = Recorder(location)
record = opened()
recorder.record(SessionOpened(record))
if (child := os.fork()) == 0:
    recorder.record(SessionClosed(record.session_id, Status.FAILED, datetime.now(UTC)))
    os._exit(0)
os.waitpid(child, 0)
recorder.record(SessionClosed(record.session_id, Status.COMPLETED, datetime.now(UTC)))
""")
    assert process.communicate() == ("", "")
    assert [status for _, status, _ in shown(location)] == [Status.COMPLETED]
