"""Import the project's own modules, know which loaded ones are its own, and say where its code failed."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ipyproject.errors import ProjectCodeError, ProjectError, format_error

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import TracebackType

    from ipyproject.project import Project

_OWN_FOLDER = str(Path(__file__).parent)
_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages", "node_modules"})
_LIBRARIES = tuple({sysconfig.get_path(kind) for kind in ("stdlib", "platstdlib", "purelib", "platlib")})


def import_project_module(name: str, project: Project, *, optional: bool = False) -> ModuleType | None:
    """Import a module of a project.

    Args:
        name: Full dotted name.
        project: The project.
        optional: Return None where there is no such module (a module that exists and fails still raises).

    Raises:
        ProjectCodeError: The module, or one that it imports, does not compile or raises.
    """
    with project_code_errors(f"importing {name}", project):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if optional and error.name == name:
                return None
            raise


@contextmanager
def project_code_errors(doing: str, project: Project | None = None) -> Iterator[None]:
    """Turn whatever the project's code raises into one short error with its own file and line.

    Args:
        doing: What was going on, said where no line of the project can be named: ``importing shop.settings``.
        project: Whose code it is.

    Raises:
        ProjectCodeError: For any exception but interrupts and :class:`ProjectError`, which pass, these with ``where``
            filled in.
    """
    try:
        yield
    except ProjectError as error:
        if error.where is None and project is not None and not isinstance(error, ProjectCodeError):
            error.where = _own_place(error, project)
        raise
    except (KeyboardInterrupt, GeneratorExit):  # the latter where an interrupt has left this to the collector
        raise
    except BaseException as error:
        place = _place(error, project) or f"while {doing}"
        mend = "Install it in this environment or mend the import," if _is_missing(error, project) else "Mend it"
        raise ProjectCodeError(
            f"{place}: {format_error(error)}", f"{mend} and try again; what was open before is unchanged."
        ) from error


def _is_missing(error: BaseException, project: Project | None) -> bool:
    """Whether a library is not there, and not a module of the project."""
    if type(error) is not ModuleNotFoundError or not error.name:  # others may have attributes that do anything
        return False
    return project is None or str(error.name).partition(".")[0] != project.package_name.partition(".")[0]


def project_modules(project: Project) -> list[str]:
    """Return the names of the loaded modules that belong to a project, in the order in which they were loaded.

    A module is the project's by its file, whatever name it was imported by and however ``sys.path`` leads there; of an
    installed project the package and what lies in it are. Blocked imports (``sys.modules[name] = None``) are left out.
    """
    belongs = Belonging(project)
    return [name for name, module in list(sys.modules.items()) if module is not None and belongs(name, module)]


class Belonging:
    """Tells what belongs to a project: cheap, since it is asked of every module there is.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self._package = project.package_name
        self._folder = os.path.realpath(project.source_dir) if project.source_dir is not None else None
        self._is_flat = project.source_dir == project.root

    def __call__(self, name: str, module: Any) -> bool:
        """Whether what ``sys.modules`` holds under a name is one of the project's modules."""
        if name == "__main__":
            return False
        if self._folder is None:
            return name == self._package or name.startswith(f"{self._package}.")
        namespace = vars(module) if isinstance(module, ModuleType) else {}
        file = namespace.get("__file__")
        if isinstance(file, str):
            return self.has_file(name, file)
        if "__path__" in namespace:
            return self.has_folders(name, namespace["__path__"])
        # An object that a module put in its own place need not tell where it came from.
        return not isinstance(module, ModuleType) and _is_module_file(self._folder, name)

    def has_file(self, name: str, file: str) -> bool:
        """Whether a file, imported by a name, is one of the project's modules."""
        if self._folder is None:
            return name == self._package or name.startswith(f"{self._package}.")
        inner = _inner_path(file, self._folder)
        return inner is not None and not (
            # Beside its package, a project without a source folder may have anything; below it, other packages' files.
            self._is_flat and inner.partition(os.sep)[0].partition(".")[0] != name.partition(".")[0]
        )

    def has_folders(self, name: str, folders: Iterable[Any]) -> bool:
        """Whether a package without a file is the project's: one shared with others is nobody's own."""
        try:
            places = list(folders)
        except Exception:  # noqa: BLE001  (anything may lie in sys.modules)
            return False
        return bool(places) and all(isinstance(place, str) and self.has_file(name, place) for place in places)

    def holds(self, entry: object) -> bool:
        """Whether an entry of ``sys.path`` lies in the source folder."""
        if self._folder is None or not isinstance(entry, str):
            return False
        return _inner_path(os.path.abspath(entry), self._folder) is not None  # noqa: PTH100 - as texts


