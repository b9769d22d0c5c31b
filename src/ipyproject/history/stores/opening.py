"""From the name of a store to the store."""

from __future__ import annotations

from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject.errors import HistoryError
from ipyproject.history.recording.spool import Spool, temporary_folder
from ipyproject.history.stores.folders import PRIVATE_FOLDER
from ipyproject.history.stores.locations import sqlite_path, without_any_password

if TYPE_CHECKING:
    from ipyproject.history.stores.sql import SqlStore
    from ipyproject.history.stores.store import Store


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


def open_for_reading(location: str | Path, *, root: Path | None = None) -> Store:
    """Open the store at `location` without making one, and take in what waits for it where that is possible.

    Args:
        location: See `open_store`.
        root: See `open_store`.

    Raises:
        HistoryError: See `open_store`.
    """
    spool = spool_of(location, root=root)
    waiting = spool.is_waiting()
    store = open_store(location, root=root, create=waiting)
    if waiting:
        with suppress(HistoryError):  # who may only read does not see what could not be recorded
            spool.take_in(store)
    return store


def spool_of(location: str | Path, *, root: Path | None = None) -> Spool:
    """Return where the events of a store wait while it can't be written: beside it, else in the temporary folder.

    What was to go to a store whose name makes no sense waits for whatever store the project has next.

    Args:
        location: See `open_store`.
        root: The project's; a store of no project takes in only what was meant for it.
    """
    of_project, root = root is not None, root or Path.cwd()
    anybodys = [root / PRIVATE_FOLDER / "spool", temporary_folder(str(root))]
    try:
        path = sqlite_path(location, root=root)
    except HistoryError:
        return Spool(anybodys)
    name = str(path) if path is not None else without_any_password(location)
    if name is None:
        return Spool(anybodys)
    if path is not None:
        beside = path.parent / f"{path.name}-spool"
    else:
        beside = root / PRIVATE_FOLDER / f"spool-{sha256(name.encode()).hexdigest()[:8]}"
    return Spool([beside, temporary_folder(name)], shared=anybodys if of_project else ())
