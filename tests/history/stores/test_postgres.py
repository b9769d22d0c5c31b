"""What is particular to the store on a server, and to a server that fails."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from threading import Event

import pytest

from ipyproject.errors import HistoryError
from ipyproject.history import HistoryWarning, Recorder, Status, open_store
from ipyproject.history.events import SessionOpened
from ipyproject.history.questions.project import open_for_reading
from ipyproject.history.stores.failures import StoreBusyError
from ipyproject.history.stores.idle import close_idle_store

SECRET = "hunter2"


@pytest.fixture
def silent():
    """The port of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def unused():
    """A port of this machine that nobody listens on."""
    with socket.socket() as never_listening:
        never_listening.bind(("127.0.0.1", 0))
        yield never_listening.getsockname()[1]


def backends(postgres) -> list[int]:
    """Return the pids of the server's processes that serve stores."""
    found = postgres.execute("SELECT pid FROM pg_stat_activity WHERE application_name = 'ipyproject'")
    return [pid for (pid,) in found]


def test_tables_lie_in_a_schema_of_their_own(postgres, a_session) -> None:
    """Other tables of the database, even with the names of ours, are left alone."""
    postgres.execute("CREATE TABLE IF NOT EXISTS public.sessions (theirs INTEGER)")
    with open_store(postgres.url) as store:
        store.write([SessionOpened(a_session())])
    schemas = "SELECT schemaname FROM pg_tables WHERE tablename = 'sessions' ORDER BY 1"
    assert postgres.execute(schemas) == [("ipyproject",), ("public",)]
    assert postgres.execute("SELECT * FROM public.sessions") == []
    postgres.execute("DROP TABLE public.sessions")


def test_a_store_of_a_newer_version_is_refused_untouched(postgres) -> None:
    """The message names both versions."""
    open_store(postgres.url).close()
    postgres.execute("INSERT INTO ipyproject.migrations VALUES (999, 'from the future', 0)")
    for recording in (False, True):
        with pytest.raises(HistoryError, match=r"(?s)newer version .*999.*Upgrade"):
            open_store(postgres.url, recording=recording)
    assert postgres.execute("SELECT max(number), count(*) FROM ipyproject.migrations WHERE number > 900") == [(999, 1)]


def test_readers_make_nothing(postgres) -> None:
    """Where there is no store there are no sessions, and no schema afterwards."""
    with open_store(postgres.url, reading=True) as store:
        assert store.sessions() == []
        with pytest.raises(HistoryError, match="No session has been recorded"):
            store.session("2026")
    assert postgres.execute("SELECT 1 FROM pg_namespace WHERE nspname = 'ipyproject'") == []


def test_many_processes_start_a_store_and_write_at_once(postgres, start) -> None:
    """Processes that find no tables at the same moment all leave their sessions."""
    code = f"""
location = {postgres.url!r}
import psycopg
sys.stdin.readline()
for _ in range(5):
    recorder = Recorder(location)
    record = opened()
    recorder.record(SessionOpened(record))
    recorder.record(SessionClosed(record.session_id, Status.COMPLETED, datetime.now(UTC)))
    assert recorder.spooled is None
"""
    processes = [start(code) for _ in range(4)]
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    assert [process.communicate()[1] for process in processes] == [""] * 4
    with open_store(postgres.url) as store:
        assert [each.status for each in store.sessions(None)] == [Status.COMPLETED] * 20


def test_a_server_that_restarts_in_the_middle(postgres, tmp_path, live, shown, recwarn) -> None:
    """The recorder connects again, and nobody notices."""

    def restart() -> None:
        postgres.stop()
        postgres.start()

    session = live(Recorder(postgres.url, root=tmp_path), between=restart)
    assert shown(postgres.url) == [(session.session_id, Status.COMPLETED, [3])]
    assert [str(each.message) for each in recwarn] == []


