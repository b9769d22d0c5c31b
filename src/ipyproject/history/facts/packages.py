"""Which distributions are installed, read from the names of their folders."""

from __future__ import annotations

import os
import re
import sys
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject.history.facts.background import Finding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

# A folder that was named by the rules tells name and version exactly; others are read.
_EXACT = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._]*[A-Za-z0-9])?)-([0-9][A-Za-z0-9.+!]*)\.dist-info")
_SEPARATORS = re.compile(r"[-_.]+")
_TO_READ = (".dist-info", ".egg-info")


def installed_packages(path: Iterable[str] | None = None) -> dict[str, str]:
    """Return the installed distributions: name (``import-linter``, in the index's spelling) -> version, sorted.

    Where several of one name are installed, the one that Python would import counts. A folder is only looked at again
    once it has changed.

    Args:
        path: The folders to look in; by default ``sys.path``.
    """
    found: dict[str, str] = {}
    for entry in dict.fromkeys(sys.path if path is None else path):
        try:
            folder = Path(entry).absolute()
            changed = folder.stat().st_mtime_ns
        except (OSError, ValueError):
            continue
        for name, version in _packages_in(folder, changed):
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
    return tuple(_found_in(folder))


def _found_in(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield name and version of what is installed in a folder; the first one of a name counts."""
    try:
        names = [each.name for each in os.scandir(folder)]
    except OSError:  # an archive, or a folder that may not be read
        names = []
    if not names or folder.suffix == ".egg":
        yield from _read(folder, inside=True)
    for name in names:
        if exact := _EXACT.fullmatch(name):
            if (folder / name / "METADATA").is_file():  # else it is the rest of a broken uninstall
                yield package_name(exact[1]), exact[2]
        elif name.endswith(_TO_READ) and not name.startswith("~"):  # which pip puts before what it takes away
            yield from _read(folder / name, inside=False)


def _read(path: Path, *, inside: bool) -> Iterator[tuple[str, str]]:
    """Yield name and version of a distribution, or of those inside an archive, as the slow standard library tells."""
    from importlib.metadata import Distribution, distributions

    try:
        for each in distributions(path=[str(path)]) if inside else [Distribution.at(path)]:
            name, version = each.metadata["Name"], each.metadata["Version"]
            if name and version:
                yield package_name(name), version
    except Exception:  # noqa: BLE001 - broken metadata of somebody else's is no reason not to open a session
        return
