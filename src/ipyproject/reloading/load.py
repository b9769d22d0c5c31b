"""One load of a project's code: all new, or all as it was."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager
from importlib.machinery import ExtensionFileLoader
from typing import TYPE_CHECKING, Any, Self

from ipyproject import current
from ipyproject.importing import import_project_module, project_modules
from ipyproject.reloading.finder import ProjectFinder
from ipyproject.reloading.world import Bridges, World

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping
    from collections.abc import Set as AbstractSet
    from importlib.machinery import ModuleSpec
    from types import ModuleType, TracebackType

    from ipyproject.project import Project
    from ipyproject.reloading.observation import Observation


class Load:
    """A context in which stale modules of projects are imported from their sources as if for the first time.

    On entering, the stale modules leave ``sys.modules``. Whatever is imported inside is compiled from source and
    executed as a new module object. If the block raises, modules, what they held, ``sys.path``, ``sys.meta_path`` and
    the current project are as they were.

    Args:
        project: The project that is opened.
        replaced: The one whose place it takes, if it is another.
        finder: Finds its modules.
        observation: Sees what is executed.
        stale: Names of the modules to be executed again; None for all.
        kept: Names of modules that stay whatever happens.
    """

    def __init__(
        self,
        project: Project,
        replaced: Project | None,
        finder: ProjectFinder,
        observation: Observation,
        stale: Collection[str] | None = None,
        kept: Collection[str] = (),
    ) -> None:
        self._project = project
        self._replaced = replaced
        self._finder = finder
        self.observation = observation
        self._asked_for = stale
        self._kept = kept

    def __enter__(self) -> Self:
        self._current = current.snapshot()
        self._meta_path = list(sys.meta_path)
        self._every = dict(sys.modules)
        owned = {name: sys.modules[name] for name in self._owned()}
        self._before = World.of([*owned, *self._name_sakes()])
        staying = {name for name, module in owned.items() if name in self._kept or is_compiled(module)}
        self.stale = {
            name: module
            for name, module in owned.items()
            if name not in staying and (self._asked_for is None or name in self._asked_for)
        }
        self._observer, self._finder.observer = self._finder.observer, self.observation
        self._finder.known = frozenset(owned)
        self._finder.staying = _below_their_packages(staying & owned.keys(), owned)
        self._bridges = Bridges(self.stale)
        sys.meta_path[:] = [self._finder, *(each for each in sys.meta_path if not isinstance(each, ProjectFinder))]
        importlib.invalidate_caches()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._finder.observer = self._observer
        self._finder.staying = {}
        if error is not None:
            self._roll_back()
        self._bridges.take_down()

    @property
    def modules(self) -> dict[str, Any]:
        """The project's modules as they are loaded now."""
        names = dict.fromkeys([*self._before.modules, *self.observation.executed])
        return {name: sys.modules[name] for name in names if name in sys.modules}

    @property
    def rest(self) -> list[str]:
        """The stale modules that no import has reached so far, in the order in which they were loaded before."""
        return [name for name in self.stale if name not in sys.modules]

    def execute_rest(self, held: AbstractSet[str] | None = None) -> None:
        """Execute the stale modules that no import has reached yet, in the order in which they were loaded before.

        A notebook may hold them though no pipeline imports them. One whose file is gone stays out.

        Args:
            held: Those that are needed, and others that may have come back; the rest stays out, as it would in a fresh
                process. None for all.

        Raises:
            ProjectCodeError: One of them fails.
        """
        for name in self.rest if held is None else [*self.rest, *sorted(held - self.stale.keys())]:
            if name not in sys.modules and (held is None or name in held) and self._is_still_there(name):
                import_project_module(name, self._project)

    @contextmanager
    def as_before(self) -> Iterator[None]:
        """Put the modules back as they were for the block, then as they are now: what closes the old code is old code.

        For after a load that succeeded.
        """
        now = World.of({*self._before.modules, *self.observation.executed})
        self._before.put_in_place_of(now)
        there = set(sys.modules)
        try:
            yield
        finally:
            if sys.modules.keys() - there:
                for name in set(self._owned()) - there:  # imported on old code; whoever needs it imports it again
                    sys.modules.pop(name)
            now.put_in_place_of(self._before)

    def _roll_back(self) -> None:
        for name in set(self._owned()) - self._every.keys():
            sys.modules.pop(name, None)
        self._before.put_in_place_of(World.of(self.observation.executed))
        for name, module in self._every.items():
            if name not in sys.modules:  # another package of the same name had to make room
                sys.modules[name] = module
        self.observation.put_back()
        sys.meta_path[:] = self._meta_path
        current.restore(self._current)

    def _owned(self) -> list[str]:
        projects = [self._project, *([self._replaced] if self._replaced is not None else [])]
        return list(dict.fromkeys(name for project in projects for name in project_modules(project)))

    def _name_sakes(self) -> list[str]:
        """Names of loaded modules of the project's package, wherever they come from."""
        package = self._project.package_name
        return [name for name in list(sys.modules) if name == package or name.startswith(f"{package}.")]

    def _is_still_there(self, name: str) -> bool:
        spec = self._spec(name)
        if spec is None or spec.origin is not None:
            return spec is not None
        # A folder that is left of a package, perhaps with byte code in it, is not the package.
        was_namespace = getattr(self.stale.get(name), "__file__", None) is None
        return was_namespace and any(_holds_something(place) for place in spec.submodule_search_locations or ())

    def _spec(self, name: str) -> ModuleSpec | None:
        """Return how a module would be imported now; nothing is."""
        parent = name.rpartition(".")[0]
        if not parent:
            return self._finder.find_spec(name, None)
        if parent in sys.modules:
            path = getattr(sys.modules[parent], "__path__", None)
        else:
            spec = self._spec(parent)
            path = spec.submodule_search_locations if spec is not None else None
        return self._finder.find_spec(name, path) if path is not None else None


def is_compiled(module: Any) -> bool:
    """Whether a module can't be executed a second time in one process: an extension module."""
    try:
        return isinstance(getattr(module, "__loader__", None), ExtensionFileLoader)
    except Exception:  # noqa: BLE001  (anything may lie in sys.modules)
        return False


def _below_their_packages(names: Collection[str], modules: Mapping[str, Any]) -> dict[str, dict[str, ModuleType]]:
    packages: dict[str, dict[str, ModuleType]] = {}
    for name in names:
        parent, _, short = name.rpartition(".")
        packages.setdefault(parent, {})[short] = modules[name]
    return packages


def _holds_something(folder: str) -> bool:
    try:
        return any(entry.name != "__pycache__" for entry in os.scandir(folder))
    except OSError:
        return False
