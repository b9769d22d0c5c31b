"""``ipyproject sessions``: a group of one command per file."""

from __future__ import annotations

import click

from ipyproject.cli.app import LazyGroup


@click.group(
    cls=LazyGroup,
    lazy={
        "list": ("ipyproject.cli.sessions_list:list_sessions", "List the newest sessions."),
        "show": ("ipyproject.cli.sessions_show:show_session", "Show one session and its runs."),
        "params": ("ipyproject.cli.sessions_params:show_params", "Show the resolved parameters of a session."),
        "diff": ("ipyproject.cli.sessions_diff:diff_sessions", "Show what differs between two sessions."),
        "export": ("ipyproject.cli.sessions_export:export_sessions", "Write sessions as JSON lines."),
        "rm": ("ipyproject.cli.sessions_rm:remove_sessions", "Delete sessions."),
        "prune": ("ipyproject.cli.sessions_prune:prune_sessions", "Delete old sessions."),
    },
)
def sessions() -> None:
    """Look at the recorded sessions.

    A session is named by its id, a unique beginning of it, "latest" or "latest~2".
    """
