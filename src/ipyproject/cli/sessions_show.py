"""``ipyproject sessions show``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ipyproject.cli.options import project_option
from ipyproject.display.sessions import render_session
from ipyproject.history import SessionHistory, open_history

if TYPE_CHECKING:
    from pathlib import Path


@click.command("show")
@project_option
@click.argument("session_id", metavar="ID", default="latest")
@click.option("--json", "as_json", is_flag=True, help="Write all that is recorded as JSON.")
def show_session(project_path: Path | None, session_id: str, *, as_json: bool) -> None:
    """Show one session and its runs.

    ID is a session's id, a unique beginning of one, "latest" (the default) or "latest~2".
    """
    with open_history(project_path) as store:
        record = store.session(session_id)
        found = SessionHistory.read(store, record)
    click.echo(json.dumps(found.as_document(), indent=2) if as_json else render_session(found).text)
