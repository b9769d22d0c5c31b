"""The PostgreSQL store: a schema in a database that a team shares, through psycopg 3."""

# ruff: noqa: D102 - the base class documents the methods
from __future__ import annotations

import os
import re
import socket
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from threading import Lock, RLock, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from ipyproject.errors import HistoryError
from ipyproject.history.stores.database import Database
from ipyproject.history.stores.locations import without_password
from ipyproject.history.stores.store import StoreBusyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from types import ModuleType

    import psycopg

    from ipyproject.history.stores.database import Row

SCHEMA = "ipyproject"  # other tables of the database are none of our business
TURN = 0x6970_7972  # the advisory lock of those who write, one after the other as in SQLite
RECORDING_SECONDS = 0.4  # what a run waits for an answer
READING_SECONDS = 10.0
SENT_AT_ONCE = 8  # statements; their answers are waited for together
MANY = 100  # rows that are worth a COPY, which takes two ways to the server and back
ON_CONNECTING = (
    f"SET search_path TO {SCHEMA}; SET client_encoding TO 'UTF8'; SET statement_timeout TO %d; "
    "SET lock_timeout TO %d; SET idle_in_transaction_session_timeout TO 10000"
)
BUSY_STATES = {"55P03", "57014"}  # a lock, or an answer, was waited for too long

# How the statements of migrations read here. Text compares by bytes, as in SQLite, whatever the database's language.
TRANSLATIONS = (
    (re.compile(r"\bTEXT\b"), 'TEXT COLLATE "C"'),
    (re.compile(r"\bINTEGER\b"), "BIGINT"),
    (re.compile(r"\bREAL\b"), "DOUBLE PRECISION"),
    (re.compile(r"\s*\bWITHOUT ROWID\b"), ""),
)


class PostgresDatabase(Database):
    """A connection to a PostgreSQL server; threads take turns.

    Whoever waits for the server waits for a bounded time, also when it is there and says nothing: the connection is
    then hung up from another thread.

    Args:
        url: ``postgresql://user:password@host:port/database?...``, as libpq understands it.
        recording: A run is waiting, so that the server must answer at once; readers have more patience.

    Raises:
        StoreBusyError: It does not answer in time.
        HistoryError: psycopg is missing, or the server can't be connected to.
    """

    def __init__(self, url: str, *, recording: bool = False) -> None:
        psycopg = _import_psycopg()
        self.location = without_password(url)
        self._seconds = RECORDING_SECONDS if recording else READING_SECONDS
        self._lock = RLock()
        self._within_transaction = False
        self._unsent: list[tuple[str, _Answer]] = []
        password = _checked_password(url, self.location)
        with self._store_errors(password):
            self._connection = self._connect(url)
        self._watch = _Watch(self._connection, self._seconds)
        self._composer = psycopg.ClientCursor(self._connection)
        milliseconds = int(self._seconds * 1000)
        try:
            with self._waiting():
                self._ask(ON_CONNECTING % (milliseconds, milliseconds))
        except BaseException:
            self.close()
            raise

    def _connect(self, url: str) -> psycopg.Connection[Row]:
        """Connect in a thread of its own: libpq waits at least two seconds, and for a name server even longer."""
        import psycopg

        promised: Future[psycopg.Connection[Row]] = Future()

        def connect() -> None:
            connection, failure = None, None
            try:
                connection = psycopg.connect(url, autocommit=True, connect_timeout=2, application_name="ipyproject")
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
            return promised.result(self._seconds)
        except TimeoutError:
            if promised.cancel():
                raise self._too_slow() from None
            return promised.result()

    @contextmanager
    def transaction(self) -> Iterator[PostgresDatabase]:
        with self._lock:
            if self._within_transaction:
                yield self
                return
            with self._waiting():
                self._within_transaction = True
                try:
                    self.execute("BEGIN")
                    self.execute(f"SELECT pg_advisory_xact_lock({TURN})")
                    yield self
                    self.execute("COMMIT")
                    self._send()
                except BaseException:
                    self._roll_back()
                    raise
                finally:
                    self._within_transaction = False

    def _roll_back(self) -> None:
        import psycopg

        self._unsent.clear()
        with suppress(psycopg.Error):
            self._ask("ROLLBACK")

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> _Answer:
        """Execute one statement of the open transaction, together with the next ones: when an answer is looked at.

        The way to the server and back takes longer than most statements. An error in one comes with a later one.
        """
        text = self._composer.mogrify(_placeholders(sql), parameters) if parameters else sql
        answer = _Answer(self._send)
        self._unsent.append((text, answer))
        if len(self._unsent) >= SENT_AT_ONCE:
            self._send()
        return answer

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Execute one statement of the open transaction for each of the rows."""
        for row in rows:
            self.execute(sql, row)

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        if rows and (len(rows) < MANY or not self._copied(table, columns, rows)):
            places = f"({', '.join(['%s'] * len(columns))})"
            values = ", ".join([self._composer.mogrify(places, row) for row in rows])
            self.execute(f"INSERT INTO {table} ({', '.join(columns)}) VALUES {values} ON CONFLICT DO NOTHING")  # noqa: S608

    def _copied(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> bool:
        """Insert new rows in the way that takes a tenth of the time; return False when one is there already."""
        import psycopg

        self.execute("SAVEPOINT copying")
        self._send()
        try:
            sql = f"COPY {table} ({', '.join(columns)}) FROM STDIN"
            with self._watch.statement(), self._connection.cursor() as cursor, cursor.copy(sql) as copy:
                for row in rows:
                    copy.write_row(row)
        except psycopg.errors.UniqueViolation:
            self.execute("ROLLBACK TO SAVEPOINT copying")
            return False
        return True

    def _send(self) -> None:
        """Send the statements that wait, and take in their answers."""
        unsent, self._unsent = self._unsent, []
        if unsent:
            with self._watch.statement():
                results = self._composer.execute("; ".join(text for text, _ in unsent))
            for _, answer in unsent:
                answer.arrived(results.rowcount, results.fetchall() if results.description else [])
                results.nextset()

    def _ask(self, sql: str, parameters: Sequence[Any] = ()) -> psycopg.Cursor[Row]:
        """Send one statement by itself."""
        with self._watch.statement():
            return self._connection.execute(_placeholders(sql), parameters or None)

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with self._lock:
            if self._within_transaction:
                return self.execute(sql, parameters).fetchall()
            with self._waiting():
                return self._ask(sql, parameters).fetchall()

    def tables(self) -> set[str]:
        return {name for (name,) in self.read("SELECT tablename FROM pg_tables WHERE schemaname = ?", (SCHEMA,))}

    def prepare(self) -> None:
        with self.transaction():
            self.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")

    def translated(self, statement: str) -> str:
        for pattern, replacement in TRANSLATIONS:
            statement = pattern.sub(replacement, statement)
        return statement

    def is_current(self) -> bool:
        return not self._connection.closed

    def close(self) -> None:
        with self._lock:
            self._connection.close()

    @contextmanager
    def _waiting(self) -> Iterator[None]:
        """Wait for the answers to statements, but not for ever."""
        try:
            with self._store_errors():
                yield
        except HistoryError:
            if self._watch.has_hung_up:
                raise self._too_slow() from None
            raise

    def _too_slow(self) -> StoreBusyError:
        return StoreBusyError(f"{self.location} does not answer.", "Check that the server is there and reachable.")

    @contextmanager
    def _store_errors(self, password: str | None = None) -> Iterator[None]:
        """Turn psycopg's errors into ours."""
        import psycopg

        try:
            yield
        except psycopg.Error as error:
            said = (error.diag.message_primary or str(error)).partition("\n")[0].strip().rstrip(".")
            if password:
                said = said.replace(password, "***")
            kind = StoreBusyError if error.sqlstate in BUSY_STATES else HistoryError
            raise kind(f"{self.location} can't be used: {said}.", "Check the server and the URL.") from None


