"""``ipyproject run``."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import click

from ipyproject.cli.options import NamesType, ParamsType, project_option
from ipyproject.config import PARAMS_HELP
from ipyproject.display.text import run_text
from ipyproject.errors import ProjectError
from ipyproject.session import Session

_OWN_FOLDER = str(Path(__file__).parent.parent)


class _Versions(NamesType):
    """``dataset:version,...`` -> dict."""

    name = "DATASET:VERSION,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Split at commas and colons."""
        if not isinstance(value, str):
            return value
        pairs = [pair.partition(":") for pair in super().convert(value, param, ctx)]
        for name, colon, version in pairs:
            if not colon or not version:
                self.fail(f"{name!r} has no version; write {name}:2026-01-31T09.30.00.000000Z-1a2b3c.", param, ctx)
        return {name: version for name, _, version in pairs}


@click.command()
@project_option
@click.option("-e", "--env", help="Environment, a folder under conf/. Default: IPYPROJECT_ENV, the project's default.")
@click.option("-p", "--pipeline", default="__default__", help="Name of the pipeline. Default: all of them.")
@click.option("--params", type=ParamsType(), help=f"Extra parameters. {PARAMS_HELP}")
@click.option("-t", "--tags", type=NamesType(), help="Only nodes with one of these tags.")
@click.option("-n", "--nodes", type=NamesType(), help="Only these nodes.")
@click.option("--from-nodes", type=NamesType(), help="Only these nodes and what depends on them.")
@click.option("--to-nodes", type=NamesType(), help="Only these nodes and what they depend on.")
@click.option("--from-inputs", type=NamesType(), help="Only nodes that read these datasets, and what depends on them.")
@click.option("--to-outputs", type=NamesType(), help="Only nodes that write these datasets, and what they depend on.")
@click.option("--namespaces", type=NamesType(), help="Only nodes in these namespaces.")
@click.option("--load-versions", type=_Versions(), help="Versions to load of versioned datasets.")
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
        started_by="cli",
        invocation={"command": ctx.command_path, "flags": _flags(ctx)},
    )
    try:
        with session:
            result = session.run(**selection, keep=False)
    except ProjectError:
        raise
    except Exception as error:
        if session.last_run is None:  # not a node's failure but our own
            raise
        raise _NodeFailedError(error) from error
    if not quiet:
        click.echo(run_text(session, result))


def _flags(ctx: click.Context) -> dict[str, dict[str, Any]]:
    """Every flag with its value, and whether it was given, came from the environment or is the default."""
    flags = {}
    for name, value in ctx.params.items():
        source = ctx.get_parameter_source(name)
        flags[name] = {
            "value": str(value) if isinstance(value, Path) else value,
            "source": source.name.lower() if source is not None else "default",
        }
    return flags


def _log_to_stderr() -> None:
    logger = logging.getLogger("ipyproject")
    if not logger.handlers:
        handler = logging.StreamHandler()
        handler.setFormatter(logging.Formatter("%(message)s"))
        logger.addHandler(handler)
    logger.setLevel(logging.INFO)


class _NodeFailedError(click.ClickException):
    """A node failed: shown with the project's own lines, not with ours around them; the process exits with 1."""

    def __init__(self, error: Exception) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self._error = error

    def show(self, file: Any = None) -> None:
        """Write the traceback from the first frame that is not ours."""
        error = self._error
        first = error.__traceback__
        while first is not None and first.tb_frame.f_code.co_filename.startswith(_OWN_FOLDER):
            first = first.tb_next
        click.echo("".join(traceback.format_exception(type(error), error, first)), file=file, err=True, nl=False)
