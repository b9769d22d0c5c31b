"""The folder that a project's history lives in."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

PRIVATE_FOLDER = ".ipyproject"


def make_folder(folder: Path) -> None:
    """Make a folder where it is missing; git is told not to look into one of our own name.

    Raises:
        OSError: It can't be made.
    """
    if folder.is_dir():
        return
    folder.mkdir(parents=True, exist_ok=True)
    if folder.name == PRIVATE_FOLDER:
        (folder / ".gitignore").write_text("*\n")
