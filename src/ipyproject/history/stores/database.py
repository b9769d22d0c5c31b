"""The few things that a store asks of a SQL database, so that SQLite and PostgreSQL can share all the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from contextlib import AbstractContextManager

Row = tuple[Any, ...]


class Result(Protocol):
    """What a statement gave."""

    @property
    def rowcount(self) -> int:
        """The number of rows that were written."""

    def fetchone(self) -> Any:
        """Return the next row, or None."""

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""


class Statements(Protocol):
    """An open transaction, with ``?`` for parameters."""

    def execute(self, sql: str, parameters: Sequence[Any] = ..., /) -> Result:
        """Execute one statement."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> object:
        """Execute one statement for each of the rows."""


class Database(ABC):
    """A connection that threads may share.

    Attributes:
        location: Where it is, for messages; never with a password.
        notices: What the user should be told about how it was opened.
        merges_in_order: An INTERSECT of lists in one order is merged while they are read, up to the LIMIT.
    """

    location: str
    notices: Sequence[str] = ()
    merges_in_order = False

    @abstractmethod
    def transaction(self) -> AbstractContextManager[Statements]:
        """Return a transaction for writing; one within another joins it."""

    @abstractmethod
    def insert(self, table: str, columns: Sequence[str], rows: Sequence[Row]) -> None:
        """Insert the rows that are not there yet; within a transaction."""

    @abstractmethod
    def read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query."""

    @abstractmethod
    def tables(self) -> set[str]:
        """Return the names of the tables that there are."""

    @abstractmethod
    def prepare(self) -> None:
        """Set an empty database up before its first table is made."""

    @abstractmethod
    def translated(self, statement: str) -> str:
        """Return the statement of a migration in the database's own words."""

    @abstractmethod
    def is_current(self) -> bool:
        """Return whether what was connected to is still what `location` names, as far as can be told from here."""

    @abstractmethod
    def close(self) -> None:
        """Close the connection; idempotent."""