def test_a_server_that_goes_in_the_middle(postgres, tmp_path, live, shown, whole) -> None:
    """One warning; the record waits in the project, and the next session that finds the server takes it in, once."""
    recorder = Recorder(postgres.url, root=tmp_path)
    with pytest.warns(UserWarning, match="can't be written") as caught:
        session = live(recorder, between=postgres.stop)
    assert len(caught) == 1
    assert recorder.spooled.is_relative_to(tmp_path / ".ipyproject")
    postgres.start()
    assert [status for _, status, _ in shown(postgres.url)] == [Status.OPEN]
    later = live(Recorder(postgres.url, root=tmp_path))
    again = live(Recorder(postgres.url, root=tmp_path))
    assert shown(postgres.url) == whole(again, later, session)
    assert not recorder.spooled.exists()


def test_a_reader_leaves_what_waits(postgres, tmp_path, live, whole, shown) -> None:
    """Who asks once the server is back is told that a session waits; the next session takes it in."""
    postgres.stop()
    try:
        with pytest.warns(UserWarning, match="can't be written"):
            session = live(Recorder(postgres.url, root=tmp_path))
        with pytest.raises(HistoryError):
            open_for_reading(postgres.url, root=tmp_path)
    finally:
        postgres.start()
    with (
        pytest.warns(HistoryWarning, match="^1 session waits"),
        open_for_reading(postgres.url, root=tmp_path) as store,
    ):
        assert store.sessions() == []
    later = live(Recorder(postgres.url, root=tmp_path))
    assert shown(postgres.url) == whole(later, session)


def test_a_server_that_falls_silent_in_the_middle(postgres, tmp_path, live, shown, whole) -> None:
    """A server that is there and does not answer any more holds the session up no longer than one that is gone."""
    stopped: list[int] = []

    def silence() -> None:
        stopped.extend(backends(postgres))
        for pid in stopped:
            os.kill(pid, signal.SIGSTOP)

    with pytest.warns(UserWarning, match="does not answer") as caught:
        session = live(Recorder(postgres.url, root=tmp_path), between=silence)
    assert len(caught) == 1
    for pid in stopped:
        os.kill(pid, signal.SIGCONT)
    while backends(postgres):
        Event().wait(0.01)
    later = live(Recorder(postgres.url, root=tmp_path))
    assert shown(postgres.url) == whole(later, session)


def test_a_server_that_never_answers(silent, tmp_path, live) -> None:
    """Waiting for it is given up; the session goes on, with one warning that keeps the password to itself."""
    recorder = Recorder(f"postgresql://me:{SECRET}@127.0.0.1:{silent}/db", root=tmp_path)
    with pytest.warns(UserWarning, match=rf"postgresql://me@127\.0\.0\.1:{silent}/db does not answer") as caught:
        live(recorder)
    assert len(caught) == 1
    assert SECRET not in str(caught[0].message) + repr(recorder) + recorder.spooled.read_text() + str(recorder.spooled)


def test_a_server_that_is_not_there(unused, tmp_path, live) -> None:
    """As above; and whoever reads is told."""
    url = f"postgresql://me:{SECRET}@127.0.0.1:{unused}/db"
    with pytest.warns(UserWarning, match="refused") as caught:
        live(Recorder(url, root=tmp_path))
    assert len(caught) == 1
    with pytest.raises(HistoryError, match="refused") as error:
        open_store(url, reading=True)
    assert SECRET not in str(caught[0].message) + str(error.value)


def test_a_host_that_does_not_exist(tmp_path, live) -> None:
    """As above."""
    with pytest.warns(UserWarning, match="can't be written") as caught:
        live(Recorder(f"postgresql://me:{SECRET}@nowhere.invalid/db", root=tmp_path))
    assert len(caught) == 1
    assert SECRET not in str(caught[0].message)


