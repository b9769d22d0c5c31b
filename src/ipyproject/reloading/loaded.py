"""A project's code as this process has loaded it."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager
from functools import lru_cache
from importlib.machinery import EXTENSION_SUFFIXES
from pathlib import Path
from threading import RLock, Thread, local
from typing import TYPE_CHECKING, Any

from ipyproject.importing import project_modules
from ipyproject.pipeline import PipelineRegistry
from ipyproject.reloading.finder import ExecutedSource, ProjectFinder
from ipyproject.reloading.libraries import Libraries
from ipyproject.reloading.load import is_compiled
from ipyproject.reloading.naming import NamedModules, named_modules, with_parents
from ipyproject.reloading.observation import Observation
from ipyproject.reloading.rebinding import Rebinding
from ipyproject.reloading.snapshot import Snapshot, content_digest
from ipyproject.reloading.stale import KnownModule, stale_modules

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from ipyproject.current import Created
    from ipyproject.project import Project
    from ipyproject.reloading.load import Load
    from ipyproject.reloading.snapshot import FileChanges, LayerChanges

_FEW = 20  # sources that are read in no time
_BY_HAND = b"executed by hand"  # no file's digest: the module counts as changed


class LoadedCode:
    """What was executed of a project, from which sources, and the pipelines that it gave.

    Args:
        project: The project.
        snapshot: Its files before anything was executed.

    Attributes:
        project: The project.
        snapshot: Its files as they were when it was executed.
        finder: Finds its modules; one that is imported outside a load is observed from here.
        pipelines: Its pipelines.
        created: Module -> its function ``create_pipeline`` and what that has made.
        rebinding: What the last reload has done to names.
        outdated: Compiled modules whose files are no longer those that were loaded, by path: a kernel that is started
            again would load the others.
        asks_session: Code has asked for the current session while it was imported: it is made for that one.
    """

    def __init__(self, project: Project, snapshot: Snapshot) -> None:
        self.project = project
        self.snapshot = snapshot
        self.finder = ProjectFinder(project, self)
        self.pipelines = PipelineRegistry({})
        self.created: Mapping[str, Created] = {}
        self.rebinding = Rebinding()
        self.outdated: frozenset[str] = frozenset()
        self.asks_session = False
        self._libraries = Libraries()
        self._sources: dict[str, ExecutedSource] = {}
        self._named: dict[str, tuple[bytes, NamedModules]] = {}
        self._seen: dict[str, set[str]] = {}
        self._touched: set[str] = set()
        self._is_new = False
        self._told: set[tuple[str, ...]] = set()
        self._digests: Mapping[str, str] | None = None
        self._count = 0, 0
        self._lock = RLock()
        self._here = local()

    # -- looking at files

    def look(self, conf_source: Path | None = None, *, previous: Snapshot | None = None) -> Snapshot:
        """Look at the project's files, and at what its code has read.

        Args:
            conf_source: The configuration; by default the one that was looked at last.
            previous: An earlier snapshot; by default the last one.
        """
        known = previous if previous is not None else self.snapshot
        return Snapshot.take(
            self.project, conf_source or self.snapshot.conf_source, previous=known, reads=self.snapshot.reads
        )

    def changes(self, now: Snapshot) -> FileChanges:
        """Tell what is different in files since this was executed."""
        return now.changes_since(self.snapshot)

    def outdated_by(self, changes: FileChanges) -> frozenset[str]:
        """Return the paths of loaded compiled modules that are outdated after some changes of files."""
        gone = {str(path) for path in (*changes.code.changed, *changes.code.removed) if _is_extension(path)}
        if not gone:
            return self.outdated  # nearly always: the loaded modules need not be looked through
        return self.outdated | (gone & {getattr(module, "__file__", None) for module in self.modules().values()})

    # -- what is stale

    def observe(self, modules: Mapping[str, Any] | None = None) -> Observation:
        """Look at modules, by default at all that are loaded, before some of them are executed again."""
        return Observation(self.modules() if modules is None else modules, self._libraries)

    def stale(self, changes: FileChanges, observation: Observation, kept: Collection[str] = ()) -> set[str]:
        """Tell which modules must be executed again for some changes of files.

        Args:
            changes: The changes.
            observation: Has looked at the modules.
            kept: Modules that stay whatever happens.
        """
        reached = observation.reaches(by_subclasses=self._asks_for_subclasses(changes.code))
        if changes.other or changes.metadata or changes.read:  # any module may have read it
            return set(reached) - set(kept)
        modules = self._known(reached)
        changed = self._changed_modules(changes.code)
        return stale_modules(modules, changed, self._read_again(changed), kept)

    def is_touched_too_late(self, observation: Observation, touched: Collection[str]) -> bool:
        """Whether a load has touched modules that it has not executed, and whose state others may have read.

        What it has touched is known from then on: the same load anew, after this one was taken back, executes all that.

        Args:
            observation: Has seen the load.
            touched: The modules that it has touched.
        """
        reached = {name: found for name, found in observation.reaches().items() if name not in observation.executed}
        late = set(touched) & reached.keys() - self._touched
        if not late:
            return False
        modules = self._known(reached)
        is_read = stale_modules(modules, late, {name: modules[name].named for name in late}) != late
        self._touched |= late if is_read else set()
        return is_read

    def _asks_for_subclasses(self, changes: LayerChanges) -> bool:
        """Whether a source, as it was executed or is now, asks for the subclasses of a class: these must be right."""
        texts = [source.source for source in list(self._sources.values())]
        texts += [text for path in (*changes.added, *changes.changed) if (text := _text(path)) is not None]
        return any(b"__subclasses__" in text for text in texts)

    def _known(self, reached: Mapping[str, Collection[str]]) -> dict[str, KnownModule]:
        return {
            name: KnownModule(self._names_of(name), self._seen.get(name, ()), found, name in self._touched)
            for name, found in reached.items()
        }

    def _changed_modules(self, changes: LayerChanges) -> set[str]:
        """Return the names of the modules whose files have changed, as they are, or would be, imported."""
        changed = {path: self._names_of_file(path) for path in changes.changed if not _is_extension(path)}
        come_or_gone = [path for path in (*changes.added, *changes.removed) if path.suffix != ".pyc"]
        come_or_gone += [path for path, names in changed.items() if not names]  # whoever tried to import it may now
        names = set().union(*changed.values(), *map(self._names_of_file, come_or_gone))
        if come_or_gone:
            modules = self.modules()
            packages = {name: places for name, module in modules.items() if (places := _real_places(module))}
            names = names.union(*(self._names_at(path, packages) for path in come_or_gone))
            names |= self._affected_packages(names, modules)
        return names

    def _names_of_file(self, path: Path) -> set[str]:
        """Return the names under which a file was executed."""
        alike = {name: source.path for name, source in self._sources.items() if source.path.endswith(path.name)}
        real = os.path.realpath(path)
        return {name for name, file in alike.items() if _resolved(file) == real}

    def _names_at(self, path: Path, packages: Mapping[str, Collection[str]]) -> set[str]:
        """Return the names by which a file, or a folder without modules, is imported, once it is there."""
        short = path.name.partition(".")[0]
        real = os.path.realpath(path.parent)
        tops = [os.path.realpath(self.project.source_dir)] if self.project.source_dir is not None else []
        found = {f"{name}.{short}" for name, places in packages.items() if real in places}
        found |= {short} if real in tops else set()
        for top in tops:
            if real.startswith(f"{top}{os.sep}"):
                found.add(".".join([*Path(real[len(top) + 1 :]).parts, short]))
        return {name.removesuffix(".__init__") for name in found if name != "__init__"}

    def _affected_packages(self, names: Collection[str], modules: Mapping[str, Any]) -> set[str]:
        """Return the packages that are others because a module below them came or is gone."""
        found = set()
        for name in names:
            *parents, _ = with_parents(name)
            for parent in parents:
                module = modules.get(parent)
                if module is None:
                    found.add(parent)  # a folder that only now is a package
                elif getattr(module, "__file__", None) is None and not any(map(os.path.isdir, _real_places(module))):
                    found.add(parent)
            parent, _, short = name.rpartition(".")
            source = self._sources.get(parent)
            if source is not None and short.encode() in source.source:
                found.add(parent)  # it may have an attribute of that name, which the import of the module replaces
        return found

    def _names_of(self, name: str) -> NamedModules:
        """Return what the source of a module names, as it was executed."""
        source = self._sources.get(name) or _not_executed_here(sys.modules.get(name))
        if source is None:
            return NamedModules()  # a folder, or a compiled module: nothing executes it again
        known = self._named.get(name)
        if known is None or known[0] != source.digest:
            named = named_modules(source.source, name, is_package=source.is_package)
            known = self._named[name] = source.digest, named
        return known[1]

    def _read_again(self, changed: Collection[str]) -> dict[str, NamedModules]:
        """Return what changed modules name now, and those that may be executed for the first time because of them."""
        found: dict[str, NamedModules] = {}
        tops = {name.partition(".")[0] for name in (*self._sources, *changed)}
        pending = list(changed)
        while pending:
            name = pending.pop()
            if name in found or (path := self._path_of(name)) is None or (text := _text(path)) is None:
                continue
            named = found[name] = named_modules(text, name, is_package=path.stem == "__init__")
            new = named.names - self._sources.keys()
            pending += [other for other in new if other.partition(".")[0] in tops]
        return found

    def _path_of(self, name: str) -> Path | None:
        """Return the file of a module, whether it was executed or would be if it were imported."""
        if (source := self._sources.get(name)) is not None:
            return Path(source.path)
        folder = self.project.source_dir
        if folder is None:
            folder = self.project.package_dir.parents[self.project.package_name.count(".")]
        inner = folder.joinpath(*name.split("."))
        return next((file for file in (inner / "__init__.py", inner.with_suffix(".py")) if file.is_file()), None)

    def is_as_executed(self, name: str) -> bool:
        """Whether a module was executed before, and its file holds the same still."""
        source = self._sources.get(name)
        try:
            return source is not None and Path(source.path).read_bytes() == source.source
        except OSError:
            return False

    def read_ahead(self) -> None:
        """Read in a thread what the sources name, if that is much, so that the first edit need not wait for it."""

        def read() -> None:
            for name in list(self._sources):
                self._names_of(name)

        if len(self._sources) - len(self._named) > _FEW:
            Thread(target=read, name="ipyproject-sources", daemon=True).start()

    # -- what is loaded

    def modules(self) -> dict[str, Any]:
        """Return the project's modules that are loaded, in the order in which their execution ended."""
        loaded = {name: sys.modules[name] for name in project_modules(self.project)}
        known = [name for name in list(self._sources) if name in loaded]
        return {name: loaded[name] for name in dict.fromkeys([*known, *loaded])}

    def digests(self) -> Mapping[str, str]:
        """Return the loaded modules, each with a digest of the source that it was executed from."""
        if self._digests is None:
            self._digests = {name: source.digest.hex() for name, source in self._sources.items() if name in sys.modules}
        return self._digests

    def count(self) -> int:
        """Return how many modules of the project are loaded."""
        every, count = self._count
        if every != len(sys.modules):
            count = len(project_modules(self.project))
            self._count = len(sys.modules), count
        return count

    def doubled(self) -> tuple[tuple[str, ...], ...]:
        """Return the names of modules that are one file, loaded more than once; said once of each."""
        if not self._is_new:
            return ()
        self._is_new = False
        files: dict[str, list[str]] = {}
        for name, source in self._sources.items():
            if name in sys.modules:
                files.setdefault(_resolved(source.path), []).append(name)
        found = {tuple(sorted(names)) for names in files.values() if len(names) > 1} - self._told
        self._told |= found
        return tuple(sorted(found))

    # -- what was executed

    def take(self, load: Load, touched: Collection[str], snapshot: Snapshot, pipelines: PipelineRegistry) -> None:
        """Take in a load that succeeded.

        Args:
            load: The load.
            touched: Modules that others have touched meanwhile.
            snapshot: The files as they were before it.
            pipelines: The pipelines that it gave.
        """
        with self._lock:
            self.snapshot = snapshot
            self.pipelines = pipelines
            for name in load.stale:
                for known in (self._sources, self._seen, self._named):
                    if name not in load.observation.executed:
                        known.pop(name, None)
                self._touched.discard(name)
            self._take_in(load.observation, touched)
            self.finder.codes.keep_only({source.path for source in self._sources.values()})

    def _take_in(self, observation: Observation, touched: Collection[str], *, is_late: bool = False) -> None:
        contents = {}
        self._touched.update(touched)
        self._digests = None
        self._is_new = True
        for name, executed in observation.executed.items():
            # What was executed a second time, by importlib.reload() or by %autoreload, has left others as they were.
            is_by_hand = is_late and name in self._sources
            self._sources.pop(name, None)
            self._sources[name] = executed
            contents[executed.path] = _BY_HAND if is_by_hand else executed.digest
            self._seen[name] = observation.seen.get(name, set())
        found = observation.reads.of(self.project, self.snapshot.conf_source)
        if found:
            self.snapshot = self.snapshot.with_reads(found, observation.reads.written)
        if contents:
            self.snapshot = self.snapshot.with_contents(contents)
        self.asks_session |= observation.reads.asks_session

    def import_begins(self, name: str) -> None:
        """Take note that a module is looked for, outside a load."""
        late: Observation | None = getattr(self._here, "late", None)
        if late is not None:
            late.import_begins(name)

    @contextmanager
    def executing(self, name: str, executed: ExecutedSource) -> Iterator[None]:
        """Observe the execution of a module that is imported outside a load."""
        late: Observation | None = getattr(self._here, "late", None)
        if late is not None:
            with late.executing(name, executed):
                yield
            return
        late = self._here.late = self.observe()
        try:
            with late.executing(name, executed):
                yield
        finally:
            self._here.late = None
            with self._lock:
                self._take_in(late, late.touched(), is_late=True)


def _is_extension(path: Path) -> bool:
    """Whether a file is a compiled module: such a one can't be executed again in the same process."""
    return path.name.endswith(tuple(EXTENSION_SUFFIXES))


def _not_executed_here(module: Any) -> ExecutedSource | None:
    """Return the source of a module that was imported before anybody observed it."""
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or is_compiled(module):
        return None
    source = _text(Path(file))
    return ExecutedSource(file, source, content_digest(source)) if source is not None else None


def _text(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


@lru_cache(maxsize=1 << 14)
def _resolved(path: str) -> str:
    return os.path.realpath(path)


def _real_places(module: Any) -> list[str]:
    try:
        return [os.path.realpath(place) for place in getattr(module, "__path__", ())]
    except Exception:  # noqa: BLE001  (anything may lie in sys.modules)
        return []
