"""All new or all old: modules are executed anew, and one failure puts every one of them back as it was."""

from __future__ import annotations

import importlib
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from threading import local
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple, Self

from ipyproject import current
from ipyproject.importing import import_project_module, project_modules
from ipyproject.reloading.reads import Reads
from ipyproject.reloading.snapshot import content_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
    from types import CodeType, TracebackType

    from ipyproject.project import Project


class ModuleTransaction:
    """A context in which stale modules of projects are imported from their sources as if for the first time.

    On entering, the stale modules leave ``sys.modules`` and their packages. Whatever is imported inside is compiled
    from source (a byte-code file may be stale: it only knows its source by second and size) and executed in the
    namespace of the module object that had the name before, so that references to modules stay right. If the block
    raises, modules, their namespaces, ``sys.path``, ``sys.meta_path`` and the current project and sessions are as they
    were.

    Args:
        projects: The project that is opened and, where it replaces another, that one too.
        stale: Names of the modules to be executed again; None for all.
    """

    def __init__(self, *projects: Project, stale: Collection[str] | None = None) -> None:
        self._projects = projects
        self._stale = stale
        self._compiled: dict[str, ModuleType] = {}

    @property
    def executed(self) -> dict[str, ExecutedSource]:
        """The modules executed so far, in order, each with the source that it was compiled from."""
        return dict(self._finder.journal.executed)

    @property
    def modules(self) -> dict[str, ModuleType]:
        """The projects' modules that were loaded before or were executed since, as they are loaded now."""
        names = [*self._before.modules, *self._compiled, *self._finder.journal.executed]
        return {name: sys.modules[name] for name in names if sys.modules.get(name) is not None}

    @property
    def replaced(self) -> dict[str, dict[str, Any]]:
        """Stale module -> its namespace before."""
        return {name: self._before.namespaces[name][1] for name in self._popped if name in self._before.namespaces}

    @property
    def finder(self) -> ProjectFinder:
        """What finds the projects' modules during the transaction; it may go on to do so afterwards."""
        return self._finder

    @property
    def rest(self) -> list[str]:
        """The stale modules that no import has reached so far, in the order in which they were loaded before."""
        return [name for name in self._popped if name not in sys.modules and self._still_there(name)]

    def execute_rest(self, project: Project, held: Collection[str] | None = None) -> None:
        """Execute the stale modules that no import has reached yet, in the order in which they were loaded before.

        A notebook may hold them though no pipeline imports them. One whose file is gone stays out.

        Args:
            project: The project that was opened.
            held: Those that are needed; the others stay out, as they would in a fresh process. None for all.

        Raises:
            ProjectCodeError: One of them fails.
        """
        for name in self.rest:
            if name not in sys.modules and (held is None or name in held):
                import_project_module(name, project)

    def __enter__(self) -> Self:
        self._current = current.snapshot()
        self._meta_path = list(sys.meta_path)
        loaded: dict[str, Any] = {}
        for name in self._owned():
            module: Any = sys.modules[name]
            if module is None:
                continue  # an import that somebody blocked stays blocked
            if _is_compiled(module):
                self._compiled[name] = module  # can't be executed again; it stays
                continue
            loaded[name] = module
        self._before = _State.of(loaded)
        self._popped = {name: module for name, module in loaded.items() if self._stale is None or name in self._stale}
        for name in self._popped:
            del sys.modules[name]
        for name, module in self._popped.items():
            self._detach(name, module)
        folders = [project.source_dir for project in self._projects if project.source_dir is not None]
        installed = {project.package_name for project in self._projects if project.source_dir is None}
        code = current.loaded_code()
        codes = code.finder.journal.codes if code is not None else None
        self._finder = ProjectFinder(folders, installed, self._popped, self._compiled, codes)
        sys.meta_path[:] = [self._finder, *(each for each in sys.meta_path if not isinstance(each, ProjectFinder))]
        importlib.invalidate_caches()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._finder in sys.meta_path:
            sys.meta_path.remove(self._finder)
        if error is not None:
            self._roll_back()

    @contextmanager
    def as_before(self) -> Iterator[None]:
        """Put the modules back as they were for the block, then as they are now: what closes the old code is old code.

        For after a transaction that succeeded.
        """
        touched = {*self._popped, *self._finder.journal.executed}
        touched |= {name.rpartition(".")[0] for name in touched}
        now = _State.of({name: sys.modules[name] for name in touched if name in sys.modules})
        before = self._before.only(touched)
        _remove(touched - self._compiled.keys())
        before.put_back()
        there = set(sys.modules)
        try:
            yield
        finally:
            if sys.modules.keys() - there:
                for name in set(self._owned()) - there:  # imported on old code; whoever needs it imports it again
                    self._detach(name, sys.modules.pop(name))
            _remove(touched - self._compiled.keys())
            now.put_back()

    def _detach(self, name: str, module: Any) -> None:
        """Take a module out of its package, where that is not executed again itself."""
        parent, _, short = name.rpartition(".")
        package = sys.modules.get(parent)
        if isinstance(package, ModuleType) and vars(package).get(short) is module:
            del vars(package)[short]

    def _roll_back(self) -> None:
        _remove(set(self._owned()) - self._compiled.keys())
        self._before.put_back()
        sys.meta_path[:] = self._meta_path
        current.restore(self._current)

    def _still_there(self, name: str) -> bool:
        parent = name.rpartition(".")[0]
        path = getattr(sys.modules.get(parent), "__path__", None) if parent else None
        if parent and path is None:
            return False
        spec = self._finder.find_spec(name, path)
        if spec is None or spec.origin is not None:
            return spec is not None
        # A folder that is left of a package, perhaps with byte code in it, is not the package.
        was_namespace = getattr(self._popped[name], "__file__", None) is None
        return was_namespace and any(_holds_something(place) for place in spec.submodule_search_locations or ())

    def _owned(self) -> list[str]:
        return list(
            dict.fromkeys(
                name for project in self._projects for name in project_modules(project.package_name, project.source_dir)
            )
        )


