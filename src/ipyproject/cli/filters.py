"""Options that say which sessions are meant."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

import click

from ipyproject.cli.options import TextType
from ipyproject.history import SessionFilter, Status, moment
from ipyproject.history.questions.conditions import parameter_filter

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

Command = TypeVar("Command", bound="Callable[..., Any]")


MOMENT = TextType("WHEN", moment)


def _checked_conditions(text: str) -> str:
    parameter_filter(text)  # `session_filter` understands them all at once
    return text


def filter_options(command: Command) -> Command:
    """Add the options that :func:`session_filter` understands."""
    for option in (
        click.option("--pipeline", help="Only sessions with a run of this pipeline."),
        click.option(
            "--param",
            type=TextType("KEY=VALUE", _checked_conditions),
            multiple=True,
            help="Only with such a parameter: model.test_share=0.3, or with != < <= > >= (in quotes). All must hold.",
        ),
        click.option("--since", type=MOMENT, help="Only from then on: 2026-01-31, or 12h, 7d, 2w ago."),
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
