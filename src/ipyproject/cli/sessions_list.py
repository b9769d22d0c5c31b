"""``ipyproject sessions list``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from ipyproject.cli.filters import filter_options, session_filter
from ipyproject.cli.options import project_option
from ipyproject.display.sessions import render_sessions
from ipyproject.history import as_document, open_history

if TYPE_CHECKING:
    from pathlib import Path


@click.command("list")
@project_option
@filter_options
@click.option(
    "--limit", type=click.IntRange(1, 1_000_000), default=20, show_default=True, help="How many, newest first."
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON list.")
def list_sessions(project_path: Path | None, limit: int, *, as_json: bool, **conditions: Any) -> None:
    """List the newest sessions."""
    with open_history(project_path) as store:
        found = [
            (record, store.runs(record.session_id)) for record in store.sessions(limit, session_filter(**conditions))
        ]
    if as_json:
        documents = [as_document(record) | {"runs": [as_document(run) for run in runs]} for record, runs in found]
        click.echo(json.dumps(documents, indent=2))
    else:
        click.echo(render_sessions(found).text)
