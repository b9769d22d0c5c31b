"""The SQLite store: one file, written ahead (WAL), shared by threads and processes."""

# ruff: noqa: D102 - the protocol documents the methods
from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from threading import RLock
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any

from ipyproject.errors import HistoryError
from ipyproject.history.stores.failures import StoreBusyError, StoreLostError
from ipyproject.history.stores.folders import PRIVATE_FOLDER, make_folder
from ipyproject.history.stores.migrations import check_version, version_of
from ipyproject.history.stores.store import Store
from ipyproject.history.values import storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from ipyproject.history.stores.database import Row

BUSY_SECONDS = 0.5
# Each parameter has its place in the indexes: a session with 600 changes a thousand pages. With room for those of a few
# sessions that takes half the time that SQLite's own limits make of it.
CACHE_KILOBYTES = 16_000
LOG_PAGES = 2000  # 8 MB
INSERTED_AT_ONCE = 100  # rows with one statement: that halves the time
APPLICATION = 0x6970_7972  # what says in a file's header that it is ours
APPLICATION_AT = 68  # its place there

# SQLite's primary result codes.
BUSY, LOCKED, READONLY, IO_ERROR, CORRUPT, FULL, CANT_OPEN, NOT_A_DATABASE = 5, 6, 8, 10, 11, 13, 14, 26
REASONS = {
    READONLY: ("can't be written", "Check the permissions of the file and its folder."),
    IO_ERROR: ("can't be read or written", "Check the disk."),
    FULL: ("has no room: the disk is full", "Free some space."),
    CANT_OPEN: ("can't be opened", "Check the path and its permissions."),
}


def open_file(path: Path, *, mend: bool = False) -> Store:
    """Open the store in a SQLite file for writing; it and its folder are made where they are missing.

    Args:
        path: The file.
        mend: Move a file of ours that turns out to be corrupt aside (``history.db.corrupt-<time>``) and start a new
            one. A file of others is never touched.

    Raises:
        StoreBusyError: Other processes keep it locked.
        HistoryError: It can't be opened, is corrupt (without `mend`) or none of ours, or a newer version wrote it.
    """
    try:
        return _opened(path, mend=mend)
    except StoreLostError as lost:
        if not mend:
            raise
        store = _opened(path, mend=True)
        store.notices = [lost.message]
        return store


def _opened(path: Path, *, mend: bool) -> Store:
    if not _is_in_our_place(path) and _size(path):  # what is not ours is not even opened for writing
        with closing(SqliteDatabase(path, mend=mend, reading=True)) as database:
            check_version(database, version_of(database))
    return Store(SqliteDatabase(path, mend=mend))


def read_file(path: Path) -> Store:
    """Open the store in a SQLite file for reading: nothing is made or changed, in it or beside it.

    Raises:
        HistoryError: It can't be opened, is corrupt or none of ours.
    """
    if not os.path.lexists(path) or (path.is_file() and not _size(path)):
        return empty_store(storable(str(path)))
    store = Store(SqliteDatabase(path, reading=True), reading=True)
    if store.is_empty:
        store.close()
        return empty_store(store.location)
    return store


def empty_store(location: str) -> Store:
    """Return a store that keeps nothing, for those who ask where none has been made."""
    database = SqliteDatabase(None)
    database.location = location
    return Store(database)


