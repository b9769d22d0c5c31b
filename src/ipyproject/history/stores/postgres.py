"""The PostgreSQL store: a schema in a database that a team shares, through psycopg 3."""

from __future__ import annotations

import re
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import RLock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from ipyproject.errors import HistoryError
from ipyproject.history.stores.failures import StoreBusyError
from ipyproject.history.stores.locations import without_password
from ipyproject.history.stores.sqlite import empty_store
from ipyproject.history.stores.store import Store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from psycopg.abc import PQGen

    from ipyproject.history.stores.database import Row

SCHEMA = "ipyproject"  # other tables of the database are none of our business
TURN = 0x6970_7972  # the advisory lock of those who write, one after the other as in SQLite
RECORDING_SECONDS = 0.4  # what a run waits for an answer
READING_SECONDS = 10.0
SERVER_FIRST = 1.25  # one that can say by itself that it takes too long says so before, and stays connected
LOOK_SECONDS = 0.05  # how often it is looked whether an answer takes too long
ON_CONNECTING = (
    f"SET search_path TO {SCHEMA}; SET client_encoding TO 'UTF8'; SET statement_timeout TO %d; "
    "SET lock_timeout TO %d; SET idle_in_transaction_session_timeout TO 10000"
)
BUSY_STATES = {"55P03", "57014"}  # a lock, or an answer, was waited for too long
COLUMN_TYPES = {"number": "float8", "duration": "float8", "session": "int8", "run": "int8", "started": "int8"}

# How the statements of migrations read here. Text compares by bytes, as in SQLite, whatever the database's language.
TRANSLATIONS = (
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bREAL\b"), "DOUBLE PRECISION"),
    (re.compile(r"\s*\bWITHOUT ROWID\b"), ""),
)

Answer = TypeVar("Answer")


def open_server(url: str, *, reading: bool = False, recording: bool = False, create: bool = True) -> Store:
    """Open the store on a server; see `open_store`.

    Raises:
        StoreBusyError: It does not answer in time.
        HistoryError: It can't be connected to.
    """
    database = PostgresDatabase(url, recording=recording)
    try:
        is_there = (create and not reading) or database.tables()
    except BaseException:
        database.close()
        raise
    if is_there:
        return Store(database, reading=reading)
    database.close()
    return empty_store(database.location)


class _Connection(psycopg.Connection["Row"]):
    """A connection that is given up when an answer does not come in time, also if the server is there and silent.

    Attributes:
        seconds: How long one answer may take.
    """

    seconds = READING_SECONDS

    def wait(self, gen: PQGen[Answer], *_arguments: Any, **_options: Any) -> Answer:
        """Wait for what `gen` waits for."""
        try:
            return super().wait(_in_time(gen, self.seconds), LOOK_SECONDS)
        except TimeoutError:
            self.close()  # what is still to come would be taken for the next answer
            raise


def _in_time(waiting: PQGen[Answer], seconds: float) -> PQGen[Answer]:
    """Pass on what is waited for, until it takes too long.

    Raises:
        TimeoutError: It does.
    """
    end = monotonic() + seconds
    try:
        wanted = next(waiting)
        while True:
            ready = yield wanted
            if not ready and monotonic() > end:
                raise TimeoutError
            wanted = waiting.send(ready)
    except StopIteration as finished:
        answer: Answer = finished.value
        return answer


