"""``ipyproject sessions diff``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ipyproject.cli.options import project_option
from ipyproject.display.sessions import render_differences
from ipyproject.history import compare_sessions, open_history

if TYPE_CHECKING:
    from pathlib import Path


@click.command("diff")
@project_option
@click.argument("before", metavar="A", default="latest~1")
@click.argument("after", metavar="B", default="latest")
@click.option("--json", "as_json", is_flag=True, help="Write a JSON list.")
def diff_sessions(project_path: Path | None, before: str, after: str, *, as_json: bool) -> None:
    """Show what differs between two sessions, by default the last two.

    Parameters, code, environment, packages, time per node and metrics, side by side; only what differs.
    """
    with open_history(project_path) as store:
        first, second = store.session(before), store.session(after)
        found = compare_sessions(store, first, second)
    if as_json:
        click.echo(json.dumps([each.as_document() for each in found], indent=2))
    else:
        click.echo(render_differences(first.session_id, second.session_id, found).text)