@dataclass(frozen=True, slots=True)
class _State:
    """Modules as they were at some time: which ones, their types, and what their namespaces held."""

    modules: dict[str, ModuleType]
    namespaces: dict[str, tuple[type[ModuleType], dict[str, Any]]]

    @classmethod
    def of(cls, modules: dict[str, ModuleType]) -> Self:
        namespaces = {
            name: (type(module), dict(vars(module)))
            for name, module in modules.items()
            if isinstance(module, ModuleType)
        }
        return cls(dict(modules), namespaces)

    def only(self, names: Collection[str]) -> _State:
        return _State(
            {name: module for name, module in self.modules.items() if name in names},
            {name: namespace for name, namespace in self.namespaces.items() if name in names},
        )

    def put_back(self) -> None:
        sys.modules.update(self.modules)
        for name, (kind, namespace) in self.namespaces.items():
            module = self.modules[name]
            module.__class__ = kind
            vars(module).clear()
            vars(module).update(namespace)


def _holds_something(folder: str) -> bool:
    try:
        return any(entry.name != "__pycache__" for entry in os.scandir(folder))
    except OSError:
        return False


def _remove(names: Iterable[str]) -> None:
    for name in names:
        if sys.modules.get(name) is not None:  # an import that somebody blocked stays blocked
            del sys.modules[name]


def _is_compiled(module: Any) -> bool:
    try:
        return isinstance(getattr(module, "__loader__", None), ExtensionFileLoader)
    except Exception:  # noqa: BLE001  (anything may lie in sys.modules)
        return False


class ExecutedSource(NamedTuple):
    """What a module was compiled from.

    Attributes:
        path: Its file.
        source: The file's content at that moment.
    """

    path: str
    source: bytes

    @property
    def digest(self) -> bytes:
        """The source's content, as a snapshot of the files has it."""
        return content_digest(self.source)


class Journal:
    """What was executed, and what imported what meanwhile.

    Attributes:
        executed: Modules in the order of their execution, and the sources of each.
        seen: Module -> modules whose import began while it was executed, whoever asked for them.
        reads: What they have read.
        codes: File -> its content when it was compiled last, and its code.
    """

    def __init__(self, codes: dict[str, tuple[bytes, CodeType]] | None = None) -> None:
        self.codes = codes if codes is not None else {}
        self.executed: dict[str, ExecutedSource] = {}
        self.seen: dict[str, set[str]] = {}
        self.reads = Reads()
        self._here = local()

    def compiled(self, path: str, source: bytes, compile_source: Callable[[bytes, str], CodeType]) -> CodeType:
        """Return the code of a source file; what was compiled from the very same text is taken again.

        Args:
            path: The file.
            source: Its content.
            compile_source: Compiles it.
        """
        known = self.codes.get(path)
        if known is None or known[0] != source:
            known = self.codes[path] = (source, compile_source(source, path))
        return known[1]

    @contextmanager
    def executing(self, name: str) -> Iterator[None]:
        """Let imports in the block, in its thread, be those of a module."""
        outer = getattr(self._here, "module", None)
        self._here.module = name
        try:
            with self.reads.noted():
                yield
        finally:
            self._here.module = outer

    def begins(self, name: str) -> None:
        """Take note that an import begins."""
        module = getattr(self._here, "module", None)
        if module is not None:
            self.seen.setdefault(module, set()).add(name)


