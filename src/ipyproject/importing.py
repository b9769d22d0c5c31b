"""Import the project's own modules, know which loaded ones are its own, and say where its code failed."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ipyproject.errors import ProjectCodeError, ProjectError, format_error

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    from ipyproject.project import Project

_OWN_FOLDER = str(Path(__file__).parent)
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
        ProjectCodeError: For any exception that is not a :class:`ProjectError`; those pass, with ``where`` filled in.
    """
    try:
        yield
    except ProjectError as error:
        if error.where is None and project is not None and not isinstance(error, ProjectCodeError):
            error.where = _own_place(error, project)
        raise
    except (Exception, SystemExit) as error:
        place = _place(error, project) or f"while {doing}"
        raise ProjectCodeError(
            f"{place}: {format_error(error)}", "Mend it and try again; what was open before is unchanged."
        ) from error


def project_modules(package_name: str, source_dir: Path | None) -> list[str]:
    """Return the names of the loaded modules that belong to a project, in the order in which they were loaded.

    A module belongs to the project when its top-level package lies directly in the source folder. (An environment that
    happens to lie under the source folder does not belong to it: its packages lie deeper.) Of an installed project
    only the package itself does.

    Args:
        package_name: The project's package; matched as a package, never as a string prefix.
        source_dir: The folder on ``sys.path`` that holds it, or None for an installed project.
    """
    owned: dict[str, bool] = {"__main__": False}
    names = []
    for name in list(sys.modules):
        top = name.partition(".")[0]
        if source_dir is None:
            owned[top] = top == package_name
        elif top not in owned:
            # A package whose import failed is gone, and what it had imported of itself is still there.
            owned[top] = _lies_directly_in(sys.modules.get(top, sys.modules.get(name)), top, source_dir)
        if owned[top]:
            names.append(name)
    return names


def is_own_package(project: Project) -> bool:
    """Whether the project's package is loaded, and from its source folder."""
    top = project.package_name.partition(".")[0]
    module = sys.modules.get(top)
    return module is not None and project.source_dir is not None and _lies_directly_in(module, top, project.source_dir)


def _lies_directly_in(module: Any, top: str, folder: Path) -> bool:
    """Whether a loaded module comes from the top-level module or package of a name in a folder.

    By text, not by path: it is asked of every top-level module there is.

    Args:
        module: What ``sys.modules`` holds: the top-level module, or one below it.
        top: The top-level name.
        folder: The folder.
    """
    own_file, own_folder = f"{folder}{os.sep}{top}.py", f"{folder}{os.sep}{top}{os.sep}"
    if module is None:  # an import that somebody blocked
        return Path(own_folder).is_dir() or Path(own_file).is_file()
    file, path = _attribute(module, "__file__"), _attribute(module, "__path__")
    if isinstance(file, str):
        return file == own_file or file.startswith(own_folder)
    if path is not None:
        try:
            return any(f"{entry}{os.sep}".startswith(own_folder) for entry in path)
        except TypeError:
            return False
    # An object that a module put in its own place tells nothing of where it came from.
    return not isinstance(module, ModuleType) and Path(own_file).is_file()


def _attribute(module: Any, name: str) -> Any:
    """Ask anything that may lie in ``sys.modules``; some objects there raise for every name, or answer nonsense."""
    try:
        return getattr(module, name, None)
    except Exception:  # noqa: BLE001
        return None


def _place(error: BaseException, project: Project | None) -> str | None:
    """File and line: the broken line itself, else the innermost of the project, else the innermost that is not ours."""
    if isinstance(error, SyntaxError) and error.filename:
        line = f", line {error.lineno}" if error.lineno else ""
        return f"{_relative_path(error.filename, project)}{line}"
    if project is not None and (own := _own_place(error, project)) is not None:
        return own
    outside = [(file, line) for file, line in _frames(error) if not file.startswith(("<", _OWN_FOLDER, *_LIBRARIES))]
    return f"{outside[-1][0]}, line {outside[-1][1]}" if outside else None


def _own_place(error: BaseException, project: Project) -> str | None:
    own = [(file, line) for file, line in _frames(error) if _is_own(file, project)]
    return f"{_relative_path(own[-1][0], project)}, line {own[-1][1]}" if own else None


def _is_own(file: str, project: Project) -> bool:
    path = Path(file)
    if path.is_relative_to(project.package_dir):
        return True
    if project.source_dir is None or not path.is_relative_to(project.source_dir):
        return False
    return not file.startswith(_LIBRARIES) and "site-packages" not in path.parts


def _frames(error: BaseException) -> Iterator[tuple[str, int]]:
    traceback: TracebackType | None = error.__traceback__
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


def _relative_path(file: str, project: Project | None) -> str:
    path = Path(file)
    return path.relative_to(project.root).as_posix() if project and path.is_relative_to(project.root) else file
