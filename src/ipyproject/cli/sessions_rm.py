"""``ipyproject sessions rm``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipyproject.cli.options import project_option
from ipyproject.errors import HistoryError
from ipyproject.history import Status, open_history

if TYPE_CHECKING:
    from pathlib import Path


@click.command("rm")
@project_option
@click.argument("session_ids", metavar="ID...", nargs=-1, required=True)
def remove_sessions(project_path: Path | None, session_ids: tuple[str, ...]) -> None:
    """Delete sessions with all that is recorded of them; what runs saved stays."""
    with open_history(project_path, deleting=True) as store:
        records = [store.session(name) for name in session_ids]
        for record in records:
            if record.status is Status.OPEN:
                raise HistoryError(
                    f"Session {record.session_id} is still open, in process {record.pid} on {record.host}.",
                    "Close it first. One whose process can't be seen from here counts as interrupted when nothing was "
                    "heard of it for ten minutes.",
                )
        found = list(dict.fromkeys(record.session_id for record in records))
        store.delete(found)
    click.echo(f"Deleted {', '.join(found)}.")
