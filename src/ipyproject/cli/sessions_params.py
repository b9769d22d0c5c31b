"""``ipyproject sessions params``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ipyproject.cli.options import project_option
from ipyproject.display.sessions import render_values
from ipyproject.history import flattened, open_history
from ipyproject.history.values import jsonable

if TYPE_CHECKING:
    from pathlib import Path


@click.command("params")
@project_option
@click.argument("session_id", metavar="ID", default="latest")
@click.option("--json", "as_json", is_flag=True, help="Write JSON.")
def show_params(project_path: Path | None, session_id: str, *, as_json: bool) -> None:
    """Show the parameters that a session had, resolved; those given at its opening where none were resolved."""
    with open_history(project_path) as store:
        record = store.session(session_id)
        resolved = store.parameters(record.session_id)
    params = record.extra_params if resolved is None else resolved
    click.echo(
        json.dumps(jsonable(params), indent=2)
        if as_json
        else render_values(("parameter", "value"), flattened(params)).text
    )
