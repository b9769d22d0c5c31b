"""Which loaded modules must be executed again. When in doubt: more."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipyproject.reloading.effects import Effects, Graph, Memo
from ipyproject.reloading.imports import with_parents

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from collections.abc import Set as AbstractSet
    from types import ModuleType

    from ipyproject.reloading.sources import SourceCache

CALLED_AT_EACH_OPENING = ("create_pipeline", "register_pipelines")
"""Functions of a project that are called anew for each set of pipelines, whether or not their module is stale."""
_BYTE_CODE = (".pyc", ".pyo")


@dataclass(frozen=True, slots=True)
class Staleness:
    """What a set of changed files asks for.

    Attributes:
        modules: Names of the loaded modules to be executed again, or to be dropped where their file is gone.
        everything: A file that is not Python changed; any module may have read it, so all are stale.
        pure: Modules whose functions of `CALLED_AT_EACH_OPENING` change nothing, and read nothing that changes.
    """

    modules: frozenset[str]
    everything: bool = False
    pure: frozenset[str] = frozenset()


def stale_modules(
    loaded: Mapping[str, ModuleType],
    changed_files: AbstractSet[Path],
    removed_files: AbstractSet[Path],
    added_files: AbstractSet[Path],
    *,
    dynamic_imports: Mapping[str, AbstractSet[str]] | None = None,
    sources: SourceCache,
    memo: Memo | None = None,
) -> Staleness:
    """Tell which of a project's loaded modules are stale.

    A changed module and all that import it; what these may have written to while they were executed, as they were and
    as they are now; and what imports that, until nothing is added.

    Args:
        loaded: The project's modules by name, in the order in which they were loaded.
        changed_files: Files below the source folders whose content changed; a path without a suffix is a folder.
        removed_files: Files that are gone.
        added_files: Files that are new.
        dynamic_imports: Module name -> names that it was seen to import while it was executed.
        sources: What the modules were executed from.
        memo: What was found when this was asked the last time; it is changed.
    """
    paths = sorted(path for path in {*changed_files, *removed_files, *added_files} if path.suffix not in _BYTE_CODE)
    if any(path.suffix not in {".py", ""} and not is_extension(path) for path in paths):
        return Staleness(frozenset(loaded), everything=True)
    changed = [path for path in paths if not is_extension(path) or path not in changed_files]
    names = {name for path in changed if (name := sources.name_of(path)) is not None}
    appeared = {name for path in changed if path in added_files and (name := sources.name_of(path)) is not None}
    memo = memo if memo is not None else Memo()
    seen = {name: frozenset(imported) for name, imported in (dynamic_imports or {}).items()}
    memo.enter(None if added_files or removed_files else (frozenset(loaded), frozenset(seen.items())))
    finder = _StaleFinder(loaded, seen, sources, memo)
    if names:
        finder.start(names, appeared)
    return Staleness(frozenset(finder.stale & set(loaded)), pure=frozenset(finder.pure))


def is_extension(path: Path) -> bool:
    """Whether a file is a compiled module: such a one can't be executed again in the same process."""
    return path.name.endswith(tuple(EXTENSION_SUFFIXES))


class _StaleFinder:
    """Adds stale modules until nothing is missing."""

    def __init__(
        self,
        loaded: Mapping[str, ModuleType],
        dynamic_imports: Mapping[str, AbstractSet[str]],
        sources: SourceCache,
        memo: Memo,
    ) -> None:
        self._memo = memo
        self.stale: set[str] = set()
        self.pure: set[str] = set()
        self._loaded = loaded
        self._dynamic = dynamic_imports
        self._sources = sources
        self._pending: list[str] = []
        self._first_executed: set[str] = set()  # existing modules that only now are imported

    def start(self, changed: set[str], appeared: set[str]) -> None:
        self._graph = Graph(self._loaded, changed, self._dynamic, self._sources, self._memo)
        self._effects = Effects(self._graph)
        for name in changed:
            self._mark_with_relatives(name)
        for name in appeared:  # a folder that only now is a package, or is one of another kind
            self._mark_all(parent for parent in with_parents(name) if parent not in self._loaded)
        for name in changed:
            self._compare_imports(name)
        for name in self._graph.modules():
            touched: set[str] = set()
            for facts in self._graph.facts(name):
                uses = [use for called in CALLED_AT_EACH_OPENING for use in facts.definitions.get(called, ())]
                if uses:
                    touched |= self._effects.of(name, facts, uses, "opening")
            self._mark_all(touched)
            if not touched:
                self.pure.add(name)
        self._spread()

    def _mark_all(self, names: Iterable[str]) -> None:
        for name in names:
            if name not in self.stale:
                self.stale.add(name)
                self._pending.append(name)

    def _mark_with_relatives(self, name: str) -> None:
        """Mark a changed module, packages without a file that it may have been the last in, and name-sakes."""
        self._mark_all([name])
        parent, _, short = name.rpartition(".")
        if parent in self._loaded and any(facts.binds(short) for facts in self._graph.facts(parent)):
            self._mark_all([parent])  # importing or removing the module changes an attribute that the package has
        for ancestor in with_parents(parent) if parent else ():
            module: Any = self._loaded.get(ancestor)
            if (
                module is not None
                and _file(module) is None
                and not any(Path(place).is_dir() for place in module.__path__)
            ):
                self._mark_all([ancestor])

    def _compare_imports(self, name: str) -> None:
        """Mark what it imports and has effects: what is no longer imported leaves none, and their order may differ."""
        old, new = self._graph.old(name), self._graph.new(name)
        if old is not None and new is not None and old.imports.names == new.imports.names:
            return
        if old is None and name in self._loaded and _file(self._loaded[name]) is not None:
            self._mark_all(self._loaded)  # nobody knows what it wrote to
            return
        before = set(self._graph.targets(name, old)) if old is not None else set()
        after = set(self._graph.targets(name, new)) if new is not None else set()
        self._mark_effective(before | after)
        for target in before - after - set(with_parents(name)):
            # Without another importer it may be in the way of nobody; the transaction finds out whether it is needed.
            if not self._graph.is_imported_without(target, name):
                self._mark_all([target])

    def _mark_effective(self, imported: Iterable[str]) -> None:
        """Mark, of modules and what they import, those with effects: the order of these may be another one."""
        self._mark_all(name for name in self._graph.closure(imported) if self._effects.has_any(name))

    def _spread(self) -> None:
        while self._pending:
            name = self._pending.pop()
            if name in self.stale:
                self._mark_all(self._graph.importers(name))
            for facts in self._graph.facts(name):
                self._mark_all(self._effects.of_execution(name, facts))
                self._mark_effective(self._graph.uncertain_targets(facts))
            new = self._graph.new(name)
            if new is None:
                continue
            for target in self._graph.targets(name, new):
                if target not in self._loaded and target not in self.stale | self._first_executed:
                    self._first_executed.add(target)
                    self._pending.append(target)


def _file(module: Any) -> str | None:
    return getattr(module, "__file__", None)
