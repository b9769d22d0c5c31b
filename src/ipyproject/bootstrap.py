"""Make a project the current one: from its folder (project mode) or from its installed package (packaged mode)."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject import current
from ipyproject.errors import ProjectNotFoundError
from ipyproject.importing import explained, lies_directly_in, project_modules
from ipyproject.project import CONF_FOLDER, Project, find_project, read_project
from ipyproject.settings import load_settings

if TYPE_CHECKING:
    from importlib.machinery import ModuleSpec


def bootstrap_project(path: str | Path | None = None) -> Project:
    """Open a project from its folder (project mode).

    Reads ``pyproject.toml``, puts the folder that holds the package on ``sys.path`` (and takes that of the previous
    project off), and checks its settings.

    Args:
        path: A folder in the project; the working directory by default.

    Raises:
        ProjectError: No project there, or its metadata or settings are broken. The previous project stays current.
    """
    return _make_current(read_project(find_project(path)))


def configure_project(package_name: str) -> Project:
    """Open an installed project by the name of its package (packaged mode); there is no ``pyproject.toml``.

    Its root is the working directory. The configuration is ``conf/`` there, else the ``conf`` folder inside the
    package.

    Args:
        package_name: An importable package.

    Raises:
        ProjectError: There is no such package, or its settings are broken.
    """
    with explained(f"looking for {package_name}"):
        spec = importlib.util.find_spec(package_name)
    if spec is None:
        raise ProjectNotFoundError(
            f"No package {package_name!r} is installed.", "Install it, or open the project from its folder instead."
        )
    root = Path.cwd()
    return _make_current(
        Project(
            root=root,
            package_name=package_name,
            project_name=package_name,
            source_dir=None,
            conf_source=_conf_beside_or_inside(root, spec),
        )
    )


def _conf_beside_or_inside(root: Path, spec: ModuleSpec) -> Path:
    beside = root / CONF_FOLDER
    if beside.is_dir():
        return beside
    for folder in spec.submodule_search_locations or ():
        inside = Path(folder) / CONF_FOLDER
        if inside.is_dir():
            return inside
    return beside


def _make_current(project: Project) -> Project:
    before = current.snapshot()
    modules_before = dict(sys.modules)
    evicted = [*_replaced_modules(before.project, project), *_strangers(project)]
    for name in evicted:
        sys.modules.pop(name, None)
    current.set_project(project)
    importlib.invalidate_caches()
    try:
        load_settings(project)
    except BaseException:
        current.restore(before)
        for name in project_modules(project.package_name, project.source_dir):
            if name not in modules_before:
                del sys.modules[name]
        sys.modules.update({name: modules_before[name] for name in evicted})
        raise
    return project


def _replaced_modules(previous: Project | None, project: Project) -> list[str]:
    """Modules of the project that another one replaces: a package of the same name elsewhere is not the same."""
    if previous is None or (previous.source_dir, previous.package_name) == (project.source_dir, project.package_name):
        return []
    return project_modules(previous.package_name, previous.source_dir)


def _strangers(project: Project) -> list[str]:
    """Modules of the project's package that were imported from somewhere else, such as an installed copy."""
    loaded = sys.modules.get(project.package_name)
    if loaded is None or project.source_dir is None or lies_directly_in(loaded, project.source_dir):
        return []
    return project_modules(project.package_name, None)
