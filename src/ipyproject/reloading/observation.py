"""What is seen while modules are executed: which, from what, what they imported and read, and whom they touched."""

from __future__ import annotations

import sys
from contextlib import contextmanager, nullcontext
from threading import local
from typing import TYPE_CHECKING, Any

from ipyproject.reloading.reads import Reads
from ipyproject.reloading.undo import copies, put_back
from ipyproject.reloading.walk import Region, Walk

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping

    from ipyproject.reloading.finder import ExecutedSource
    from ipyproject.reloading.libraries import Libraries


class Observation:
    """Observes one load, from before its first module is executed to its end.

    It keeps all alive that it has looked at, so keep it no longer than the load.

    Args:
        modules: The project's modules that are loaded, in the order in which their execution ended.
        libraries: Knows what other modules hold.

    Attributes:
        executed: Modules in the order in which their execution ended, and the source of each.
        seen: Module -> modules whose import began while it was executed, whoever asked for them.
        reads: What was read meanwhile.
        failed: The module whose execution failed.
    """

    def __init__(self, modules: Mapping[str, Any], libraries: Libraries) -> None:
        self.executed: dict[str, ExecutedSource] = {}
        self.seen: dict[str, set[str]] = {}
        self.reads = Reads()
        self.failed: str | None = None
        self._own = set(modules)
        self._libraries = libraries
        self._walk = Walk(self._own, libraries)
        libraries.look()
        self._regions = {name: self._walk.look(name, module) for name, module in modules.items()}
        self._undo: dict[str, list[Callable[[], None]]] = {}
        self._here = local()

    def reaches(self, *, by_subclasses: bool = False) -> dict[str, set[str]]:
        """Return the modules, each with those of which it holds something now.

        Args:
            by_subclasses: What ``__subclasses__()`` of its classes gives counts as held.
        """
        if by_subclasses:
            return {name: region.reaches | region.below for name, region in self._regions.items()}
        return {name: region.reaches for name, region in self._regions.items()}

    def go_on_without(self, stale: Collection[str] | None) -> None:
        """Look no more at modules that will be executed again (None: all), and copy what the others hold."""
        for name in list(self._regions) if stale is None else stale:
            self._regions.pop(name, None)
        self._undo = {name: copies(region.objects) for name, region in self._regions.items()}

    def import_begins(self, name: str) -> None:
        """Take note that a module is looked for, by this thread."""
        if names := self._names():
            self.seen.setdefault(names[-1], set()).add(name)

    @contextmanager
    def executing(self, name: str, executed: ExecutedSource) -> Iterator[None]:
        """Enclose the execution of a module, by this thread."""
        self._own.add(name)
        names = self._names()
        names.append(name)
        try:
            with self.reads.noted() if len(names) == 1 else nullcontext():
                yield
        except BaseException:
            self.failed = self.failed or name
            raise
        finally:
            names.pop()
        self.executed.pop(name, None)
        self.executed[name] = executed
        self._libraries.look()  # it may have imported some
        self._regions[name] = self._walk.look(name, sys.modules.get(name))

    def touched(self) -> set[str]:
        """Return the modules that others have touched meanwhile, or may have.

        Of one that was executed: since its own execution ended.
        """
        self._libraries.look()
        return {name for name, region in list(self._regions.items()) if self._is_touched(name, region)}

    def put_back(self) -> None:
        """Put back what modules that were not executed hold, where it was touched."""
        for name, undo in self._undo.items():
            if self._is_touched(name, self._regions[name]):
                put_back(undo)

    def _is_touched(self, name: str, region: Region) -> bool:
        now = self._walk.look(name, sys.modules.get(name))
        return now.is_in_doubt or not now.is_as(region)

    def _names(self) -> list[str]:
        names: list[str] = self._here.__dict__.setdefault("names", [])
        return names
