"""From the name of a store to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipyproject.errors import HistoryError
from ipyproject.history.stores.locations import sqlite_path

if TYPE_CHECKING:
    from pathlib import Path

    from ipyproject.history.stores.sql import SqlStore


def open_store(
    location: str | Path, *, root: Path | None = None, create: bool = True, recording: bool = False
) -> SqlStore:
    """Open the store at `location`.

    Args:
        location: A path, ``sqlite:///path`` or ``postgresql://...``.
        root: What relative paths start from; the working directory by default.
        create: Make a store where there is none. Otherwise nothing is made, and what is returned stays empty.
        recording: A session is waiting to be recorded: a corrupt file is moved aside and a new one started, and a
            server must answer at once.

    Raises:
        HistoryError: The kind is not known, or the store can't be opened.
    """
    path = sqlite_path(location, root=root)
    if path is not None:
        if root is not None and not root.is_dir():
            raise HistoryError(f"The project's folder {root} is gone.", "Open the project where it is now.")
        from ipyproject.history.stores.sqlite import open_file

        return open_file(path, create=create, mend=recording)
    from ipyproject.history.stores.postgres import PostgresDatabase
    from ipyproject.history.stores.sql import SqlStore
    from ipyproject.history.stores.sqlite import empty_store

    database = PostgresDatabase(str(location), recording=recording)
    if create or database.tables():
        return SqlStore(database)
    database.close()
    return empty_store(database.location)
