"""Which distributions are installed, as `importlib.metadata` tells."""

from __future__ import annotations

import re
import sys
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject.history.facts.background import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_FOLDERS = (".dist-info", "egg-info")
_HEADER = re.compile(r"^(Name|Version):[ \t]*(\S+)", re.MULTILINE)  # parsing all of it takes nine times as long
_SEPARATORS = re.compile(r"[-_.]+")


def installed_packages(path: Iterable[str] | None = None) -> dict[str, str]:
    """Return the installed distributions: name (``import-linter``, in the index's spelling) -> version, sorted.

    Where several of one name are installed, the one that Python would import counts. A folder is only looked at again
    once it has changed.

    Args:
        path: The folders to look in; by default ``sys.path``.
    """
    found: dict[str, str] = {}
    for entry in dict.fromkeys(sys.path if path is None else path):
        with suppress(OSError, ValueError):  # it isn't there, or is no path
            folder = Path(entry).absolute()
            for name, version in _packages_in(folder, folder.stat().st_mtime_ns):
                found.setdefault(name, version)
    return dict(sorted(found.items()))


def start_installed_packages(then: Callable[[dict[str, str]], object]) -> Finding[dict[str, str]]:
    """Look for the installed distributions beside the main path, and call `then` with them in a thread."""
    return Finding(lambda _given_up: installed_packages(), then)


def package_name(name: str) -> str:
    """Return a distribution's name in the index's spelling: lower case, with single hyphens."""
    return _SEPARATORS.sub("-", name).lower()


@lru_cache(maxsize=64)
def _packages_in(folder: Path, changed: int) -> tuple[tuple[str, str], ...]:  # noqa: ARG001 - part of the cache's key
    from importlib.metadata import Distribution, distributions

    try:  # of a folder that begins with a tilde pip was taking away the rest
        folders = [each for each in folder.iterdir() if each.name.lower().endswith(_FOLDERS) and each.name[0] != "~"]
    except OSError:  # an archive, or a folder that may not be read
        installed = [*distributions(path=[str(folder)])]
    else:
        installed = [Distribution.at(each) for each in folders]
    found = []
    for each in installed:
        with suppress(Exception):  # broken metadata of somebody else's is no reason not to know the others
            text = each.read_text("METADATA") or each.read_text("PKG-INFO") or each.read_text("") or ""
            headers = dict(_HEADER.findall(text.partition("\n\n")[0]))
            found.append((package_name(headers["Name"]), headers["Version"]))
    return tuple(found)
