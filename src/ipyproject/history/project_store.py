"""Where the sessions of a project are recorded."""

from __future__ import annotations

import os
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipyproject.bootstrap import visited_project
from ipyproject.history.opening import open_for_reading
from ipyproject.settings import load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipyproject.history.store import Store
    from ipyproject.settings import Settings

STORE_VARIABLE = "IPYPROJECT_SESSION_STORE"
DEFAULT_STORE = ".ipyproject/history.db"


def store_location(settings: Settings) -> str:
    """Return where a project's sessions are recorded: ``IPYPROJECT_SESSION_STORE``, its settings, else the default.

    Returns:
        A path or an URL; relative ones start at the project's root.
    """
    return os.environ.get(STORE_VARIABLE) or settings.session_store or DEFAULT_STORE


@contextmanager
def open_history(project_path: str | Path | None = None) -> Iterator[Store]:
    """Open the store of a project for reading; where nothing was recorded yet, an empty one.

    Args:
        project_path: A folder in the project. By default the current project, else the one found upward from the
            working directory.

    Raises:
        ProjectError: There is no such project, or its settings are broken.
        HistoryError: The store can't be opened.
    """
    with visited_project(project_path) as project:
        location, root = store_location(load_settings(project)), project.root
    with open_for_reading(location, root=root) as store:
        if location != DEFAULT_STORE:  # a store of its own keeps its sessions even when the project is renamed
            store.project = project.project_name
        yield store
