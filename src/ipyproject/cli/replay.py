"""``ipyproject replay``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from ipyproject.cli.failures import nodes_lines_only
from ipyproject.cli.options import PARAMS, flags_of, trusted_project_option
from ipyproject.display.messages import run_text
from ipyproject.display.sessions import render_replay
from ipyproject.session import Origin, Session, open_replay

if TYPE_CHECKING:
    from pathlib import Path


@click.command("replay")
@trusted_project_option
@click.argument("session_id", metavar="ID", default="latest")
@click.option("--params", type=PARAMS, help="Parameters that differ this time.")
@click.option("--strict", is_flag=True, help="Refuse when the code differs.")
@click.pass_context
def replay(
    ctx: click.Context, /, project_path: Path | None, session_id: str, params: dict[str, Any] | None, *, strict: bool
) -> None:
    """Run a recorded session again: its env, parameters, configuration and selections.

    Says what differs from then: code, parameters, configuration files, packages. The record of the new session names
    the old one.
    """
    origin = Origin("cli", {"command": ctx.command_path, "flags": flags_of(ctx)})
    replayed = open_replay(Session.create, session_id, project_path, extra_params=params, strict=strict, origin=origin)
    click.echo(render_replay(replayed).text)
    with nodes_lines_only(replayed.session), replayed:
        replayed.run()
    for result in replayed.results:
        click.echo(run_text(replayed.session, result))
