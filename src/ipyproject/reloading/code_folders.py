"""Which folders and modules hold a project's code, told by names alone: nothing is read but lists of folders."""

from __future__ import annotations

import os
import sys
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ipyproject.project import Project

    Listed = Callable[[str], Iterable[os.DirEntry[str]] | None]

SOURCE_SUFFIX = ".py"
CODE_SUFFIXES = (SOURCE_SUFFIX, ".so", ".pyd")
_NEVER_CODE = frozenset({"__pycache__", "node_modules"})
_SELDOM_CODE = frozenset(
    {"benchmarks", "build", "conf", "data", "dist", "doc", "docs", "examples", "notebooks", "test", "tests"}
)
_ENVIRONMENT_MARKS = frozenset({"pyvenv.cfg", "conda-meta"})
_PACKAGE_MARK = "__init__.py"
_PEEKED_ENTRIES, _FOLDER_COST = 1000, 20


def source_tops(project: Project, listed: Listed) -> Iterator[str]:
    """Yield the folders and modules that hold a project's code.

    Args:
        project: The project.
        listed: Returns what lies in a folder; None where that can't be told.
    """
    if project.source_dir is None:
        yield from _installed_tops(project, listed)
    elif not project.root.resolve().is_relative_to(project.source_dir.resolve()):
        yield str(project.source_dir)
    else:
        package = project.package_name.partition(".")[0]
        for entry in listed(str(project.source_dir)) or ():
            if entry.name.endswith(CODE_SUFFIXES) or entry.name == package or _is_package(entry):
                yield entry.path


def is_source_folder(name: str) -> bool:
    """Tell by its name whether a folder in a source folder may hold code."""
    return not name.startswith(".") and name not in _NEVER_CODE and not name.endswith(".egg-info")


def is_environment(entries: Iterable[os.DirEntry[str]]) -> bool:
    """Tell by what lies in it whether a folder is an environment with libraries."""
    names = {entry.name for entry in entries}
    return not names.isdisjoint(_ENVIRONMENT_MARKS) and _PACKAGE_MARK not in names


def _installed_tops(project: Project, listed: Listed) -> Iterator[str]:
    name = project.package_name.rpartition(".")[2]
    if project.package_dir.name == name:
        yield str(project.package_dir)
        return
    for entry in listed(str(project.package_dir)) or ():  # the folder of an installed single module
        if entry.name.endswith(CODE_SUFFIXES) and entry.name.partition(".")[0] == name:
            yield entry.path


def _is_package(entry: os.DirEntry[str]) -> bool:
    """Whether a folder beside ``pyproject.toml`` holds code. A folder of data is not listed, or only its beginning."""
    try:
        if not entry.is_dir() or not is_source_folder(entry.name):
            return False
    except OSError:
        return False
    if os.path.isfile(f"{entry.path}{os.sep}{_PACKAGE_MARK}") or _is_imported(entry):  # noqa: PTH113 - text all along
        return True
    return entry.name.isidentifier() and entry.name not in _SELDOM_CODE and _holds_modules(entry.path)


def _is_imported(entry: os.DirEntry[str]) -> bool:
    """Whether a folder without ``__init__.py`` is a package that was imported: a namespace package."""
    try:
        return entry.path in list(sys.modules[entry.name].__path__)
    except Exception:  # noqa: BLE001  (anything may lie in sys.modules)
        return False


def _holds_modules(top: str) -> bool:
    """Whether there are modules among the first entries of a folder and of those below it."""
    pending, left = [top], _PEEKED_ENTRIES
    while pending and left > 0:
        try:
            with os.scandir(pending.pop(0)) as entries:
                listed = list(islice(entries, left))
            left -= len(listed) + _FOLDER_COST
            if is_environment(listed):
                continue
            if any(entry.name.endswith(CODE_SUFFIXES) for entry in listed):
                return True
            pending += [entry.path for entry in listed if entry.name.isidentifier() and entry.is_dir()]
        except OSError:
            left -= _FOLDER_COST
    return False
