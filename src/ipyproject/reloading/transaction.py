"""All new or all old: modules are executed anew, and one failure puts every one of them back as it was."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from ipyproject import current
from ipyproject.importing import import_project_module, project_modules

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from types import CodeType, TracebackType

    from ipyproject.project import Project


class ModuleTransaction:
    """A context in which the modules of projects are imported from their sources as if for the first time.

    On entering, the modules leave ``sys.modules``. Whatever is imported inside is compiled from source (a byte-code
    file may be stale: it only knows its source by second and size) and executed in the namespace of the module object
    that had the name before, so that references to modules stay right. If the block raises, modules, their
    namespaces, ``sys.path``, ``sys.meta_path`` and the current project and sessions are as they were.

    Args:
        projects: The project that is opened and, where it replaces another, that one too.
    """

    def __init__(self, *projects: Project) -> None:
        self._projects = projects
        self._modules: dict[str, ModuleType] = {}
        self._compiled: dict[str, ModuleType] = {}

    @property
    def executed(self) -> dict[str, str]:
        """The modules executed so far, in order, each with a digest of its source."""
        return dict(self._finder.executed)

    @property
    def modules(self) -> dict[str, ModuleType]:
        """The projects' modules as they are loaded now."""
        return {name: sys.modules[name] for name in self._owned() if sys.modules[name] is not None}

    @property
    def namespaces_before(self) -> dict[str, dict[str, Any]]:
        """Module -> its namespace before it was executed anew."""
        return {name: namespace for name, (_, namespace) in self._before.namespaces.items()}

    def execute_rest(self, project: Project) -> None:
        """Execute the modules that were loaded before and that no import has reached yet.

        A notebook may hold them though no pipeline imports them. One whose file is gone stays out.

        Args:
            project: The project that was opened.

        Raises:
            ProjectCodeError: One of them fails.
        """
        for name in self._modules:
            if name not in sys.modules and self._still_there(name):
                import_project_module(name, project)

    def __enter__(self) -> Self:
        self._current = current.snapshot()
        self._meta_path = list(sys.meta_path)
        for name in self._owned():
            module: Any = sys.modules[name]
            if module is None:
                continue  # an import that somebody blocked stays blocked
            if _is_compiled(module):
                self._compiled[name] = module  # can't be executed again; it stays
                continue
            self._modules[name] = sys.modules.pop(name)
        self._before = _State.of(self._modules)
        folders = [project.source_dir for project in self._projects if project.source_dir is not None]
        installed = {project.package_name for project in self._projects if project.source_dir is None}
        self._finder = _FreshFinder(folders, installed, self._modules, self._compiled)
        sys.meta_path.insert(0, self._finder)
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
        now = _State.of(self.modules)
        self._remove_owned()
        self._before.put_back()
        try:
            yield
        finally:
            self._remove_owned()
            now.put_back()

    def _roll_back(self) -> None:
        self._remove_owned()
        self._before.put_back()
        sys.meta_path[:] = self._meta_path
        current.restore(self._current)

    def _remove_owned(self) -> None:
        for name in self._owned():
            if name not in self._compiled and sys.modules[name] is not None:
                del sys.modules[name]

    def _still_there(self, name: str) -> bool:
        parent = name.rpartition(".")[0]
        path = getattr(sys.modules.get(parent), "__path__", None) if parent else None
        return (not parent or path is not None) and self._finder.find_spec(name, path) is not None

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

    def put_back(self) -> None:
        sys.modules.update(self.modules)
        for name, (kind, namespace) in self.namespaces.items():
            module = self.modules[name]
            module.__class__ = kind
            vars(module).clear()
            vars(module).update(namespace)


def _is_compiled(module: Any) -> bool:
    try:
        return isinstance(getattr(module, "__loader__", None), ExtensionFileLoader)
    except Exception:  # noqa: BLE001  (anything may lie in sys.modules)
        return False


class _FreshFinder(MetaPathFinder):
    """Finds the projects' modules where the ordinary path finder does, and has them executed from source."""

    def __init__(
        self,
        folders: Sequence[Path],
        installed: set[str],
        replaced: dict[str, ModuleType],
        compiled: dict[str, ModuleType],
    ) -> None:
        self._folders = folders
        self._installed = installed
        self._replaced = replaced
        self._compiled = compiled
        self.executed: dict[str, str] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top not in self._installed and not any(
            (folder / top).is_dir() or (folder / f"{top}.py").is_file() for folder in self._folders
        ):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not self._is_own(spec, top):
            return spec
        replaced = self._replaced.get(fullname)
        if type(spec.loader) is SourceFileLoader and spec.origin is not None:
            children = {name: module for name, module in self._compiled.items() if name.rpartition(".")[0] == fullname}
            spec.loader = FreshLoader(fullname, spec.origin, replaced, children, self.executed)
        elif spec.origin is None and replaced is not None:
            spec.loader = _NamespaceLoader(spec.loader, replaced)
        return spec

    def _is_own(self, spec: ModuleSpec, top: str) -> bool:
        if top in self._installed:
            return True
        places = [spec.origin] if spec.origin is not None else list(spec.submodule_search_locations or ())
        return any(Path(place).is_relative_to(folder) for place in places for folder in self._folders)


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
        executed: Executed modules and the digests of their sources, to be added to.
    """

    def __init__(
        self,
        fullname: str,
        path: str,
        replaced: ModuleType | None,
        children: Mapping[str, ModuleType],
        executed: dict[str, str],
    ) -> None:
        super().__init__(fullname, path)
        self._replaced = replaced
        self._children = children
        self._executed = executed

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
            self._executed[fullname] = sha256(source).hexdigest()
            return self.source_to_code(source, path)
        except SyntaxError as error:
            error.filename = error.filename or path  # NUL bytes and unknown encodings don't say where they are
            raise

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, with what it has of compiled modules."""
        for name, child in self._children.items():
            setattr(module, name.rpartition(".")[2], child)
        super().exec_module(module)
