"""``ipyproject sessions prune``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from ipyproject.cli.filters import MOMENT
from ipyproject.cli.options import project_option
from ipyproject.display.messages import counted
from ipyproject.history import open_history

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path


@click.command("prune")
@project_option
@click.option("--keep-last", type=click.IntRange(min=0), help="Keep that many of the newest.")
@click.option("--older-than", type=MOMENT, help="Delete only what is older: 2026-01-31, or 12h, 7d, 2w.")
@click.option("--dry-run", is_flag=True, help="Only list which.")
@click.option("--yes", is_flag=True, help="Don't ask. Nobody is asked where there is no terminal.")
def prune_sessions(
    project_path: Path | None, keep_last: int | None, older_than: datetime | None, *, dry_run: bool, yes: bool
) -> None:
    """Delete old sessions; with both options those that neither keeps. Open ones are never deleted."""
    if keep_last is None and older_than is None:
        raise click.UsageError("Say what to keep: --keep-last 100, --older-than 30d, or both.")
    with open_history(project_path, deleting=not dry_run) as store:
        doomed = store.prunable(keep_last=keep_last, older_than=older_than)
        many = counted(len(doomed), "session")
        if dry_run:
            click.echo("\n".join([f"Would delete {many}.", *doomed]))
            return
        if doomed:
            click.echo(f"{many}, the oldest {doomed[-1]}, the newest {doomed[0]}.")
            if not yes and sys.stdin.isatty() and sys.stdout.isatty():
                click.confirm(f"Delete {many}?", abort=True)
        deleted = store.delete(doomed)
    click.echo(f"Deleted {counted(deleted, 'session')}.")
