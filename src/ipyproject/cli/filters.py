"""Options that say which sessions are meant."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipyproject.cli.options import ParamsType
from ipyproject.errors import ProjectError
from ipyproject.history import SessionFilter, Status, moment

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
            self.fail(error.told(), param, ctx)


def filter_options(command: Command) -> Command:
    """Add the options that :func:`session_filter` understands."""
    for option in (
        click.option("--pipeline", help="Only sessions with a run of this pipeline."),
        click.option(
            "--param", type=ParamsType(), multiple=True, help="Only with this parameter: model.test_share=0.3."
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
    param: tuple[dict[str, Any], ...],
    pipeline: str | None,
) -> SessionFilter:
    """Return the filter that the options ask for."""
    from ipyproject.config import merge_params

    params: dict[str, Any] = {}
    for given in param:
        params = merge_params(params, given)
    return SessionFilter(
        env=env, status=Status(status) if status else None, since=since, params=params, pipeline=pipeline
    )
