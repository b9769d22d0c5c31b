"""Open a data project in the live kernel with one line, edit anything, reload, and find every session again.

Names are imported when first used, so that ``import ipyproject`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ipyproject.bootstrap import bootstrap_project, configure_project
    from ipyproject.catalog import Catalog
    from ipyproject.context import Context
    from ipyproject.current import current_project, current_session
    from ipyproject.errors import ProjectError
    from ipyproject.hooks import hook_impl
    from ipyproject.pipeline import Node, Pipeline, find_pipelines
    from ipyproject.project import Project, find_project
    from ipyproject.session import RunResult, Session, SessionState, reload_project

__version__ = "0.1.0"

__all__ = [
    "Catalog",
    "Context",
    "Node",
    "Pipeline",
    "Project",
    "ProjectError",
    "RunResult",
    "Session",
    "SessionState",
    "__version__",
    "bootstrap_project",
    "configure_project",
    "current_project",
    "current_session",
    "find_pipelines",
    "find_project",
    "hook_impl",
    "load_ipython_extension",
    "reload_project",
    "unload_ipython_extension",
]

_HOMES = {
    "Catalog": "catalog",
    "Context": "context",
    "Node": "pipeline",
    "Pipeline": "pipeline",
    "Project": "project",
    "ProjectError": "errors",
    "RunResult": "session",
    "Session": "session",
    "SessionState": "session",
    "bootstrap_project": "bootstrap",
    "configure_project": "bootstrap",
    "current_project": "current",
    "current_session": "current",
    "find_pipelines": "pipeline",
    "find_project": "project",
    "hook_impl": "hooks",
    "reload_project": "session",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)


def load_ipython_extension(ipython: InteractiveShell) -> None:
    """``%load_ext ipyproject``: register the magics."""
    from ipyproject.notebook.extension import load

    load(ipython)


def unload_ipython_extension(ipython: InteractiveShell) -> None:
    """``%unload_ext ipyproject``: take everything out again; an open session stays."""
    from ipyproject.notebook.extension import unload

    unload(ipython)
