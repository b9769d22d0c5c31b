"""``ipyproject sessions export``."""

from __future__ import annotations

import json
from itertools import islice
from typing import TYPE_CHECKING, Any

import click

from ipyproject.cli.filters import filter_options, session_filter
from ipyproject.cli.options import project_option
from ipyproject.history import SessionHistory, open_history

if TYPE_CHECKING:
    from pathlib import Path


@click.command("export")
@project_option
@filter_options
@click.option("--limit", type=click.IntRange(1, 1_000_000), help="How many, newest first. Default: all.")
@click.option("-o", "--output", type=click.File("w", encoding="utf-8", atomic=True), default="-", help="A file.")
def export_sessions(project_path: Path | None, limit: int | None, output: Any, **conditions: Any) -> None:
    """Write sessions with all that is recorded of them, one JSON document a line."""
    with open_history(project_path) as store:
        for record in islice(store.iter_sessions(session_filter(**conditions)), limit):  # one at a time, however many
            output.write(json.dumps(SessionHistory.read(store, record).as_document()) + "\n")
