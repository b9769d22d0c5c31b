"""Options that say which sessions are meant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipyproject.errors import ProjectError
from ipyproject.history import SessionFilter, Status, moment
from ipyproject.history.conditions import parameter_filter

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")


class MomentType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer clicks
    """``2026-01-31``, ``2026-01-31T09:30`` (local time), or an age: ``90m``, ``12h``, ``7d``, ``2w``."""

    name = "WHEN"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the aware moment, in UTC."""
        if isinstance(value, datetime):
            return value
        try:
            return moment(value)
        except ProjectError as error:
            self.fail(error.full_message(), param, ctx)


class ConditionsType(click.ParamType):  # type: ignore[type-arg]  # generic only in newer clicks
    """``a.b>=1,c=x``: checked here, and understood by :func:`session_filter`."""

    name = "KEY=VALUE"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the text as it is; what is wrong with it is a usage error."""
        try:
            parameter_filter(value)
        except ProjectError as error:
            self.fail(error.full_message(), param, ctx)
        return value


def filter_options(command: Command) -> Command:
    """Add the options that :func:`session_filter` understands."""
    for option in (
        click.option("--pipeline", help="Only sessions with a run of this pipeline."),
        click.option(
            "--param",
            type=ConditionsType(),
            multiple=True,
            help="Only with such a parameter: model.test_share=0.3, or with != < <= > >= (in quotes). All must hold.",
        ),
        click.option("--since", type=MomentType(), help="Only from then on: 2026-01-31, or 12h, 7d, 2w ago."),
        click.option("--status", type=click.Choice([each.value for each in Status]), help="Only those that ended so."),
        click.option("--env", help="Only of this environment."),
    ):
        command = option(command)
    return command


def session_filter(
    *,
    env: str | None,
    status: str | None,
    since: datetime | None,
    param: tuple[str, ...],
    pipeline: str | None,
) -> SessionFilter:
    """Return the filter that the options ask for."""
    return SessionFilter(
        env=env, status=Status(status) if status else None, since=since, pipeline=pipeline, **parameter_filter(param)
    )
