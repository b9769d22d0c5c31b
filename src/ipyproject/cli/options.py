"""Options that several commands share."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipyproject.bootstrap import found_project
from ipyproject.config import parse_params
from ipyproject.errors import ProjectError

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")


class TextType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer clicks
    """What a function makes of an option's text; what is wrong with it is a usage error.

    Args:
        name: How the help shows the value.
        read: The function; it may raise a ProjectError.
    """

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Read the text; a value that is none is one already."""
        try:
            return self._read(value) if isinstance(value, str) else value
        except ProjectError as error:
            self.fail(error.full_message(), param, ctx)


def names_in(text: str) -> list[str]:
    """Return the names in ``a,b,c``."""
    return [name.strip() for name in text.split(",") if name.strip()]


PARAMS = TextType("KEY=VALUE,...", parse_params)
NAMES = TextType("NAME,...", names_in)


project_option = click.option(
    "--project",
    "project_path",
    type=click.Path(path_type=Path),
    help="A folder in the project. Default: the project found upward from the working directory.",
)


def trusted_project_option(command: Command) -> Command:
    """Add the options that say which project is meant, and refuse one that others can change unless it is trusted.

    For the commands that execute code of it.
    """

    @project_option
    @click.option("--trust", is_flag=True, help="Open the project although others can change what it executes.")
    @wraps(command)
    def checked(*args: Any, project_path: Path | None, trust: bool, **options: Any) -> Any:
        found_project(project_path, trust=trust)
        return command(*args, project_path=project_path, **options)

    return checked  # type: ignore[return-value]  # it takes what the command takes, and --trust


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
