"""A project's code as this process has loaded it."""

from __future__ import annotations

import sys
from pathlib import Path
from threading import Thread
from types import FunctionType
from typing import TYPE_CHECKING, Any

from ipyproject.importing import project_modules
from ipyproject.reloading.effects import Memo
from ipyproject.reloading.snapshot import Snapshot
from ipyproject.reloading.sources import SourceCache
from ipyproject.reloading.staleness import CALLED_AT_EACH_OPENING, Staleness, is_extension, stale_modules

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping
    from types import ModuleType

    from ipyproject.current import Created
    from ipyproject.pipeline import PipelineRegistry
    from ipyproject.project import Project
    from ipyproject.reloading.snapshot import FileChanges
    from ipyproject.reloading.transaction import ProjectFinder

_BY_HAND = b"executed by hand"  # no file's digest: the module counts as changed


class LoadedCode:
    """What was executed of a project, from which sources, and the pipelines that it gave.

    Made by a reload that succeeded; the next one asks it what is stale.

    Args:
        project: The project.
        snapshot: Its files as they were when it was executed.
        finder: What has executed its modules, and will execute those that are imported later.
        pipelines: Its pipelines.
        earlier: What an earlier reload has loaded; of the modules that were not executed again it still holds.

    Attributes:
        project: The project.
        snapshot: Its files as they were when it was executed.
        finder: What executes its modules.
        pipelines: Its pipelines.
        created: Module -> its function ``create_pipeline`` and what that has made.
        outdated: Compiled modules whose files are no longer those that were loaded, by path: a kernel that is started
            again would load the others.
    """

    def __init__(
        self,
        project: Project,
        snapshot: Snapshot,
        finder: ProjectFinder,
        pipelines: PipelineRegistry,
        earlier: LoadedCode | None = None,
    ) -> None:
        self.project = project
        self.finder = finder
        self.pipelines = pipelines
        self.snapshot = snapshot
        self._sources: SourceCache = (
            earlier._sources if earlier is not None else SourceCache([_import_folder(project)])  # noqa: SLF001
        )
        self._imported: dict[str, set[str]] = earlier._imported if earlier is not None else {}  # noqa: SLF001
        self._asked_before: bool = earlier is not None and earlier.asks_session
        self._memo: Memo = earlier._memo if earlier is not None else Memo()  # noqa: SLF001
        self.outdated: frozenset[str] = frozenset()
        self.created: Mapping[str, Created] = {}
        self._digests: Mapping[str, str] | None = None
        self._count: int | None = None
        self._take_in(is_new=True)
        finder.settle()

    @property
    def asks_session(self) -> bool:
        """Whether code has asked for the current session while it was imported: it is made for that one."""
        return self.finder.journal.reads.asks_session or self._asked_before

    def look(self, conf_source: Path | None = None, *, previous: Snapshot | None = None) -> Snapshot:
        """Look at the project's files, and at what its code has read.

        Args:
            conf_source: The configuration; by default the one that was looked at last.
            previous: An earlier snapshot; by default the last one.
        """
        self._take_in()
        known = previous if previous is not None else self.snapshot
        return Snapshot.take(
            self.project, conf_source or self.snapshot.conf_source, previous=known, reads=self.snapshot.reads
        )

    def changes(self, now: Snapshot) -> FileChanges:
        """Tell what is different in files since this was executed."""
        self._take_in()
        return now.changes_since(self.snapshot)

    def reusable(self, stale: Staleness) -> dict[str, Created]:
        """Return the pipelines that calling their functions again would make as they are."""
        return {
            name: (create, pipeline)
            for name, (create, pipeline) in self.created.items()
            if name not in stale.modules and _is_plain(create) and create.__module__ in stale.pure - stale.modules
        }

    def outdated_by(self, changes: FileChanges) -> frozenset[str]:
        """Return the paths of loaded compiled modules that are outdated after some changes of files."""
        gone = {str(path) for path in (*changes.code.changed, *changes.code.removed) if is_extension(path)}
        if not gone:
            return self.outdated  # nearly always: the loaded modules need not be looked through
        return self.outdated | (gone & {getattr(module, "__file__", None) for module in self._modules().values()})

    def stale(self, changes: FileChanges) -> Staleness:
        """Tell what must be executed again for some changes of files."""
        modules = self._modules()
        if changes.other or changes.metadata or changes.read:  # any module may have read it
            return Staleness(frozenset(modules), everything=True)
        code = changes.code
        return stale_modules(
            modules,
            set(code.changed),
            set(code.removed),
            set(code.added),
            dynamic_imports=self._dynamic_imports(),
            sources=self._sources,
            memo=self._memo,
        )

    def _dynamic_imports(self) -> dict[str, set[str]]:
        """Return the modules that were seen to import others than their sources say: a library did it for them."""
        found = {}
        for name, imported in self._imported.items():
            facts = self._sources.of_executed(name)
            imported.difference_update(facts.imports.names if facts is not None else ())
            if imported:
                found[name] = imported
        return found

    def read_ahead(self) -> None:
        """Read the sources in a thread, so that the first edit need not wait for it."""
        Thread(target=self._sources.read_all, name="ipyproject-sources", daemon=True).start()

    def digests(self) -> Mapping[str, str]:
        """Return the loaded modules, each with a digest of the source that it was executed from."""
        self._take_in()
        if self._digests is None:
            self._digests = self._sources.digests(sys.modules)
        return self._digests

    def count(self) -> int:
        """Return how many modules of the project are loaded."""
        self._take_in()
        if self._count is None:
            self._count = len(self._modules())
        return self._count

    def renewed(
        self, snapshot: Snapshot, finder: ProjectFinder, pipelines: PipelineRegistry, replaced: Collection[str]
    ) -> LoadedCode:
        """Return what is loaded after some modules were executed again.

        Args:
            snapshot: The files as they were then.
            finder: What has executed them.
            pipelines: The pipelines that they gave.
            replaced: Names of the modules that were stale; those that are gone are forgotten.
        """
        for name in replaced:
            if name not in finder.journal.executed:
                self._sources.forget(name)
                self._imported.pop(name, None)
        renewed = LoadedCode(self.project, snapshot, finder, pipelines, self)
        self._memo.prune(self._sources.known())
        return renewed

    def _take_in(self, *, is_new: bool = False) -> None:
        """Take note of what was executed, and from which sources: since the last reload, or by it."""
        digests = {}
        journal = self.finder.journal
        if journal.reads.paths or journal.reads.folders:
            found = journal.reads.of(self.project, self.snapshot.conf_source)
            self.snapshot = self.snapshot.with_reads(found, journal.reads.written)
        for name in list(journal.executed):
            executed = journal.executed.pop(name)
            by_hand = not is_new and self._sources.is_executed(name)
            self._sources.executed(name, Path(executed.path), executed.source)
            # What was executed a second time, by importlib.reload() or by %autoreload, has left others as they were.
            digests[executed.path] = _BY_HAND if by_hand else executed.digest
            self._imported.setdefault(name, set()).update(journal.seen.pop(name, ()))
        if digests:
            self._digests = self._count = None
            self.snapshot = self.snapshot.with_contents(digests)

    def _modules(self) -> dict[str, ModuleType]:
        names = project_modules(self.project.package_name, self.project.source_dir)
        return {name: sys.modules[name] for name in names if sys.modules[name] is not None}


def _import_folder(project: Project) -> Path:
    """Return the folder in which an import finds the project's package."""
    if project.source_dir is not None:
        return project.source_dir
    folder = project.package_dir
    for part in reversed(project.package_name.split(".")):
        if folder.name == part:
            folder = folder.parent
    return folder


def _is_plain(function: Any) -> bool:
    """Whether a function is the one that its module's source defines under that name, and nothing around it."""
    return (
        isinstance(function, FunctionType)
        and function.__closure__ is None
        and function.__code__.co_name in CALLED_AT_EACH_OPENING
        and not hasattr(function, "__wrapped__")
    )