@lru_cache(maxsize=1 << 14)
def _inner_path(path: str, folder: str) -> str | None:
    """Return a path below a source folder; None for one elsewhere, or of an environment.

    With all links resolved, or by way of a link that lies in the folder and leads out of it.
    """
    real = os.path.realpath(path)
    if real == folder:
        return ""
    if real.startswith(f"{folder}{os.sep}"):
        inner = real[len(folder) + 1 :]
    else:
        parent, name = os.path.split(path)
        above = _inner_path(parent, folder) if name else None
        if above is None or not _LIBRARY_FOLDERS.isdisjoint(Path(real).parts):
            return None
        inner = os.path.join(above, name)  # noqa: PTH118 - texts all along: this is asked of every module
    folders = Path(inner).parts[:-1]
    is_library = any(part.startswith(".") or part in _LIBRARY_FOLDERS for part in folders)
    return None if is_library or real.startswith(_libraries_below(folder)) else inner


@lru_cache(maxsize=64)
def _libraries_below(folder: str) -> tuple[str, ...]:
    libraries = {os.path.realpath(library) for library in _LIBRARIES}
    return tuple(f"{library}{os.sep}" for library in libraries if library.startswith(f"{folder}{os.sep}"))


def _is_module_file(folder: str, name: str) -> bool:
    inner = os.path.join(folder, *name.split("."))  # noqa: PTH118 - as above, by text
    return any(os.path.isfile(file) for file in (f"{inner}.py", os.path.join(inner, "__init__.py")))  # noqa: PTH113, PTH118


def _place(error: BaseException, project: Project | None) -> str | None:
    """File and line: the broken line itself, else the innermost of the project, else the innermost that is not ours."""
    if issubclass(type(error), SyntaxError):  # by its real class: that may say it is another one
        file, number = (vars(SyntaxError)[name].__get__(error) for name in ("filename", "lineno"))
        if file and isinstance(file, str):
            return f"{_relative_path(file, project)}{f', line {number}' if number else ''}"
    if project is not None and (own := _own_place(error, project)) is not None:
        return own
    outside = [(file, line) for file, line in _frames(error) if not file.startswith(("<", _OWN_FOLDER, *_LIBRARIES))]
    return f"{outside[-1][0]}, line {outside[-1][1]}" if outside else None


def _own_place(error: BaseException, project: Project) -> str | None:
    own = [(file, line) for file, line in _frames(error) if _is_own(file, project)]
    return f"{_relative_path(own[-1][0], project)}, line {own[-1][1]}" if own else None


def _is_own(file: str, project: Project) -> bool:
    folder = os.path.realpath(project.source_dir or project.package_dir)
    return not file.startswith("<") and _inner_path(file, folder) is not None


def _frames(error: BaseException) -> Iterator[tuple[str, int]]:
    # By the descriptor: a class of the project's own may have another attribute of that name.
    traceback: TracebackType | None = vars(BaseException)["__traceback__"].__get__(error)
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


def _relative_path(file: str, project: Project | None) -> str:
    path = Path(file)
    return path.relative_to(project.root).as_posix() if project and path.is_relative_to(project.root) else file
