"""``ipyproject sessions rm``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipyproject.cli.options import project_option
from ipyproject.history import open_history

if TYPE_CHECKING:
    from pathlib import Path


@click.command("rm")
@project_option
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
def remove_sessions(project_path: Path | None, session_ids: tuple[str, ...]) -> None:
    """Delete sessions with all that is recorded of them; what runs saved stays."""
    with open_history(project_path) as store:
        found = list(dict.fromkeys(store.session(name).session_id for name in session_ids))
        store.delete(found)
    click.echo(f"Deleted {', '.join(found)}.")
