"""Make a project the current one: from its folder (project mode) or from its installed package (packaged mode)."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from contextlib import ExitStack
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject import current
from ipyproject.errors import ProjectNotFoundError, UntrustedProjectError
from ipyproject.importing import Belonging, project_code_errors, project_modules
from ipyproject.interrupts import Interrupts
from ipyproject.place import stranger_at
from ipyproject.project import (
    CONF_FOLDER,
    Project,
    existing_folder,
    find_project,
    read_project,
    working_directory,
)
from ipyproject.settings import Settings, load_settings

if TYPE_CHECKING:
    from types import ModuleType, TracebackType


def bootstrap_project(path: str | Path | None = None) -> Project:
    """Open a project from its folder (project mode).

    Reads ``pyproject.toml``, puts the folder that holds the package on ``sys.path`` (and takes that of the previous
    project off), and checks its settings.

    Args:
        path: A folder in the project; the working directory by default.

    Raises:
        UntrustedProjectError: It was searched for from the working directory, and others can change what it executes.
        ProjectError: No project there, or its metadata or settings are broken. The previous project stays current.
    """
    project = found_project(working_directory() if path is None else path, trust=path is not None)
    make_current(project)
    return project


def found_project(path: str | Path | None, *, trust: bool) -> Project:
    """Return the project that is meant, its metadata read anew, unless others can change what it executes.

    Args:
        path: A folder in the project. By default the current project, else the one found upward from the working
            directory.
        trust: Whether the user has said that it is to be opened even so: by ``--trust``, or by naming it in Python. In
            this process that holds for this project from then on.

    Raises:
        UntrustedProjectError: It belongs to somebody else or can be written by others, and is not trusted.
        ProjectError: No project there, or its metadata are broken.
    """
    now = current.snapshot().project
    if path is None and now is not None:
        if now.source_dir is None:
            return now  # an installed project: there is no pyproject.toml to read again
        path = now.root
    start = existing_folder(path)
    project = read_project(find_project(start))
    if not current.is_trusted(project.root) and (stranger := stranger_at(start, project)):
        if not trust:
            raise UntrustedProjectError(
                f"{stranger}: others can change what the project there executes.",
                "If you trust them: %reload_project --trust, or --trust on the command line; in Python, name the "
                f"project: Session.create({str(project.root)!r}).",
            )
        current.trust(project.root)
    return project


def configure_project(package_name: str) -> Project:
    """Open an installed project by the name of its package (packaged mode); there is no ``pyproject.toml``.

    Its root is the working directory. The configuration is ``conf/`` there, else the ``conf`` folder inside the
    package.

    Args:
        package_name: An importable package.

    Raises:
        ProjectError: There is no such package, or its settings are broken.
    """
    project = installed_project(package_name)
    make_current(project)
    return project


def installed_project(package_name: str) -> Project:
    """Return what is known of an installed project before any code of it is executed; see `configure_project`.

    Raises:
        ProjectNotFoundError: There is no such package.
    """
    with project_code_errors(f"looking for {package_name}"):
        spec = importlib.util.find_spec(package_name)
    if spec is None:
        raise ProjectNotFoundError(
            f"No package {package_name!r} is installed.", "Install it, or open the project from its folder instead."
        )
    root, folders = working_directory(), [Path(each) for each in spec.submodule_search_locations or ()]
    beside = root / CONF_FOLDER
    return Project(
        root=root,
        package_name=package_name,
        project_name=package_name,
        source_dir=None,
        package_dir=folders[0] if folders else Path(spec.origin or "").parent,
        conf_source=next(
            (each for each in (beside, *(folder / CONF_FOLDER for folder in folders)) if each.is_dir()), beside
        ),
    )


class unchanged_on_failure:  # noqa: N801  (used as a function)
    """Put back the current project, ``sys.path`` and the projects' modules if the block raises.

    One thread at a time does that, and nothing is undone under the others: modules of a project on which a session is
    open stay. Gives what interrupts wait in meanwhile.

    A class, since a generator that an interrupt leaves behind is ended when it is collected, and would put things back
    then: in the middle of whatever goes on.

    Args:
        interrupts: What they wait in already.
    """

    def __init__(self, interrupts: Interrupts | None = None) -> None:
        self._interrupts = interrupts

    def __enter__(self) -> Interrupts:
        with ExitStack() as stack:
            interrupts = self._interrupts or stack.enter_context(Interrupts())
            stack.enter_context(current.only_change(interrupts.let_through))
            self._before, self._modules = current.snapshot(), dict(sys.modules)
            self._left = stack.pop_all()
        return interrupts

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if kind is not None:
                _put_back(self._before, self._modules)
        finally:
            self._left.__exit__(kind, error, traceback)


def _put_back(before: current.CurrentSnapshot, modules: dict[str, ModuleType]) -> None:
    now = current.snapshot().project
    for project in {now, before.project} - current.projects_in_use():
        for name in _modules_of(project):
            if sys.modules.get(name) is not modules.get(name):
                sys.modules.pop(name, None)
    # What had to make room: of the project before, or of the package's name. Others come and go in other threads.
    package = now.package_name.partition(".")[0] if now is not None else None
    belongs = Belonging(before.project) if before.project is not None else None
    for name, module in modules.items():
        if name not in sys.modules and (
            name.partition(".")[0] == package or (belongs is not None and belongs(name, module))
        ):
            sys.modules[name] = module
    current.restore(before)


def make_current(project: Project) -> Settings:
    """Make a project the current one and read its settings.

    Raises:
        ProjectError: Its settings are broken. The previous project stays current.
    """
    with unchanged_on_failure() as interrupts, interrupts.allowed():
        previous = current.snapshot().project
        # A package of the same name elsewhere is another one.
        if previous is None or (previous.package_name, previous.source_dir) != (
            project.package_name,
            project.source_dir,
        ):
            for name in [*_modules_of(previous), *_strangers(project)]:
                sys.modules.pop(name, None)
        current.set_project(project)
        importlib.invalidate_caches()
        return load_settings(project)


def _modules_of(project: Project | None) -> list[str]:
    return project_modules(project) if project is not None else []


def _strangers(project: Project) -> list[str]:
    """Modules of the project's package that were imported from somewhere else, such as an installed copy."""
    if project.source_dir is None:
        return []
    belongs = Belonging(project)
    package = project.package_name
    strange = [
        name
        for name, module in list(sys.modules.items())
        if (name == package or name.startswith(f"{package}.")) and module is not None and not belongs(name, module)
    ]
    for name in accumulate(package.split(".")[:-1], "{}.{}".format):
        module = sys.modules.get(name)
        # A namespace package is shared with others; an ordinary one elsewhere would be in the way.
        if getattr(module, "__file__", None) is not None and not belongs(name, module):
            strange.append(name)
    return strange
