"""``ipyproject sessions``: a group of one command per file."""

from __future__ import annotations

import click

from ipyproject.cli.app import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("ipyproject.cli.sessions_list:list_sessions", "List the newest sessions."),
        "show": ("ipyproject.cli.sessions_show:show_session", "Show one session and its runs."),
    },
)
def sessions() -> None:
    """Look at the recorded sessions."""
