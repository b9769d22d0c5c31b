"""The ``ipyproject`` command: a group that knows its commands by name and imports only the one that is called."""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from io import TextIOWrapper
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence


class LazyGroup(click.Group):
    """A group whose commands are imported when they are called; its help needs none of them.

    Args:
        lazy: Command -> (where it is: ``module:attribute``, its one-line help).
    """

    def __init__(self, *args: Any, lazy: Mapping[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lazy = lazy

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  (click's signature)
        """Return the names of the commands."""
        return list(self._lazy)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """Import a command."""
        if cmd_name not in self._lazy:
            return None
        module, _, attribute = self._lazy[cmd_name][0].partition(":")
        command = getattr(import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}:{attribute} is no command")
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """Write the list of commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, help_text) for name, (_, help_text) in self._lazy.items()])

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Add the closest match to the message for an unknown command."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            from ipyproject.errors import did_you_mean

            raise click.UsageError(
                f"No such command {args[0]!r}. {did_you_mean(args[0], self._lazy, 'Commands')}", ctx
            ) from error


@click.group(
    cls=LazyGroup,
    lazy={
        "run": ("ipyproject.cli.run:run", "Open a session, run a pipeline and close."),
        "replay": ("ipyproject.cli.replay:replay", "Run a recorded session again."),
        "sessions": ("ipyproject.cli.sessions:sessions", "Look at the recorded sessions."),
    },
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(None, "-V", "--version", package_name="ipyproject", prog_name="ipyproject")
def app() -> None:
    """Run data projects, and find every session again."""


def main(package_name: str | None = None, args: Sequence[str] | None = None) -> None:
    """Run the command line.

    Args:
        package_name: An installed project that is its own command: its ``__main__`` hands over its name.
        args: The arguments; by default those of the process.
    """
    from ipyproject.errors import ProjectError

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that can't show a character is no reason to fail
    show = warnings.showwarning
    with warnings.catch_warnings():
        warnings.showwarning = lambda warning, *about: _show_warning(warning, *about, otherwise=show)
        try:
            if package_name is not None:
                from ipyproject import current
                from ipyproject.bootstrap import installed_project

                current.set_project(installed_project(package_name))  # its settings are read when a session opens
            app.main(args=list(args) if args is not None else None, prog_name=package_name or "ipyproject")
        except ProjectError as error:
            click.echo(f"Error: {error.full_message()}", err=True)
            sys.exit(1)


def _show_warning(warning: Warning | str, *about: Any, otherwise: Callable[..., None]) -> None:
    """Write what our own warnings say on one line; others look as they always do."""
    from ipyproject.history import HistoryWarning
    from ipyproject.visible import visible

    if isinstance(warning, HistoryWarning):
        click.echo(f"Warning: {visible(str(warning))}", err=True)
    else:
        otherwise(warning, *about)
