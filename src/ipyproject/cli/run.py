"""``ipyproject run``."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import click

from ipyproject.cli.failures import nodes_lines_only
from ipyproject.cli.options import NAMES, PARAMS, TextType, flags_of, names_in, trusted_project_option
from ipyproject.config import PARAMS_HELP
from ipyproject.display.messages import run_text
from ipyproject.session import Origin, Session
from ipyproject.visible import visible_lines


def _versions_in(text: str) -> dict[str, str]:
    pairs = [pair.partition(":") for pair in names_in(text)]
    for name, _, version in pairs:
        if not version:
            raise click.BadParameter(f"{name!r} has no version; write {name}:2026-01-31T09.30.00.000000Z-1a2b3c.")
    return {name: version for name, _, version in pairs}


@click.command()
@trusted_project_option
@click.option("-e", "--env", help="Environment, a folder under conf/. Default: IPYPROJECT_ENV, the project's default.")
@click.option("-p", "--pipeline", default="__default__", help="Name of the pipeline. Default: all of them.")
@click.option("--params", type=PARAMS, help=PARAMS_HELP)
@click.option("-t", "--tags", type=NAMES, help="Only nodes with one of these tags.")
@click.option("-n", "--nodes", type=NAMES, help="Only these nodes.")
@click.option("--from-nodes", type=NAMES, help="Only these nodes and what depends on them.")
@click.option("--to-nodes", type=NAMES, help="Only these nodes and what they depend on.")
@click.option("--from-inputs", type=NAMES, help="Only nodes that read these datasets, and what depends on them.")
@click.option("--to-outputs", type=NAMES, help="Only nodes that write these datasets, and what they depend on.")
@click.option("--namespaces", type=NAMES, help="Only nodes in these namespaces.")
@click.option(
    "--load-versions",
    type=TextType("DATASET:VERSION,...", _versions_in),
    help="Versions to load of versioned datasets.",
)
@click.option("-r", "--runner", help="Name or import path of the runner. Default: what the settings say.")
@click.option(
    "--conf-source", type=click.Path(path_type=Path), help="Folder or archive to read the configuration from."
)
@click.option("--no-save", is_flag=True, help="Leave no record of the session.")
@click.option("-q", "--quiet", is_flag=True, help="Print nothing but errors.")
@click.pass_context
def run(
    ctx: click.Context,
    /,
    project_path: Path | None,
    env: str | None,
    params: dict[str, Any] | None,
    conf_source: Path | None,
    no_save: bool,
    quiet: bool,
    **selection: Any,
) -> None:
    """Open a session, run a pipeline and close."""
    if not quiet:
        _log_to_stderr()
    session = Session.create(
        project_path,
        not no_save,
        env,
        params,
        conf_source,
        origin=Origin("cli", {"command": ctx.command_path, "flags": flags_of(ctx)}),
    )
    with nodes_lines_only(session), session:
        result = session.run(**selection, keep=False)
    if not quiet:
        click.echo(run_text(session, result))


class _Visible(logging.Formatter):
    """Shows names and texts of the project's as they can be seen."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        return visible_lines(super().format(record))


def _log_to_stderr() -> None:
    logger = logging.getLogger("ipyproject")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(_Visible("%(message)s"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)