class ProjectFinder(MetaPathFinder):
    """Finds the projects' modules where the ordinary path finder does, and has them executed from source.

    It stays on ``sys.meta_path`` after a reload, so that a module imported later is never taken from a stale byte-code
    file, and the next reload knows what it was made from.

    Args:
        folders: Source folders.
        installed: Packages of installed projects.
        replaced: Modules by name, into whose objects their successors are executed.
        compiled: Compiled modules that stay loaded.
        codes: What an earlier finder has compiled.

    Attributes:
        journal: What it has executed.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        installed: set[str],
        replaced: dict[str, ModuleType],
        compiled: dict[str, ModuleType],
        codes: dict[str, tuple[bytes, CodeType]] | None = None,
    ) -> None:
        self._folders = folders
        self._prefixes = [f"{folder}{os.sep}" for folder in folders]
        self._installed = installed
        self._replaced = replaced
        self._compiled = compiled
        self.journal = Journal(codes)

    def settle(self) -> None:
        """Go on without what the transaction replaced: what is imported from now on is new."""
        self._replaced = {}
        self._compiled = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to execute a module of the projects; None for any other."""
        top = fullname.partition(".")[0]
        if top not in self._installed and not any(
            os.path.isdir(f"{folder}{os.sep}{top}") or os.path.isfile(f"{folder}{os.sep}{top}.py")  # noqa: PTH112, PTH113
            for folder in self._folders  # asked at every import there is, so by text
        ):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not self._is_own(spec, top):
            return spec
        self.journal.begins(fullname)
        replaced = self._replaced.get(fullname)
        if type(spec.loader) is SourceFileLoader and spec.origin is not None:
            children = {name: module for name, module in self._compiled.items() if name.rpartition(".")[0] == fullname}
            spec.loader = FreshLoader(fullname, spec.origin, replaced, children, self.journal)
        elif spec.origin is None and replaced is not None:
            spec.loader = _NamespaceLoader(spec.loader, replaced)
        return spec

    def _is_own(self, spec: ModuleSpec, top: str) -> bool:
        if top in self._installed:
            return True
        places = [spec.origin] if spec.origin is not None else list(spec.submodule_search_locations or ())
        # By text first, which says yes for nearly all of the projects' modules and costs nothing.
        return any(place.startswith(prefix) for place in places for prefix in self._prefixes) or any(
            Path(place).is_relative_to(folder) for place in places for folder in self._folders
        )


def _emptied(module: Any, name: str) -> ModuleType | None:
    """Return a module object for its name to be executed in again; None where it is not the one that was executed.

    A module may have put an object of its own in its place, which no import machinery has ever executed.
    """
    if not isinstance(module, ModuleType) or "__builtins__" not in vars(module):
        return None
    module.__class__ = ModuleType
    vars(module).clear()
    vars(module).update({"__name__": name, "__doc__": None})
    return module


class _NamespaceLoader(Loader):
    """Lets a namespace package keep its module object; once imported, its spec has the ordinary loader again."""

    def __init__(self, ordinary: Any, replaced: Any) -> None:
        self._ordinary = ordinary
        self._replaced = replaced

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        if not isinstance(self._replaced, ModuleType):
            return None
        vars(self._replaced).clear()
        vars(self._replaced).update({"__name__": spec.name, "__doc__": None})
        return self._replaced

    def exec_module(self, module: ModuleType) -> None:
        module.__loader__ = self._ordinary
        if module.__spec__ is not None:
            module.__spec__.loader = self._ordinary


class FreshLoader(SourceFileLoader):
    """Compiles a module from its source, never from a byte-code file, into the module object that it replaces.

    Args:
        fullname: The module's name.
        path: Its source.
        replaced: What had the name before.
        children: Compiled modules below it that stay loaded; an import would not attach them again.
        journal: Where it is taken down.
    """

    def __init__(
        self,
        fullname: str,
        path: str,
        replaced: ModuleType | None,
        children: Mapping[str, ModuleType],
        journal: Journal,
    ) -> None:
        super().__init__(fullname, path)
        self._replaced = replaced
        self._children = children
        self._journal = journal

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Hand back the module object of that name, emptied; None makes a new one."""
        return _emptied(self._replaced, spec.name)

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source file.

        Raises:
            SyntaxError: It does not compile.
        """
        path = self.get_filename(fullname)
        try:
            source = self.get_data(path)
            self._journal.executed[fullname] = ExecutedSource(path, source)
            return self._journal.compiled(path, source, self.source_to_code)
        except SyntaxError as error:
            error.filename = error.filename or path  # NUL bytes and unknown encodings don't say where they are
            raise

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, with what it has of compiled modules."""
        for name, child in self._children.items():
            setattr(module, name.rpartition(".")[2], child)
        with self._journal.executing(module.__name__):
            super().exec_module(module)
