"""The SQLite store: one file, written ahead (WAL), shared by threads and processes."""

# ruff: noqa: D102 - the base class documents the methods
from __future__ import annotations

import os
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from threading import RLock
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from ipyproject.errors import HistoryError
from ipyproject.history.stores.database import Database
from ipyproject.history.stores.folders import make_folder
from ipyproject.history.stores.sql import SqlStore
from ipyproject.history.stores.store import StoreBusyError, StoreLostError

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ipyproject.history.stores.database import Row

BUSY_SECONDS = 0.5
MEMORY = ":memory:"
# Each parameter has its place in the indexes: a session with 600 changes a thousand pages. With room for those of a few
# sessions that takes half the time that SQLite's own limits make of it.
CACHE_KILOBYTES = 16_000
LOG_PAGES = 2000  # 8 MB
INSERTED_AT_ONCE = 100  # rows with one statement: that halves the time

# SQLite's primary result codes.
BUSY, LOCKED, READONLY, IO_ERROR, CORRUPT, FULL, CANT_OPEN, NOT_A_DATABASE = 5, 6, 8, 10, 11, 13, 14, 26
REASONS = {
    READONLY: ("can't be written", "Check the permissions of the file and its folder."),
    IO_ERROR: ("can't be read or written", "Check the disk."),
    FULL: ("has no room: the disk is full", "Free some space."),
    CANT_OPEN: ("can't be opened", "Check the path and its permissions."),
}


def open_file(path: Path, *, create: bool = True, mend: bool = False) -> SqlStore:
    """Open the store in a SQLite file.

    Args:
        path: The file.
        create: Make it and its folder where they are missing; otherwise what is returned then stays empty.
        mend: Move a file that turns out to be corrupt aside (``history.db.corrupt-<time>``) and start a new one: for
            those who write. Readers leave it where it is.

    Raises:
        StoreBusyError: Other processes keep it locked.
        HistoryError: It can't be opened, is corrupt (without `mend`), or was written by a newer version.
    """
    if not create and not path.exists():
        return empty_store(str(path))
    try:
        return SqlStore(SqliteDatabase(path, mend=mend))
    except StoreLostError as lost:
        if not mend:
            raise
        store = SqlStore(SqliteDatabase(path, mend=True))
        store.notices = [lost.message]
        return store


def empty_store(location: str) -> SqlStore:
    """Return a store that keeps nothing, for those who ask where none has been made."""
    database = SqliteDatabase(None)
    database.location = location
    return SqlStore(database)


class SqliteDatabase(Database):
    """A connection to a SQLite file; threads take turns.

    Args:
        path: The file; None for a database in memory.
        mend: See `open_file`.
    """

    merges_in_order = True

    def __init__(self, path: Path | None, *, mend: bool = False) -> None:
        import sqlite3

        self.location = str(path or MEMORY)
        self._path = path
        self._mend = mend
        self._lock = RLock()
        self._identity: tuple[int, int] | None = None
        with self._store_errors():
            if path is not None:
                make_folder(path.parent)
            before = _identity(path)
            self._connection = sqlite3.connect(
                path or MEMORY, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            try:
                self._identity = _identity(path)
                if before not in {None, self._identity}:
                    raise StoreLostError(f"{self.location} was replaced while it was opened.")
                self._connection.execute("PRAGMA synchronous=NORMAL")
                self._connection.execute(f"PRAGMA cache_size=-{CACHE_KILOBYTES}")
                self._connection.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
            except BaseException:
                self._connection.close()
                raise

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        with self._lock:
            if self._connection.in_transaction:
                yield self._connection
                return
            with self._store_errors():
                if not self.is_current():
                    raise StoreLostError(f"{self.location} was deleted or replaced while it was in use.")
                try:
                    self._connection.execute("BEGIN IMMEDIATE")
                    yield self._connection
                    self._connection.execute("COMMIT")
                except BaseException:
                    self._roll_back()
                    raise

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        places = f"({', '.join('?' * len(columns))})"
        for first in range(0, len(rows), INSERTED_AT_ONCE):
            some = rows[first : first + INSERTED_AT_ONCE]
            self._connection.execute(
                f"INSERT INTO {table} ({', '.join(columns)}) VALUES {', '.join([places] * len(some))} "  # noqa: S608
                "ON CONFLICT DO NOTHING",
                [value for row in some for value in row],
            )

    def is_current(self) -> bool:
        return _identity(self._path) == self._identity

    def _roll_back(self) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        with self._lock, self._store_errors():
            return self._connection.execute(sql, parameters).fetchall()

    def tables(self) -> set[str]:
        return {name for (name,) in self.read("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def prepare(self) -> None:
        import sqlite3

        deadline = monotonic() + BUSY_SECONDS
        with self._lock, self._store_errors():
            while True:
                try:  # where several processes start a new file at once, SQLite refuses this step without waiting
                    self._connection.execute("PRAGMA journal_mode=WAL")
                except sqlite3.OperationalError as error:
                    if _code(error) not in {BUSY, LOCKED} or monotonic() > deadline:
                        raise
                    sleep(0.005)
                else:
                    return

    def translated(self, statement: str) -> str:
        return statement

    def close(self) -> None:
        import sqlite3

        with (
            self._lock,
            suppress(sqlite3.Error),
        ):  # closing tidies the log up, which the next one to open the file can do as well
            self._connection.close()

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
        import sqlite3

        try:
            yield
        except sqlite3.Error as error:
            raise self._explanation(error) from error
        except OSError as error:
            raise HistoryError(
                f"{self.location} can't be used: {error}.", "Check the path and its permissions."
            ) from error

    def _explanation(self, error: sqlite3.Error) -> HistoryError:
        code = _code(error)
        if code in {BUSY, LOCKED}:
            return StoreBusyError(
                f"{self.location} is locked by another process.", "Try again when that process has finished."
            )
        if code in {CORRUPT, NOT_A_DATABASE}:
            return self._corrupt()
        what, hint = REASONS.get(code, ("can't be used", None))
        return HistoryError(f"{self.location} {what} ({error}).", hint)

    def _corrupt(self) -> HistoryError:
        if not self._mend:
            return HistoryError(
                f"{self.location} is corrupt.", "The next session that opens moves it aside and starts a new one."
            )
        self.close()
        aside = _move_aside(self._path) if self._path and self.is_current() else None
        where = f"it was moved to {aside.name}" if aside else "another process moved it aside"
        return StoreLostError(f"{self.location} is corrupt: {where}, and a new one was started.")


def _code(error: sqlite3.Error) -> int:
    return int(getattr(error, "sqlite_errorcode", 0)) & 0xFF


def _identity(path: Path | None) -> tuple[int, int] | None:
    if path is None:
        return None
    try:
        status = os.stat(path)  # noqa: PTH116 - this stands before each transaction, and is three times as fast
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _move_aside(path: Path) -> Path:
    """Move a corrupt file out of the way, its companions first: once it is gone, others may start new ones."""
    aside = path.with_name(f"{path.name}.corrupt-{datetime.now(UTC):%Y-%m-%dT%H.%M.%S.%f}Z")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside
