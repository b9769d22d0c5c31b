"""The few things that a store asks of a SQL database, so that SQLite and PostgreSQL can share all the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

Row = tuple[Any, ...]


class Result(Protocol):
    """What a query gave."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""


class Statements(Protocol):
    """An open transaction, with ``?`` for parameters."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Result:
        """Execute one statement; an error in it may come with a later one."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Execute one statement for each of the rows."""


class Database(Protocol):
    """A connection that threads may share; each method raises `HistoryError` when the database can't be used.

    Attributes:
        location: Where it is, for messages; never with a password.
    """

    location: str

    def transaction(self) -> AbstractContextManager[Statements]:
        """Return a transaction for writing; one within another joins it."""

    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert the rows that are not there yet; within a transaction."""

    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query."""

    def common(self, queries: Sequence[str]) -> str:
        """Return the query for the sessions that all of these queries for sessions give."""

    def tables(self) -> set[str]:
        """Return the names of the tables that there are."""

    def prepare(self) -> None:
        """Set a database up before its tables are made or changed."""

    def translated(self, statement: str) -> str:
        """Return the statement of a migration in the database's own words."""

    def is_current(self) -> bool:
        """Return whether what was connected to is still what `location` names, as far as can be told from here."""

    def close(self) -> None:
        """Close the connection; idempotent."""
