"""``ipyproject sessions show``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipyproject.cli.options import project_option
from ipyproject.display.text import session_text
from ipyproject.session import open_history

if TYPE_CHECKING:
    from pathlib import Path


@click.command("show")
@project_option
@click.argument("session_id", metavar="ID")
def show_session(project_path: Path | None, session_id: str) -> None:
    """Show one session and its runs.

    ID is a session's id, a unique beginning of one, "latest" or "latest~2".
    """
    with open_history(project_path) as store:
        record = store.session(session_id)
        runs = store.runs(record.session_id)
        click.echo(session_text(record, [(run, store.nodes(run.run_id)) for run in runs]))
