"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from ipyproject.config import parse_params
from ipyproject.errors import ProjectError


class ParamsType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer clicks
    """``a.b=1,c=[1,2]`` -> nested dict."""

    name = "KEY=VALUE,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the parameter string; what is wrong with it is a usage error."""
        if not isinstance(value, str):
            return value
        try:
            return parse_params(value)
        except ProjectError as error:
            self.fail(error.full_message(), param, ctx)


class NamesType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer clicks
    """``a,b,c`` -> list of names."""

    name = "NAME,..."

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ARG002
        """Split at commas."""
        return [name.strip() for name in value.split(",") if name.strip()] if isinstance(value, str) else value


project_option = click.option(
    "--project",
    "project_path",
    type=click.Path(path_type=Path),
    help="A folder in the project. Default: the project found upward from the working directory.",
)


def flags_of(ctx: click.Context) -> dict[str, dict[str, Any]]:
    """Every flag of a command with its value, and whether it was given, came from the environment or is the default."""
    flags = {}
    for name, value in ctx.params.items():
        source = ctx.get_parameter_source(name)
        flags[name] = {
            "value": str(value) if isinstance(value, Path) else value,
            "source": source.name.lower() if source is not None else "default",
        }
    return flags