class PostgresDatabase:
    """A connection to a PostgreSQL server; threads take turns. Nobody waits for the server for ever.

    The statements of a transaction are sent together: the way to the server and back takes longer than most of them.

    Args:
        url: ``postgresql://user:password@host:port/database?...``, as libpq understands it.
        recording: A run is waiting, so that the server must answer at once; readers have more patience.

    Raises:
        StoreBusyError: It does not answer in time.
        HistoryError: The server can't be connected to.
    """

    def __init__(self, url: str, *, recording: bool = False) -> None:
        self.location = without_password(url)
        self._lock = RLock()
        self._within_transaction = False
        seconds = RECORDING_SECONDS if recording else READING_SECONDS
        password = _checked_password(url, self.location)
        with self._store_errors(password):
            self._connection = _connected(url, seconds)
            self._connection.seconds = seconds * SERVER_FIRST
            try:
                self._connection.execute(ON_CONNECTING % (seconds * 1000, seconds * 1000))
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[PostgresDatabase]:
        """Return a transaction for writing; one within another joins it."""
        with self._lock:
            if self._within_transaction:
                yield self
                return
            self._within_transaction = True
            try:
                with self._store_errors():
                    yield from self._pipelined()
            finally:
                self._within_transaction = False

    def _pipelined(self) -> Iterator[PostgresDatabase]:
        failure: BaseException | None = None
        try:
            with self._connection.pipeline():
                try:
                    self.execute("BEGIN")
                    self.execute(f"SELECT pg_advisory_xact_lock({TURN})")
                    yield self
                    self.execute("COMMIT")
                except BaseException as error:  # noqa: BLE001 - raised below: psycopg logs one that leaves a pipeline
                    failure = error
        except (psycopg.Error, TimeoutError) as error:
            failure = failure or error
        if failure is not None:
            with suppress(psycopg.Error, TimeoutError):
                self._connection.execute("ROLLBACK")
            raise failure

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Row]:
        """Execute one statement of the open transaction, together with the next ones: when an answer is looked at."""
        return self._connection.execute(sql.replace("?", "%s"), parameters or None)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement of the open transaction for each of the rows."""
        for row in rows:
            self.execute(sql, row)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert the rows that are not there yet, as one array per column; within a transaction."""
        if rows:
            arrays = ", ".join([f"?::{COLUMN_TYPES.get(column, 'text')}[]" for column in columns])
            self.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) SELECT * FROM unnest({arrays}) ON CONFLICT DO NOTHING",  # noqa: S608
                [*map(_array, zip(*rows, strict=True))],
            )

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query."""
        with self._lock, self._store_errors():
            return self.execute(sql, parameters).fetchall()

    def common(self, queries: Sequence[str]) -> str:
        """Return the query for the sessions that all of these queries give: each is read once, whatever is guessed.

        Joined, they would be found faster where many fit, and hundreds of times more slowly where none does, or where
        the server has no statistics yet.
        """
        if len(queries) == 1:
            return f"SELECT session FROM sessions WHERE session IN ({queries[0]})"  # noqa: S608
        return " INTERSECT ".join(f"({query} ORDER BY session DESC)" for query in queries)

    def tables(self) -> set[str]:
        """Return the names of the tables that there are."""
        return {name for (name,) in self.read("SELECT tablename FROM pg_tables WHERE schemaname = ?", (SCHEMA,))}

    def prepare(self) -> None:
        """Make our schema."""
        with self.transaction():
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")

    def translated(self, statement: str) -> str:
        """Return the statement of a migration in PostgreSQL's words."""
        for pattern, replacement in TRANSLATIONS:
            statement = pattern.sub(replacement, statement)
        return statement

    def is_current(self) -> bool:
        """Return whether the connection is open, as far as is known."""
        return not self._connection.closed

    def close(self) -> None:
        """Close the connection; idempotent."""
        with self._lock:
            self._connection.close()

    @contextmanager
    def _store_errors(self, password: str | None = None) -> Iterator[None]:
        """Turn psycopg's errors into ours."""
        try:
            yield
        except TimeoutError:
            raise StoreBusyError(
                f"{self.location} does not answer.", "Check that the server is there and reachable."
            ) from None
        except psycopg.Error as error:
            said = (error.diag.message_primary or str(error)).partition("\n")[0].strip().rstrip(".")
            if password:
                said = said.replace(password, "***")
            kind = StoreBusyError if error.sqlstate in BUSY_STATES else HistoryError
            raise kind(f"{self.location} can't be used: {said}.", "Check the server and the URL.") from None


def _array(values: Iterable[Any]) -> str:
    """Return values as the text of an array: psycopg takes five times as long."""
    texts = [
        "NULL" if each is None else '"' + str(each).replace("\\", "\\\\").replace('"', '\\"') + '"' for each in values
    ]
    return f"{{{','.join(texts)}}}"


def _connected(url: str, seconds: float) -> _Connection:
    """Connect in a thread of its own: libpq waits at least two seconds, and for a name server even longer.

    Raises:
        TimeoutError: It takes too long.
    """
    promised: Future[_Connection] = Future()

    def connect() -> None:
        connection, failure = None, None
        try:
            connection = _Connection.connect(url, autocommit=True, connect_timeout=2, application_name="ipyproject")
        except Exception as error:  # noqa: BLE001 - raised where it is waited for
            failure = error
        if not promised.set_running_or_notify_cancel():  # too late
            if connection is not None:
                connection.close()
        elif connection is not None:
            promised.set_result(connection)
        else:
            promised.set_exception(failure)

    Thread(target=connect, name="ipyproject-connect", daemon=True).start()
    try:
        return promised.result(seconds)
    except TimeoutError:
        if promised.cancel():
            raise
        return promised.result()


def _checked_password(url: str, location: str) -> str | None:
    """Return the password within a URL.

    Raises:
        HistoryError: The URL can't be read; libpq's own message would quote it.
    """
    with suppress(psycopg.Error):
        if location.partition("//")[2] != "...":
            password = conninfo_to_dict(url).get("password")
            return None if password is None else str(password)
    raise HistoryError(
        f"The URL of the session store, {location}, can't be read.",
        "It reads postgresql://user:password@host:port/database; a special character in the password as %40.",
    )
