"""Find and load the pipelines of the current project. The first error is raised: there are no partial registries."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as short_repr
from typing import TYPE_CHECKING

from ipyproject.current import created_pipeline, current_project
from ipyproject.errors import PipelineError
from ipyproject.importing import import_project_module, project_code_errors
from ipyproject.pipeline.pipeline import Pipeline
from ipyproject.pipeline.registry import PipelineRegistry

if TYPE_CHECKING:
    from types import ModuleType

    from ipyproject.project import Project

DEFAULT = "__default__"


def find_pipelines() -> dict[str, Pipeline]:
    """Find the pipelines of the current project.

    Each package or module ``<package>.pipelines.<name>`` with a function ``create_pipeline()`` gives the pipeline
    ``<name>``; where there is a module ``<package>.pipeline`` its ``create_pipeline()`` gives ``__default__``.

    Returns:
        Name -> pipeline, sorted by name. ``sum(find_pipelines().values())`` is the whole.

    Raises:
        ProjectCodeError: A module does not compile or raises.
        PipelineError: A ``create_pipeline`` is missing or returns something else.
    """
    project = current_project()
    found: dict[str, Pipeline] = {}
    single = import_project_module(f"{project.package_name}.pipeline", project, optional=True)
    if single is not None and hasattr(single, "create_pipeline"):
        found[DEFAULT] = _created(single, project)
    package_name = f"{project.package_name}.pipelines"
    package = import_project_module(package_name, project, optional=True)
    if package is not None:
        _refuse_folders_that_are_no_packages(package)
        for info in sorted(pkgutil.iter_modules(getattr(package, "__path__", ())), key=lambda info: info.name):
            if info.name.startswith("_"):
                continue
            module = import_project_module(f"{package_name}.{info.name}", project)
            if module is not None:
                found[info.name] = _created(module, project)
    return found


def load_pipelines(project: Project) -> PipelineRegistry:
    """Load the registry of a project: what its ``pipeline_registry.register_pipelines()`` returns.

    A project without that module has what :func:`find_pipelines` finds. Where no ``__default__`` is given it is the
    sum of all.

    Raises:
        ProjectCodeError: The project's code fails.
        PipelineError: The registry is not a mapping of names to pipelines, or pipelines don't fit together.
    """
    name = f"{project.package_name}.pipeline_registry"
    module = import_project_module(name, project, optional=True)
    with project_code_errors("registering the pipelines", project):
        registered = find_pipelines() if module is None else _registered(module)
        if DEFAULT not in registered:
            registered = {DEFAULT: Pipeline(registered.values())} | registered
        for pipeline in registered.values():
            _ = pipeline.nodes
    return PipelineRegistry(registered)


def _refuse_folders_that_are_no_packages(package: ModuleType) -> None:
    for location in getattr(package, "__path__", ()):
        for folder in sorted(Path(location).iterdir()):
            is_private = folder.name.startswith(("_", ".")) or not folder.name.isidentifier()
            if not is_private and not (folder / "__init__.py").exists() and next(folder.glob("*.py"), None) is not None:
                raise PipelineError(
                    f"{folder} has no __init__.py, so its pipeline can't be found.",
                    "Add one that gives create_pipeline(), or let the folder's name begin with '_'.",
                )


def _registered(module: ModuleType) -> dict[str, Pipeline]:
    register = getattr(module, "register_pipelines", None)
    if not callable(register):
        raise PipelineError(
            f"{module.__file__} has no function register_pipelines().",
            "Add one that returns a dict of pipelines, or delete the module: find_pipelines() is the default.",
        )
    registered = register()
    if not isinstance(registered, Mapping):
        raise PipelineError(
            f"register_pipelines() in {module.__file__} returned {short_repr(registered)}.",
            "Return a dict: name -> Pipeline.",
        )
    # The sum of no pipelines at all is Python's 0.
    given = {name: Pipeline([]) if type(each) is int and each == 0 else each for name, each in registered.items()}
    for name, pipeline in given.items():
        if not isinstance(name, str) or not isinstance(pipeline, Pipeline):
            raise PipelineError(
                f"register_pipelines() in {module.__file__} returned "
                f"{short_repr(pipeline)} under {name!r}: no Pipeline.",
                "Write Pipeline([...]).",
            )
    return dict(given)


def _created(module: ModuleType, project: Project) -> Pipeline:
    create = getattr(module, "create_pipeline", None)
    if not callable(create):
        raise PipelineError(
            f"{module.__name__} has no function create_pipeline().",
            "Add one that returns a Pipeline (import it in the __init__.py), or let the name begin with '_'.",
        )
    with project_code_errors(f"creating the pipeline of {module.__name__}", project):
        pipeline = created_pipeline(module.__name__, create)
    if not isinstance(pipeline, Pipeline):
        raise PipelineError(
            f"create_pipeline() in {module.__file__} returned {short_repr(pipeline)}.", "Return a Pipeline."
        )
    return pipeline
