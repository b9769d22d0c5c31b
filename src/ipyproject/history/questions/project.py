"""Where the sessions of a project are recorded, and how they are looked at: nothing of the project is executed."""

from __future__ import annotations

import os
import warnings
from contextlib import contextmanager
from secrets import token_hex
from typing import TYPE_CHECKING

from ipyproject import current
from ipyproject.errors import HistoryError, MetadataError
from ipyproject.history.recording.spool import spool_of
from ipyproject.history.stores.failures import HistoryWarning
from ipyproject.history.stores.folders import PRIVATE_FOLDER, make_private_folder
from ipyproject.history.stores.locations import MEND, POSTGRES, URL, without_any_password
from ipyproject.history.stores.opening import open_store
from ipyproject.project import METADATA_FILE, TABLE, Metadata, find_project, read_metadata
from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ipyproject.history.stores.store import Store
    from ipyproject.project import Project
    from ipyproject.settings import Settings

STORE_VARIABLE = "IPYPROJECT_SESSION_STORE"
DEFAULT_STORE = f"{PRIVATE_FOLDER}/history.db"
NOTE = f"{PRIVATE_FOLDER}/store"  # what settings.py says, for those who look and don't execute it
LONGEST_NOTE = 10_000  # bytes


def store_location(project: Project, settings: Settings) -> str:
    """Return where a session is recorded: ``IPYPROJECT_SESSION_STORE``, its project or settings, else the default.

    Returns:
        A path or an URL; relative ones start at the project's root.
    """
    return os.environ.get(STORE_VARIABLE) or project.session_store or settings.session_store or DEFAULT_STORE


def note_store(project: Project, settings: Settings) -> None:
    """Note what ``settings.py`` says of the store, beside the default one, for those who look at sessions.

    A password is not noted. Where nothing can be written a `HistoryWarning` says what to do.
    """
    said = settings.session_store if project.session_store is None else None
    note = project.root / NOTE
    try:
        text = None if said is None else os.fsencode(without_any_password(said) or "") + b"\n"
        if text != _read(note):
            _replace(note, text)
    except (OSError, ValueError) as error:
        if said is not None:
            warnings.warn(
                f"It can't be noted where sessions are ({visible(str(error))}), for those who look at them: "
                "say it in pyproject.toml, by session_store.",
                HistoryWarning,
                stacklevel=2,
            )


def _replace(note: Path, text: bytes | None) -> None:
    if text is None:
        note.unlink(missing_ok=True)
        return
    make_private_folder(note.parent)
    new = note.with_name(f"{note.name}-{token_hex(4)}")
    try:
        with open(new, "wb", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
            file.write(text)
        new.replace(note)
    except BaseException:
        new.unlink(missing_ok=True)
        raise


def _read(note: Path) -> bytes | None:
    if not note.is_file():
        return None
    with note.open("rb") as file:
        return file.read(LONGEST_NOTE)


@contextmanager
def open_history(project_path: str | Path | None = None, *, deleting: bool = False) -> Iterator[Store]:
    """Open the store of a project for reading; where nothing was recorded yet, an empty one.

    The store is the one that ``IPYPROJECT_SESSION_STORE``, else ``session_store`` in ``pyproject.toml``, else
    ``SESSION_STORE`` in ``settings.py`` names, the last as the session that opened last has noted it: no code of the
    project is executed. Nothing is made, changed or taken in; a `HistoryWarning` says how much waits.

    Args:
        project_path: A folder in the project. By default the current project, else the one found upward from the
            working directory.
        deleting: Sessions are going to be deleted.

    Raises:
        ProjectError: There is no such project, or its ``pyproject.toml`` is broken.
        HistoryError: The store can't be opened.
    """
    metadata = _metadata(project_path)
    location, is_noted = _location(metadata)
    if location != DEFAULT_STORE and metadata.project_name is None:
        raise MetadataError(
            f"{metadata.root / METADATA_FILE}: the project has no name, and no package that tells it: "
            "other projects may have sessions in its store, too.",
            f"Set project_name under [tool.{TABLE}].",
        )
    try:
        store: Store = (
            open_store(location, root=metadata.root, create=False)
            if deleting
            else open_for_reading(location, root=metadata.root)
        )
    except HistoryError as error:
        if is_noted and (url := URL.fullmatch(location)) and url[1].lower() in POSTGRES:
            error.add_note(
                "The session opened last has noted this store, without a password: where one is needed, set "
                f"{STORE_VARIABLE}, or put it into ~/.pgpass."
            )
        raise
    with store:
        if location != DEFAULT_STORE:  # a store of its own keeps its sessions even when the project is renamed
            store.project = metadata.project_name
        yield store


def open_for_reading(location: str | Path, *, root: Path | None = None) -> Store:
    """Open the store at `location` without making one; a `HistoryWarning` says how many sessions wait for it.

    Args:
        location: See `open_store`.
        root: See `open_store`.

    Raises:
        HistoryError: See `open_store`.
    """
    waiting = spool_of(location, root=root).waiting()
    store = open_store(location, root=root, reading=True)
    if waiting:
        many = "1 session waits" if waiting == 1 else f"{waiting} sessions wait"
        warnings.warn(f"{many} to be taken in by the next session that opens.", HistoryWarning, stacklevel=4)
    return store


def _metadata(project_path: str | Path | None) -> Metadata:
    if project_path is None and current.has_project():
        project = current.current_project()
        return Metadata(project.root, project.project_name, project.session_store)
    return read_metadata(find_project(project_path))


def _location(metadata: Metadata) -> tuple[str, bool]:
    """Return where a project's sessions are, and whether that is known from a note."""
    if said := os.environ.get(STORE_VARIABLE) or metadata.session_store:
        return said, False
    note = metadata.root / NOTE
    try:
        noted = _read(note)
    except OSError as error:
        raise HistoryError(
            f"{note} can't be read: {error}.", f"Check its permissions, or set {STORE_VARIABLE}."
        ) from error
    if noted is None:
        return DEFAULT_STORE, False
    if not (said := os.fsdecode(noted).removesuffix("\n")):
        raise HistoryError(
            f"{note} does not say where sessions are: of an URL whose password is not quoted nobody can tell.", MEND
        )
    return said, True
