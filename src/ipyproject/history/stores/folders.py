"""The folders that a history lives in: of the user alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_FOLDER = ".ipyproject"


def make_private_folder(folder: Path) -> None:
    """Make a folder for nobody else where it is missing, and the one above it where that is ours or the temporary one.

    No other folder is made: a project that was moved away while it was open does not come back. Git is told not to look
    into a folder of our own name.

    Raises:
        OSError: It can't be made.
    """
    if folder.is_dir():
        return
    if not folder.parent.is_dir() and folder.parent.name.startswith((PRIVATE_FOLDER, "ipyproject-spool-")):
        make_private_folder(folder.parent)
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.name == PRIVATE_FOLDER:
        (folder / ".gitignore").write_text("*\n")


def make_folder(folder: Path) -> None:
    """Make the folder of a store where it is missing, wherever that is.

    Raises:
        OSError: It can't be made.
    """
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        make_private_folder(folder)
