"""The names of stores, and how they are shown."""

from __future__ import annotations

import re
from pathlib import Path

from ipyproject.errors import HistoryError
from ipyproject.masking import is_secret_name

URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):(?=//)(.*)", re.DOTALL)
SQLITE = "sqlite"
POSTGRES = ("postgresql", "postgres")
KINDS = "a path, sqlite:///relative/path, sqlite:////absolute/path, postgresql://user@host/database"
MEND = "Mend SESSION_STORE in settings.py, session_store in pyproject.toml, or IPYPROJECT_SESSION_STORE."


def sqlite_path(location: str | Path, *, root: Path | None = None) -> Path | None:
    """Return the file of a SQLite store; None for a store that is no file.

    Raises:
        HistoryError: The location is of no known kind, or no path.
    """
    url = URL.fullmatch(location) if isinstance(location, str) else None
    kind = url[1].lower() if url else None
    if url is None:
        path = Path(location)
    elif kind in POSTGRES:
        return None
    elif kind != SQLITE:
        raise HistoryError(f"There is no kind of session store called {url[1]!r}; known are {KINDS}.", MEND)
    elif not url[2].startswith("///") or url[2] == "///":
        raise HistoryError(f"{location!r} names no file: after sqlite: come three slashes and a path.", MEND)
    else:
        path = Path(url[2][3:])
    try:
        if "\0" in str(path):
            raise ValueError("a path has no NUL")
        return (root or Path.cwd()) / path.expanduser()
    except (RuntimeError, ValueError) as error:  # such as ~nobody
        raise HistoryError(f"The session store {str(location)!r} is no path: {error}.", MEND) from None


def without_password(location: str | Path) -> str:
    """Return a location as it may be shown: of an URL the kind, the user, the host and the database.

    An URL whose password is not quoted as it should be, so that nobody can tell where it ends, is cut short.
    """
    text = str(location)
    url = URL.fullmatch(text)
    if url is None or url[1].lower() == SQLITE:
        return text
    kind = url[1].lower()
    authority, path = re.match(r"//([^/?#]*)([^?#]*)", url[2]).groups()  # type: ignore[union-attr] # it fits anything
    if "@" in url[2].removeprefix(f"//{authority}"):
        return f"{kind}://..."
    user, at, host = authority.rpartition("@")
    return f"{kind}://{user.partition(':')[0]}{at}{host}{path}"


def without_any_password(location: str | Path) -> str | None:
    """Return all of a location that tells its store from others: of an URL also the query, but for its passwords.

    None for an URL that is cut short when it is shown.
    """
    shown = without_password(location)
    url = URL.fullmatch(str(location))
    if url is None or url[1].lower() == SQLITE:
        return shown
    if shown.endswith("//..."):
        return None
    from urllib.parse import unquote

    query = url[2].partition("?")[2]  # not put together anew: servers' libraries read it in ways of their own
    pieces = [each for each in query.split("&") if each and not _is_secret(unquote(each.partition("=")[0]))]
    return f"{shown}?{'&'.join(sorted(pieces))}" if pieces else shown


def _is_secret(name: str) -> bool:
    return is_secret_name(name) or name.endswith("password")
