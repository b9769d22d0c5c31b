"""From the name of a store to the store."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipyproject.errors import HistoryError
from ipyproject.history.stores.locations import sqlite_path

if TYPE_CHECKING:
    from pathlib import Path

    from ipyproject.history.stores.store import Store


def open_store(
    location: str | Path,
    *,
    root: Path | None = None,
    reading: bool = False,
    recording: bool = False,
    create: bool = True,
) -> Store:
    """Open the store at `location`.

    Args:
        location: A path, ``sqlite:///path`` or ``postgresql://...``.
        root: What relative paths start from; the working directory by default.
        reading: Nothing is made, moved or changed. Where there is no store, what is returned stays empty; one of an
            older version is read as it is, and one of a newer version as far as it can be.
        recording: A session is waiting to be recorded: a corrupt file of ours is moved aside and a new one started,
            and a server must answer at once.
        create: Make a store where there is none; otherwise what is returned stays empty.

    Raises:
        HistoryError: The kind is not known, the store can't be opened, or what is there is no store of ours.
    """
    path = sqlite_path(location, root=root)
    if path is not None:
        if root is not None and not root.is_dir():
            raise HistoryError(f"The project's folder {root} is gone.", "Open the project where it is now.")
        from ipyproject.history.stores.sqlite import open_file, read_file

        there_is_none = not create and not path.exists()
        return read_file(path) if reading or there_is_none else open_file(path, mend=recording)
    try:
        from ipyproject.history.stores.postgres import open_server
    except ImportError as error:
        reason = str(error).partition("\n")[0]
        raise HistoryError(
            f"A PostgreSQL store needs psycopg 3, which can't be imported: {reason}.",
            "pip install 'ipyproject[postgres]'",
        ) from None
    return open_server(str(location), reading=reading, recording=recording, create=create)
