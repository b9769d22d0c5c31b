"""From the name of a store to the store."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject.errors import HistoryError
from ipyproject.history.spool import Spool, temporary_folder

if TYPE_CHECKING:
    from ipyproject.history.store import Store

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?=//)(.*)", re.DOTALL)
SQLITE = "sqlite"
POSTGRES = ("postgresql", "postgres")
KINDS = "Known: a path, sqlite:///relative/path, sqlite:////absolute/path, postgresql://..."


def open_store(location: str | Path, *, root: Path | None = None, mend: bool = False) -> Store:
    """Open the store at `location`; a SQLite file is made where there is none.

    Args:
        location: A path, ``sqlite:///path`` or ``postgresql://...``.
        root: What relative paths start from; the working directory by default.
        mend: Move a corrupt file aside and start a new one (see `SqliteStore`).

    Raises:
        HistoryError: The kind is not known, or the store can't be opened.
    """
    path = sqlite_path(location, root=root)
    if path is None:
        raise HistoryError(
            "A PostgreSQL store needs ipyproject[postgres], which is not there yet.", "Use a SQLite file."
        )
    from ipyproject.history.sqlite import SqliteStore

    return SqliteStore(path, mend=mend)


def sqlite_path(location: str | Path, *, root: Path | None = None) -> Path | None:
    """Return the file of a SQLite store; None for a store that is no file.

    Raises:
        HistoryError: The location is of no known kind.
    """
    url = URL.fullmatch(location) if isinstance(location, str) else None
    kind = url[1].lower() if url else None
    if url is None:
        path = Path(location)
    elif kind in POSTGRES:
        return None
    elif kind != SQLITE:
        raise HistoryError(f"There is no kind of session store called {url[1]!r}.", KINDS)
    elif not url[2].startswith("///") or url[2] == "///":
        raise HistoryError(f"{location!r} names no file: after sqlite: come three slashes and a path.", KINDS)
    else:
        path = Path(url[2][3:])
    return (root or Path.cwd()) / path.expanduser()


def spool_of(location: str | Path, *, root: Path | None = None) -> Spool:
    """Return where the events of a store wait while it can't be written: beside it, else in the temporary folder."""
    path = sqlite_path(location, root=root)
    beside = path.parent if path else (root or Path.cwd()) / ".ipyproject"
    return Spool([beside / "spool", temporary_folder(str(path or location))])
