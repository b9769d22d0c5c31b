"""Where the sessions of a project are recorded."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ipyproject import current
from ipyproject.bootstrap import visited_project
from ipyproject.errors import ProjectCodeError, SettingsError
from ipyproject.history.recording.spool import spool_of
from ipyproject.history.stores.failures import HistoryWarning
from ipyproject.history.stores.opening import open_store
from ipyproject.project import find_project, read_project
from ipyproject.settings import Settings, load_settings

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipyproject.history.stores.store import Store
    from ipyproject.project import Project

STORE_VARIABLE = "IPYPROJECT_SESSION_STORE"
DEFAULT_STORE = ".ipyproject/history.db"


def store_location(settings: Settings) -> str:
    """Return where a project's sessions are recorded: ``IPYPROJECT_SESSION_STORE``, its settings, else the default.

    Returns:
        A path or an URL; relative ones start at the project's root.
    """
    return os.environ.get(STORE_VARIABLE) or settings.session_store or DEFAULT_STORE


@contextmanager
def open_history(project_path: str | Path | None = None, *, deleting: bool = False) -> Iterator[Store]:
    """Open the store of a project for reading; where nothing was recorded yet, an empty one.

    Where the project's settings are broken a `HistoryWarning` says so, and the store is the one that
    ``IPYPROJECT_SESSION_STORE`` names, else the default one.

    Args:
        project_path: A folder in the project. By default the current project, else the one found upward from the
            working directory.
        deleting: Sessions are going to be deleted: the default store is no substitute for one that broken settings
            may name.

    Raises:
        ProjectError: There is no such project, or it is not known where its sessions are.
        HistoryError: The store can't be opened.
    """
    project, location = _located(project_path, deleting=deleting)
    if deleting:
        opened = open_store(location, root=project.root, create=False)
    else:
        opened = open_for_reading(location, root=project.root)
    with opened as store:
        if location != DEFAULT_STORE:  # a store of its own keeps its sessions even when the project is renamed
            store.project = project.project_name
        yield store


def open_for_reading(location: str | Path, *, root: Path | None = None) -> Store:
    """Open the store at `location` for reading: nothing is made or changed; a `HistoryWarning` says what waits for it.

    Args:
        location: See `open_store`.
        root: See `open_store`.

    Raises:
        HistoryError: See `open_store`.
    """
    if spool_of(location, root=root).is_waiting():
        warnings.warn(
            "Sessions wait to be taken in by the next session that is recorded.", HistoryWarning, stacklevel=5
        )
    return open_store(location, root=root, reading=True)


def _located(project_path: str | Path | None, *, deleting: bool) -> tuple[Project, str]:
    try:
        with visited_project(project_path) as project:
            return project, store_location(load_settings(project))
    except (SettingsError, ProjectCodeError) as error:
        if deleting and not os.environ.get(STORE_VARIABLE):
            raise
        now = current.current_project() if project_path is None and current.has_project() else None
        location = store_location(Settings())
        told = error.full_message().partition("\n")[0]
        warnings.warn(f"The settings can't be read ({told}); looking into {location}.", HistoryWarning, stacklevel=4)
        return now or read_project(find_project(project_path)), location
