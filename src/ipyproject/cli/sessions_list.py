"""``ipyproject sessions list``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ipyproject.cli.options import project_option
from ipyproject.display.text import sessions_text
from ipyproject.session import open_history

if TYPE_CHECKING:
    from pathlib import Path


@click.command("list")
@project_option
@click.option("--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many, newest first.")
def list_sessions(project_path: Path | None, limit: int) -> None:
    """List the newest sessions."""
    with open_history(project_path) as store:
        records = store.sessions(limit)
        click.echo(sessions_text([(record, store.runs(record.session_id)) for record in records]))
