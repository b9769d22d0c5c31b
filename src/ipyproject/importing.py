"""Import the project's own modules, know which loaded ones are its own, and say where its code failed."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject.errors import ProjectCodeError, ProjectError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType, TracebackType

_OWN_FOLDER = str(Path(__file__).parent)


def import_project_module(name: str, *, optional: bool = False, root: Path | None = None) -> ModuleType | None:
    """Import a module of the project.

    Args:
        name: Full dotted name.
        optional: Return None where there is no such module (a module that exists and fails still raises).
        root: Files in messages are shown relative to this folder.

    Raises:
        ProjectCodeError: The module, or one that it imports, does not compile or raises.
    """
    with explained(f"importing {name}", root=root):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if optional and error.name == name:
                return None
            raise


@contextmanager
def explained(doing: str, *, root: Path | None = None) -> Iterator[None]:
    """Turn whatever the project's code raises into one short error with its own file and line.

    Args:
        doing: What was going on, said where no line of the project can be named: ``importing shop.settings``.
        root: Files in messages are shown relative to this folder.

    Raises:
        ProjectCodeError: For any exception that is not a :class:`ProjectError`; those pass, with ``where`` filled in.
    """
    try:
        yield
    except ProjectError as error:
        if error.where is None:
            error.where = _place(error, root)
        raise
    except (Exception, SystemExit) as error:
        place = _place(error, root) or f"while {doing}"
        reason = error.msg if isinstance(error, SyntaxError) else str(error)
        named = f"{type(error).__name__}: {reason}" if reason else type(error).__name__
        raise ProjectCodeError(
            f"{place}: {named}", "Mend it and try again; what was open before is unchanged."
        ) from error


def project_modules(package_name: str, source_dir: Path | None) -> list[str]:
    """Return the names of the loaded modules that belong to a project, in the order they were loaded.

    A module belongs to the project when its top-level package does: the project's package itself, and every package
    or module that lies directly in the source folder. (An environment that happens to lie under the source folder
    does not: its packages lie deeper.)

    Args:
        package_name: The project's package; matched as a package, never as a string prefix.
        source_dir: The folder on ``sys.path`` that holds it, or None for an installed project.
    """
    owned: dict[str, bool] = {"__main__": False}
    names = []
    for name in list(sys.modules):
        top = name.partition(".")[0]
        if top not in owned:
            module = sys.modules.get(top)
            owned[top] = top == package_name or (
                module is not None and source_dir is not None and lies_directly_in(module, source_dir)
            )
        if owned[top]:
            names.append(name)
    return names


def lies_directly_in(module: ModuleType, folder: Path) -> bool:
    """Whether a top-level module or package stands directly in a folder, as a file, a package or a namespace."""
    file = getattr(module, "__file__", None)
    if file is not None:
        path = Path(file)
        home = path.parent.parent if path.stem == "__init__" else path.parent
        return home == folder
    return any(Path(entry).parent == folder for entry in getattr(module, "__path__", ()))


def _place(error: BaseException, root: Path | None) -> str | None:
    """File and line in the project's code: the broken line itself, else the innermost frame that is not ours."""
    if isinstance(error, SyntaxError) and error.filename and error.lineno:
        return f"{_shown(error.filename, root)}, line {error.lineno}"
    frames = [(file, line) for file, line in _frames(error.__traceback__) if not _is_machinery(file)]
    if not frames:
        return None
    within = [frame for frame in frames if root is not None and _lies_under(frame[0], root)]
    file, line = (within or frames)[-1]
    return f"{_shown(file, root)}, line {line}"


def _frames(traceback: TracebackType | None) -> Iterator[tuple[str, int]]:
    while traceback is not None:
        yield traceback.tb_frame.f_code.co_filename, traceback.tb_lineno
        traceback = traceback.tb_next


def _is_machinery(file: str) -> bool:
    return file.startswith(("<frozen ", _OWN_FOLDER)) or file in {importlib.__file__, _CONTEXTLIB_FILE}


def _lies_under(file: str, root: Path) -> bool:
    path = Path(file)
    return path.is_relative_to(root) and "site-packages" not in path.relative_to(root).parts


def _shown(file: str, root: Path | None) -> str:
    path = Path(file)
    return path.relative_to(root).as_posix() if root is not None and path.is_relative_to(root) else file


_CONTEXTLIB_FILE = sys.modules["contextlib"].__file__
