"""What code reads while it is executed, other than modules: it depends on that as on its own source.

A registry may read a parameters file to decide which pipelines there are. The interpreter's audit events ``open``,
``os.listdir`` and ``os.scandir`` (see the table of audit events in Python's documentation) tell of every such file,
whoever opens it; files that a compiled library opens by itself stay unseen.
"""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipyproject import current

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipyproject.project import Project

_OPEN = "open"
_EVENTS = frozenset({_OPEN, "os.listdir", "os.scandir"})
_IMPORTING = "<frozen importlib"
_MODULES = (".py", ".pyc", ".so", ".pyd")
_NOT_CODES = frozenset({".git", ".ipyproject", "__pycache__", "site-packages", "node_modules"})
_WRITING = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND

_noting: list[Reads] = []  # an audit hook can't be taken out again, so there is one for all
_installed: list[bool] = []


class Reads:
    """Paths that were read in :meth:`noted` blocks.

    Attributes:
        paths: Absolute paths of files that were opened; some may not be there.
        folders: Absolute paths of folders that were listed.
        written: Absolute paths of files that were written.
        asks_session: The current session was asked for.
    """

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self.folders: set[str] = set()
        self.written: set[str] = set()
        self.asks_session = False

    @contextmanager
    def noted(self) -> Iterator[None]:
        """Take note of what is read in the block, by whatever thread: code may have others read for it."""
        if not _installed:
            _installed.append(True)
            sys.addaudithook(_audit)
        asked = current.times_asked()
        _noting.append(self)
        try:
            yield
        finally:
            _noting.remove(self)
            self.asks_session |= current.times_asked() != asked

    def of(self, project: Project, conf_source: Path) -> set[str]:
        """Return the paths that are a project's own, but for its modules and their folders, and forget all."""
        source = project.source_dir if project.source_dir not in (None, project.root) else project.package_dir
        among_modules = f"{source}{os.sep}"
        tops = (f"{project.root}{os.sep}", f"{conf_source}{os.sep}", among_modules)
        folders = {each for each in list(self.folders) if not f"{each}{os.sep}".startswith(among_modules)}
        files = {each for each in list(self.paths) if not each.endswith(_MODULES)}
        self.paths.clear()
        self.folders.clear()
        return {
            path
            for path in files | folders
            if f"{path}{os.sep}".startswith(tops) and _NOT_CODES.isdisjoint(Path(path).parts)
        }


def _audit(event: str, args: tuple[Any, ...]) -> None:
    if not _noting or event not in _EVENTS:
        return
    if sys._getframe(1).f_code.co_filename.startswith(_IMPORTING):  # noqa: SLF001 - documented
        return
    path = args[0] if args and args[0] is not None else os.curdir
    if not isinstance(path, (str, bytes, os.PathLike)):
        return
    absolute = os.path.abspath(os.fsdecode(path))  # noqa: PTH100 - no links are resolved
    for reads in _noting:
        noted = reads.folders if event != _OPEN else reads.written if _is_for_writing(args) else reads.paths
        noted.add(absolute)


def _is_for_writing(args: tuple[Any, ...]) -> bool:
    mode, flags = (args[1], args[2]) if len(args) > 2 else (None, None)  # noqa: PLR2004
    if isinstance(mode, str):
        return not mode.startswith("r")
    return isinstance(flags, int) and bool(flags & _WRITING)