class _Answer:
    """What a statement gives; looking at it sends the statement, where that has not been done.

    Args:
        send: Sends it.
    """

    def __init__(self, send: Callable[[], None]) -> None:
        self._send = send
        self._rowcount: int | None = None
        self._rows: list[Row] = []

    def arrived(self, rowcount: int, rows: list[Row]) -> None:
        """Take in what the server answered."""
        self._rowcount, self._rows = rowcount, rows[::-1]

    @property
    def rowcount(self) -> int:
        """The number of rows that were written, or found."""
        if self._rowcount is None:
            self._send()
        return self._rowcount or 0

    def fetchone(self) -> Row | None:
        """Return the next row, or None."""
        return self._rows.pop() if self.rowcount and self._rows else None

    def fetchall(self) -> list[Row]:
        """Return all rows that are left."""
        return [self._rows.pop() for _ in range(len(self._rows))] if self.rowcount else []


class _Watch:
    """Hang up a connection on which an answer does not come in time.

    The thread that looks after it ends when nothing has been asked for a while: starting one takes as long as asking.

    Args:
        connection: What is watched.
        seconds: How long one answer may take, give or take a quarter.
    """

    def __init__(self, connection: psycopg.Connection[Row], seconds: float) -> None:
        self._connection = connection
        self._seconds = seconds
        self._lock = Lock()
        self._asked: float | None = None
        self._last_asked = 0.0
        self._is_watching = False
        self.has_hung_up = False

    @contextmanager
    def statement(self) -> Iterator[None]:
        """Watch the time that one answer takes."""
        with self._lock:
            self._asked = self._last_asked = monotonic()
            if not self._is_watching:
                self._is_watching = True
                Thread(target=self._watch, name="ipyproject-watch", daemon=True).start()
        try:
            yield
        finally:
            with self._lock:  # from here on the connection may be closed, and its number be that of another file
                self._asked = None

    def _watch(self) -> None:
        while self._is_watching:
            sleep(self._seconds / 4)
            with self._lock, suppress(Exception):
                since = monotonic() - self._last_asked
                self._is_watching = since <= self._seconds
                if self._asked is not None and since > self._seconds:
                    self.has_hung_up = True
                    with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
                        line.shutdown(socket.SHUT_RDWR)


def _import_psycopg() -> ModuleType:
    try:
        import psycopg
    except ImportError as error:
        reason = str(error).partition("\n")[0]
        raise HistoryError(
            f"A PostgreSQL store needs psycopg 3, which can't be imported: {reason}.",
            "pip install 'ipyproject[postgres]'",
        ) from None
    return psycopg


def _checked_password(url: str, location: str) -> str | None:
    """Return the password within a URL.

    Raises:
        HistoryError: The URL can't be read; libpq's own message would quote it.
    """
    import psycopg
    from psycopg.conninfo import conninfo_to_dict

    with suppress(psycopg.Error):
        if location.partition("//")[2] != "...":
            password = conninfo_to_dict(url).get("password")
            return None if password is None else str(password)
    raise HistoryError(
        f"The URL of the session store, {location}, can't be read.",
        "It reads postgresql://user:password@host:port/database; a special character in the password as %40.",
    )


def _placeholders(sql: str) -> str:
    return sql.replace("?", "%s")
