"""All new or all old: modules are executed anew, and one failure puts every one of them back as it was."""

from __future__ import annotations

import importlib
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import ExtensionFileLoader, ModuleSpec, PathFinder, SourceFileLoader
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, Self

from ipyproject import current
from ipyproject.importing import import_project_module, project_modules

if TYPE_CHECKING:
    from collections.abc import Sequence
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
        self._namespaces: dict[str, tuple[type[ModuleType], dict[str, Any]]] = {}

    @property
    def executed(self) -> tuple[str, ...]:
        """Names of the modules executed so far, in order."""
        return tuple(self._finder.executed)

    def execute_rest(self, root: Path) -> None:
        """Execute the modules that were loaded before and that no import has reached yet.

        A notebook may hold them though no pipeline imports them. One whose file is gone stays out.

        Args:
            root: Files in messages are shown relative to this folder.

        Raises:
            ProjectCodeError: One of them fails.
        """
        for name in self._modules:
            if name not in sys.modules and self._still_there(name):
                import_project_module(name, root=root)

    def __enter__(self) -> Self:
        self._current = current.snapshot()
        self._meta_path = list(sys.meta_path)
        for name in self._owned():
            module = sys.modules[name]
            if isinstance(getattr(module, "__loader__", None), ExtensionFileLoader):
                continue  # compiled code can't be executed again; it stays
            self._modules[name] = sys.modules.pop(name)
            if isinstance(module, ModuleType):
                self._namespaces[name] = (type(module), dict(vars(module)))
        folders = [project.source_dir for project in self._projects if project.source_dir is not None]
        self._finder = _FreshFinder(folders, {project.package_name for project in self._projects}, self._modules)
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

    def _roll_back(self) -> None:
        for name in self._owned():
            if name not in self._modules and not isinstance(
                getattr(sys.modules[name], "__loader__", None), ExtensionFileLoader
            ):
                del sys.modules[name]
        sys.modules.update(self._modules)
        for name, (kind, namespace) in self._namespaces.items():
            module = self._modules[name]
            module.__class__ = kind
            vars(module).clear()
            vars(module).update(namespace)
        sys.meta_path[:] = self._meta_path
        current.restore(self._current)

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


class _FreshFinder(MetaPathFinder):
    """Finds the projects' modules where the ordinary path finder does, and has them executed from source."""

    def __init__(self, folders: Sequence[Path], packages: set[str], replaced: dict[str, ModuleType]) -> None:
        self._folders = folders
        self._tops = set(packages)
        self._replaced = replaced
        self.executed: list[str] = []

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = fullname.partition(".")[0]
        if top not in self._tops and not any(
            (folder / top).is_dir() or (folder / f"{top}.py").is_file() for folder in self._folders
        ):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or type(spec.loader) is not SourceFileLoader or spec.origin is None:
            return spec
        if path is None and top not in self._tops:
            if not any(Path(spec.origin).is_relative_to(folder) for folder in self._folders):
                return spec
            self._tops.add(top)
        spec.loader = FreshLoader(fullname, spec.origin, self._replaced.get(fullname), self.executed)
        return spec


class FreshLoader(SourceFileLoader):
    """Compiles a module from its source, never from a byte-code file, into the module object that it replaces."""

    def __init__(self, fullname: str, path: str, replaced: ModuleType | None, executed: list[str]) -> None:
        super().__init__(fullname, path)
        self._replaced = replaced
        self._executed = executed

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """Hand back the module object of that name, emptied; None makes a new one."""
        module = self._replaced
        if not isinstance(module, ModuleType):
            return None
        module.__class__ = ModuleType
        vars(module).clear()
        vars(module).update({"__name__": spec.name, "__doc__": None})
        return module

    def get_code(self, fullname: str) -> CodeType:
        """Compile the source file.

        Raises:
            SyntaxError: It does not compile.
        """
        path = self.get_filename(fullname)
        return self.source_to_code(self.get_data(path), path)

    def exec_module(self, module: ModuleType) -> None:
        """Execute the module, and take note of it."""
        self._executed.append(module.__name__)
        super().exec_module(module)
