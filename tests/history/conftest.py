"""Real stores, and records to put into them."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from ipyproject.history import NodeRecord, Recorder, RunRecord, SessionRecord, Status, new_id, open_store, process_info
from ipyproject.history.events import (
    NodesFinished,
    ParametersResolved,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionOpened,
)
from ipyproject.history.stores.idle import close_idle_store
from ipyproject.history.values import ParameterDocument

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from ipyproject.history import Store

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)

# What processes that tests start have in common; the record of a session needs a live process, so they make their own.
PRELUDE = """
import os, sys, time, warnings
warnings.filterwarnings("ignore", "This process .* is multi-threaded")  # said of every fork since Python 3.12
from datetime import UTC, datetime
from pathlib import Path
from ipyproject.history import *
from ipyproject.history.events import *
from ipyproject.history.facts.process import process_token

location = sys.argv[1] if "://" in sys.argv[1] else Path(sys.argv[1])

def opened(**changes):
    return SessionRecord(session_id=new_id(), project="p", package_name="p", project_root="/p", env="local",
                         start=datetime.now(UTC), **(process_info() | changes))

def finished(name):
    return NodeRecord(name, Status.COMPLETED, datetime.now(UTC), 0.001)
"""


@pytest.fixture
def location(tmp_path: Path) -> Path:
    return tmp_path / ".ipyproject" / "history.db"


class PostgresServer:
    """A real server, which can be stopped and started."""

    def __init__(self, keeper: subprocess.Popen[str]) -> None:
        self._keeper = keeper
        self.url = keeper.stdout.readline().strip()

    def stop(self) -> None:
        self._tell("stop")

    def start(self) -> None:
        self._tell("start")

    def execute(self, sql: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []

    def _tell(self, what: str) -> None:
        self._keeper.stdin.write(f"{what}\n")
        self._keeper.stdin.flush()
        assert self._keeper.stdout.readline() == "done\n"


@pytest.fixture(scope="session")
def running_postgres() -> Iterator[PostgresServer]:
    command = [sys.executable, Path(__file__).with_name("keep_server.py")]
    keeper = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True)
    with keeper:  # whose end of the pipe is closed then
        yield PostgresServer(keeper)


@pytest.fixture
def postgres(
    running_postgres: PostgresServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[PostgresServer]:
    """A server without a store in it; what would be spooled beside it goes to the test's own folder."""
    monkeypatch.chdir(tmp_path)
    yield running_postgres
    close_idle_store()
    running_postgres.execute("DROP SCHEMA IF EXISTS ipyproject CASCADE")


@pytest.fixture(params=["sqlite", "postgres"])
def anywhere(request: pytest.FixtureRequest, location: Path) -> Path | str:
    """The location of a store that is not there yet, of each kind."""
    return location if request.param == "sqlite" else request.getfixturevalue("postgres").url


@pytest.fixture
def store(anywhere: Path | str) -> Iterator[Store]:
    """An empty store of each kind."""
    with open_store(anywhere) as store:
        yield store


@pytest.fixture
def recorder(location: Path) -> Iterator[Recorder]:
    recorder = Recorder(location)
    yield recorder
    recorder.close()


@pytest.fixture
def a_session() -> Callable[..., SessionRecord]:
    """Make the record of a session of this process; `minute` after noon, with any fields changed."""

    def make(minute: float | None = None, **changes: Any) -> SessionRecord:
        fields: dict[str, Any] = {
            "session_id": new_id(),
            "project": "penguins",
            "package_name": "penguins",
            "project_root": "/penguins",
            "env": "local",
            "start": datetime.now(UTC) if minute is None else NOON + timedelta(minutes=minute),
            **process_info(),
        }
        return SessionRecord(**(fields | changes))

    return make


@pytest.fixture
def five(store, a_session):
    """Five sessions, a minute apart, oldest first."""
    records = [a_session(minute, session_id=f"2026-11-22T12.0{minute}.00.000000Z-{minute}abcde") for minute in range(5)]
    for record in records:
        store.write([SessionOpened(record)])
    return records


@pytest.fixture
def a_run() -> Callable[..., RunRecord]:
    """Make the record of a run, with any fields changed."""

    def make(session: SessionRecord, minute: float = 0, **changes: Any) -> RunRecord:
        fields = {"run_id": new_id(), "session_id": session.session_id, "start": NOON + timedelta(minutes=minute)}
        return RunRecord(**(fields | changes))

    return make


@pytest.fixture
def a_node() -> Callable[..., NodeRecord]:
    """Make the record of a finished node."""

    def make(name: str, second: float = 0, **changes: Any) -> NodeRecord:
        fields = {"name": name, "status": Status.COMPLETED, "start": NOON + timedelta(seconds=second), "duration": 0.5}
        return NodeRecord(**(fields | changes))

    return make


@pytest.fixture
def live(a_session, a_run, a_node):
    """Record a whole session: opened, one run of three nodes, closed. Returns its record."""

    def live(recorder, count: int = 3, between=None):
        session = a_session()
        run = a_run(session)
        recorder.record(SessionOpened(session))
        recorder.record(ParametersResolved(session.session_id, ParameterDocument.of({"a": 1})))
        recorder.record(RunStarted(run))
        if between:
            between()
        for number in range(count):
            recorder.record(NodesFinished(run.run_id, (a_node(f"node {number}", number),)))
        recorder.record(RunFinished(run.run_id, Status.COMPLETED, run.start))
        recorder.record(SessionClosed(session.session_id, Status.COMPLETED, session.start))
        return session

    return live


@pytest.fixture
def shown() -> Callable[[Path | str], list[tuple[str, Status, list[int]]]]:
    """Return id, status and the numbers of nodes of all sessions in a store."""

    def shown(location: Path | str) -> list[tuple[str, Status, list[int]]]:
        with open_store(location) as store:
            return [
                (each.session_id, each.status, [len(store.nodes(run.run_id)) for run in store.runs(each.session_id)])
                for each in store.sessions(None)
            ]

    return shown


@pytest.fixture
def whole() -> Callable[..., list[tuple[str, Status, list[int]]]]:
    """Return what `shown` returns of sessions that `live` recorded."""
    return lambda *sessions: [(each.session_id, Status.COMPLETED, [3]) for each in sessions]


@pytest.fixture
def start(request: pytest.FixtureRequest, location: Path) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start a process that executes code; `location`, `opened()` and `finished(name)` are known to it."""
    running: list[subprocess.Popen[str]] = []
    where = request.getfixturevalue("anywhere") if "anywhere" in request.fixturenames else location

    def start(code: str, *arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", PRELUDE + code, str(where), *arguments]
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.communicate()
