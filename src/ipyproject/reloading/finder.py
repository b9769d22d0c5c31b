"""Finds a project's modules where the ordinary finder does, and has them compiled from source and observed."""

from __future__ import annotations

import os
import sys
from importlib.abc import MetaPathFinder
from importlib.machinery import PathFinder, SourceFileLoader
from typing import TYPE_CHECKING, NamedTuple, Protocol

from ipyproject.importing import Belonging
from ipyproject.reloading.snapshot import content_digest

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence
    from contextlib import AbstractContextManager
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    from ipyproject.project import Project


class ExecutedSource(NamedTuple):
    """What a module was compiled from.

    Attributes:
        path: Its file.
        source: The file's content at that moment.
        digest: That content, as a snapshot of the files has it.
    """

    path: str
    source: bytes
    digest: bytes

    @property
    def is_package(self) -> bool:
        """Whether it is a package's ``__init__``."""
        return self.path.rpartition(os.sep)[2].partition(".")[0] == "__init__"


class Observer(Protocol):
    """Sees what is executed."""

    def import_begins(self, name: str) -> None:
        """Take note that a module is looked for, by this thread."""

    def executing(self, name: str, executed: ExecutedSource) -> AbstractContextManager[None]:
        """Enclose the execution of a module, by this thread."""


class CompiledSources:
    """Code objects of sources: what was compiled from the very same text is taken again."""

    def __init__(self) -> None:
        self._codes: dict[str, tuple[bytes, CodeType]] = {}

    def get(self, executed: ExecutedSource, compile_source: Callable[[bytes, str], CodeType]) -> CodeType:
        """Return the code of a source.

        Raises:
            SyntaxError: It does not compile.
        """
        known = self._codes.get(executed.path)
        if known is None or known[0] != executed.source:
            known = self._codes[executed.path] = (executed.source, compile_source(executed.source, executed.path))
        return known[1]

    def keep_only(self, paths: Collection[str]) -> None:
        """Forget what was compiled from other files than these."""
        for path in [path for path in self._codes if path not in paths]:
            del self._codes[path]


class ProjectFinder(MetaPathFinder):
    """Finds a project's modules.

    It stays on ``sys.meta_path`` after a reload, so that a module imported later is never taken from a stale byte-code
    file, and the next reload knows what it was made from.

    Args:
        project: The project.
        observer: Sees what is executed.

    Attributes:
        observer: Another one may take its place for a while.
        codes: What was compiled.
        known: Modules that are known to be the project's, by whatever name they were imported.
        staying: Package -> modules below it, by their short names, that stay loaded though it is executed again.
    """

    def __init__(self, project: Project, observer: Observer) -> None:
        self._belongs = Belonging(project)
        self._folder = str(project.source_dir) if project.source_dir is not None else None
        self._installed = project.package_name
        self.observer = observer
        self.codes = CompiledSources()
        self.known: Collection[str] = ()
        self.staying: dict[str, dict[str, ModuleType]] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return how to execute a module of the project; None for any other."""
        if not self._may_be_own(fullname, path):
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        if spec is None or not self._is_own(fullname, spec):
            return spec
        self.observer.import_begins(fullname)
        if type(spec.loader) is SourceFileLoader and spec.origin is not None:
            spec.loader = FreshLoader(fullname, spec.origin, self)
        return spec

    def _may_be_own(self, name: str, path: Sequence[str] | None) -> bool:
        """Whether a module could be the project's: asked at every import there is, so by text and few looks."""
        if self._folder is None:
            return name == self._installed or name.startswith(f"{self._installed}.")
        if name in self.known:
            return True
        if path is not None:
            try:
                return any(self._belongs.has_file(name, place) for place in path)
            except TypeError:
                return False
        entries = [self._folder, *(entry for entry in sys.path if entry != self._folder and self._belongs.holds(entry))]
        places = [os.path.join(entry, name) for entry in entries]  # noqa: PTH118
        return any(os.path.isdir(place) or os.path.isfile(f"{place}.py") for place in places)  # noqa: PTH112, PTH113

    def _is_own(self, name: str, spec: ModuleSpec) -> bool:
        if spec.origin is not None:
            return self._belongs.has_file(name, spec.origin)
        return self._belongs.has_folders(name, spec.submodule_search_locations or ())


class FreshLoader(SourceFileLoader):
    """Compiles a module from its source, never from a byte-code file: that knows its source by second and size only.

    Args:
        fullname: The module's name.
        path: Its source.
        finder: Keeps the code and tells who observes.
    """

    def __init__(self, fullname: str, path: str, finder: ProjectFinder) -> None:
        super().__init__(fullname, path)
        self._finder = finder

    def exec_module(self, module: ModuleType) -> None:
        """Compile and execute the module, with what it has of modules below it that stay.

        Raises:
            SyntaxError: It does not compile.
        """
        name = module.__name__
        path = self.get_filename(name)
        source = self.get_data(path)
        executed = ExecutedSource(path, source, content_digest(source))
        vars(module).update(self._finder.staying.get(name, {}))
        with self._finder.observer.executing(name, executed):
            try:
                code = self._finder.codes.get(executed, self.source_to_code)
            except SyntaxError as error:
                error.filename = error.filename or path  # NUL bytes and unknown encodings don't say where they are
                raise
            exec(code, vars(module))  # noqa: S102 - this is what importing a module means