def test_an_error_in_a_statement_that_waits_to_be_sent(postgres, a_session) -> None:
    """Whoever ends the transaction gets it; nothing of the transaction is there, and the store goes on."""

    def fail() -> None:
        with store.database.transaction() as statements:
            store.write([SessionOpened(a_session())])
            statements.execute("INSERT INTO nonsense VALUES (?)", (1,))

    with open_store(postgres.url) as store:
        with pytest.raises(HistoryError, match="nonsense"):
            fail()
        assert store.sessions() == []
        store.write([SessionOpened(a_session())])
        assert len(store.sessions()) == 1


def test_a_wrong_password(postgres, tmp_path, live) -> None:
    """The message names the user and the server, and shows neither password."""
    postgres.execute(f"DROP ROLE IF EXISTS secured; CREATE ROLE secured LOGIN PASSWORD '{SECRET}'")
    postgres.execute("GRANT CREATE ON DATABASE postgres TO secured")
    url = postgres.url.replace("postgres@", "secured:wr0ng@")
    with pytest.warns(UserWarning, match="password authentication failed") as caught:
        live(Recorder(url, root=tmp_path))
    assert len(caught) == 1
    assert "wr0ng" not in str(caught[0].message)
    with open_store(url.replace("wr0ng", SECRET)) as store:
        assert SECRET not in repr(store) + repr(store.database) + store.location
    postgres.execute("DROP SCHEMA ipyproject CASCADE; DROP OWNED BY secured; DROP ROLE secured")


@pytest.fixture
def patient(monkeypatch) -> None:
    """Wait longer, for tests of what a server answers: a busy machine may need more than a run would wait."""
    monkeypatch.setattr("ipyproject.history.stores.postgres.RECORDING_SECONDS", 3.0)
    monkeypatch.setattr("ipyproject.history.recording.recorder.PATIENCE_SECONDS", 30.0)


@pytest.mark.usefixtures("patient")
def test_a_writer_that_others_hold_up(postgres, a_session) -> None:
    """Waiting for one's turn ends; and the store works again afterwards."""
    with open_store(postgres.url) as holder, open_store(postgres.url, recording=True) as store:
        with holder.database.transaction():
            holder.write([SessionOpened(a_session())])
            assert len(holder.sessions()) == 1
            with pytest.raises(StoreBusyError):
                store.write([SessionOpened(a_session())])
        store.write([SessionOpened(a_session())])
        assert len(holder.sessions()) == 2


@pytest.mark.usefixtures("patient")
def test_an_idle_connection_that_the_server_has_closed(postgres, tmp_path, live, shown, whole, recwarn) -> None:
    """The next session of the process connects anew."""
    first = live(Recorder(postgres.url, root=tmp_path))
    postgres.stop()
    postgres.start()
    second = live(Recorder(postgres.url, root=tmp_path))
    assert shown(postgres.url) == whole(second, first)
    assert list(recwarn) == []
    close_idle_store()


def test_without_psycopg() -> None:
    """The message says how to get it."""
    code = """
import sys
sys.modules["psycopg"] = None
from ipyproject.errors import HistoryError
from ipyproject.history import open_store
try:
    open_store("postgresql://me:hunter2@localhost/db")
except HistoryError as error:
    print(error)
"""
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "pip install 'ipyproject[postgres]'" in said
    assert SECRET not in said


@pytest.mark.parametrize(
    "url",
    [
        f"postgresql://me:{SECRET}/@host/db",
        f"postgresql://me:{SECRET}?@host/db",
        f"postgresql://me:{SECRET}%zz@host/db",
        f"postgresql://me:{SECRET}@host:port/db",
        f"postgresql://host/db?password={SECRET}&nonsense=1",
    ],
)
def test_an_url_that_can_not_be_read(url, tmp_path, live) -> None:
    """No message quotes it."""
    with pytest.raises(HistoryError) as caught:
        open_store(url)
    with pytest.warns(UserWarning, match="can't be written") as warned:
        live(Recorder(url, root=tmp_path))
    shown = str(caught.value) + str(warned[0].message)
    assert SECRET not in shown