class SqliteDatabase:
    """A connection to a SQLite file; threads take turns.

    Who reads leaves no trace: a file without a log is read as one that does not change, because SQLite makes a log
    and locks even for that; if it did change, it is opened and asked again.

    Args:
        path: The file; None for a database in memory.
        mend: See `open_file`.
        reading: Nothing is made or changed.
    """

    def __init__(self, path: Path | None, *, mend: bool = False, reading: bool = False) -> None:
        self.location = ":memory:" if path is None else storable(str(path))
        self._path = path
        self._mend = mend
        self._lock = RLock()
        self._has_log = False  # beside a file that is read
        self._unchanged: object = None  # how one without was when it was opened
        with self._store_errors():
            if reading and path is not None:
                self._open_for_reading(path)
            else:
                self._open_for_writing(path)

    def _open_for_writing(self, path: Path | None) -> None:
        if path is not None:
            make_folder(path.parent)
            with suppress(FileExistsError):  # SQLite's own would be readable for others
                os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        self._connect(path or ":memory:")

    def _open_for_reading(self, path: Path) -> None:
        state = _state(path)
        self._has_log = any(map(_size, _companions(path)))
        self._unchanged = None if self._has_log else state
        self._connect(f"{path.absolute().as_uri()}?{'mode=ro' if self._has_log else 'immutable=1'}", uri=True)

    def _connect(self, name: Path | str, *, uri: bool = False) -> None:
        before = _identity(self._path)
        if self._path and before and not self._path.is_file():  # of a FIFO one would wait for ever
            raise HistoryError(f"{self.location} can't be opened: it is no file.", "Give the history another name.")
        self._connection = sqlite3.connect(
            name, uri=uri, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            self._identity = _identity(self._path)
            if before not in {None, self._identity}:
                raise StoreLostError(f"{self.location} was replaced while it was opened.")
            self._connection.text_factory = partial(str, encoding="utf-8", errors="backslashreplace")
            for setting in (f"cache_size=-{CACHE_KILOBYTES}", "synchronous=NORMAL", f"wal_autocheckpoint={LOG_PAGES}"):
                self._connection.execute(f"PRAGMA {setting}")
            [[application]] = self._connection.execute("PRAGMA application_id")
            if application not in {0, APPLICATION}:
                raise HistoryError(
                    f"{self.location} is a database of another program: it was left as it is.",
                    "Give the history a file of its own.",
                )
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
            while True:
                try:
                    rows = self._connection.execute(sql, parameters).fetchall()
                except sqlite3.Error:
                    if not self._is_opened_again():
                        raise
                else:
                    if not self._is_opened_again():
                        return rows

    def _is_opened_again(self) -> bool:
        """Open a file again that was read as one that does not change, and did; return whether that was so."""
        if self._path is None or self._unchanged in {None, _state(self._path)}:
            return False
        self._connection.close()
        self._open_for_reading(self._path)
        return True

    def common(self, queries: Sequence[str]) -> str:
        """Return the query for the sessions that all of these queries give: lists in one order are merged."""
        return " INTERSECT ".join(queries)

    def tables(self) -> set[str]:
        return {name for (name,) in self.read("SELECT name FROM sqlite_master WHERE type = 'table'")}

    def prepare(self) -> None:
        """Set the file up."""
        deadline = monotonic() + BUSY_SECONDS
        with self._lock, self._store_errors():
            while True:
                try:  # where several processes start a new file at once, SQLite refuses this step without waiting
                    self._connection.execute("PRAGMA journal_mode=WAL")
                    if self._connection.execute("PRAGMA application_id").fetchone() != (APPLICATION,):
                        self._connection.execute(f"PRAGMA application_id={APPLICATION}")
                except sqlite3.OperationalError as error:
                    if _code(error) not in {BUSY, LOCKED} or monotonic() > deadline:
                        raise
                    sleep(0.005)
                else:
                    return

    def translated(self, statement: str) -> str:
        return statement

    def close(self) -> None:
        """Close the connection; idempotent."""
        with (
            self._lock,
            suppress(sqlite3.Error),
        ):  # closing tidies the log up, which the next one to open the file can do as well
            self._connection.close()

    @contextmanager
    def _store_errors(self) -> Iterator[None]:
        """Turn SQLite's errors into ours."""
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
            return self._corrupt(code)
        what, hint = REASONS.get(code, ("can't be used", None))
        if self._has_log and code in {READONLY, CANT_OPEN}:
            what = "has a log, which only who may write beside it can read"
            hint = "Copy the file and its -wal to a folder of yours, and name that copy."
        return HistoryError(f"{self.location} {what} ({error}).", hint)

    def _corrupt(self, code: int) -> HistoryError:
        if self._mend:
            self.close()
            if self._is_ours():
                aside = _move_aside(self._path) if self._path and self.is_current() else None
                where = f"it was moved to {aside.name}" if aside else "another process moved it aside"
                return StoreLostError(f"{self.location} is corrupt: {where}, and a new one was started.")
        what = "is corrupt" if code == CORRUPT else "is corrupt, or no database of ours"
        return HistoryError(
            f"{self.location} {what}: it was left as it is.",
            "The next session that opens moves it aside if it is ours; else give the history another name.",
        )

    def _is_ours(self) -> bool:
        """Return whether a file that SQLite can't read is ours, by its place or by what its header says."""
        if self._path is None or _is_in_our_place(self._path):
            return True
        with suppress(OSError), self._path.open("rb") as file:  # closing it lets go of our locks, of no use any more
            header = file.read(APPLICATION_AT + 4)
            return header.startswith(b"SQLite format 3\0") and header.endswith(APPLICATION.to_bytes(4, "big"))
        return False


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


def _is_in_our_place(path: Path) -> bool:
    return (path.parent.name, path.name) == (PRIVATE_FOLDER, "history.db")


def _size(path: Path | str) -> int:
    """Return the size of a file; 0 where there is none."""
    with suppress(OSError):
        return os.stat(path).st_size  # noqa: PTH116 - as above
    return 0


def _companions(path: Path) -> list[str]:
    """Return the files in which SQLite keeps what is not yet in the file itself, or not any more."""
    return [f"{path}-wal", f"{path}-journal"]


def _state(path: Path) -> object:
    """Return what changes when a file is written that others read."""
    status = os.stat(path)  # noqa: PTH116 - as above
    return status.st_ino, status.st_mtime_ns, status.st_size, *map(_size, _companions(path))


def _move_aside(path: Path) -> Path:
    """Move a corrupt file out of the way, its companions first: once it is gone, others may start new ones."""
    aside = path.with_name(f"{path.name}.corrupt-{datetime.now(UTC):%Y-%m-%dT%H.%M.%S.%f}Z")
    for suffix in ("-wal", "-shm", ""):
        with suppress(FileNotFoundError):
            path.with_name(path.name + suffix).rename(aside.with_name(aside.name + suffix))
    return aside
