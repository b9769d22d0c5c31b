"""Which sessions are wanted: what is asked, the rows that answer it, and the queries that find them.

All that sessions and runs were given lies in one table, in the order of time within each value: what several
conditions have in common is merged while it is read, and the newest come first.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

from ipyproject.errors import HistoryError
from ipyproject.history.records import Status
from ipyproject.history.values import EXACT_FLOAT, MAX_INDEXED_TEXT, ParameterRow, parameter_rows, storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

Operator = Literal["<", "<=", ">", ">=", "!="]

# What is stored as open is shown as open or, when its process is gone, as interrupted.
OPEN_ONES = (Status.OPEN, Status.INTERRUPTED)
PIPELINE = "pipeline"  # the type of the rows that name a run's pipelines: no parameter has it


@dataclass(frozen=True, slots=True)
class Comparison:
    """A condition on one parameter: ``Comparison("model.test_share", ">", 0.2)``.

    A number is compared with numbers only, a text with texts; a session without the parameter does not fit.

    Attributes:
        key: The parameter's dotted path.
        operator: How it is compared.
        value: What with.
    """

    key: str
    operator: Operator
    value: Any

    def __post_init__(self) -> None:
        if self.operator not in get_args(Operator):
            raise HistoryError(f"There is no comparison {self.operator!r}.", f"Known: {', '.join(get_args(Operator))}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionFilter:
    """Which sessions are wanted; what is left out does not matter.

    What a run was given counts as its session's: its own parameters, and ``load_versions.<dataset>`` and
    ``inputs.<dataset>`` (true).

    Attributes:
        project: Of this project.
        env: Opened with this environment.
        status: As shown: INTERRUPTED includes sessions whose process is gone.
        since: Opened at this time or later (aware).
        until: Opened before this time (aware).
        params: With these values among their parameters: nested, or keyed by dotted paths.
        compare: With parameters that compare so.
        pipeline: With a run of this pipeline, alone or with others.
    """

    project: str | None = None
    env: str | None = None
    status: Status | None = None
    since: datetime | None = None
    until: datetime | None = None
    params: Mapping[str, Any] = field(default_factory=dict)
    compare: Sequence[Comparison] = ()
    pipeline: str | None = None


class Condition(NamedTuple):
    """One thing that is asked of sessions: rows of a table, and the parameters of the SQL."""

    table: str
    sql: str
    parameters: tuple[Any, ...]


def given_rows(selection: Mapping[str, Any], extra_params: Mapping[str, Any]) -> list[ParameterRow]:
    """Return the rows by which the session of a run is found: what it was given, and its pipelines."""
    versions, inputs, pipelines = (selection.get(name) for name in ("load_versions", "inputs", "pipeline"))
    given: dict[str, Any] = {} if not versions else {"load_versions": versions}
    if inputs:
        given["inputs"] = dict.fromkeys(inputs, True)
    names = [pipelines] if isinstance(pipelines, str) else pipelines or ()
    return [*parameter_rows(extra_params), *parameter_rows(given), *map(_pipeline_row, names)]


def _pipeline_row(name: str) -> ParameterRow:
    text = storable(name[:MAX_INDEXED_TEXT])
    return ParameterRow(f"{PIPELINE}.{text}", PIPELINE, None, text)


def conditions(where: SessionFilter, *, of_runs: bool = True) -> Iterator[Condition]:
    """Yield what is asked, but for the time.

    Args:
        where: Which sessions are wanted.
        of_runs: What runs were given is in the index; an older store has the names of single pipelines beside it.

    Raises:
        HistoryError: A comparison makes no sense.
    """
    for row in parameter_rows(where.params):
        yield _equal(row)
    if where.pipeline is not None:
        row = _pipeline_row(where.pipeline)
        yield _equal(row) if of_runs else Condition("runs", "pipeline = ?", (row.text,))
    for column, value in (("env", where.env), ("project", where.project)):
        if value is not None:
            yield Condition("sessions", f"{column} = ?", (storable(value),))
    if where.status not in {None, Status.UNREADABLE}:  # which are seen when they are read
        stored = OPEN_ONES if where.status is Status.INTERRUPTED else (where.status,)
        yield Condition("sessions", f"status IN ({', '.join('?' * len(stored))})", tuple(map(str, stored)))
    for comparison in where.compare:
        yield _compared(comparison)


def _equal(row: ParameterRow) -> Condition:
    if row.number is not None and row.text is None:
        exactly = " AND text IS NULL" if abs(row.number) >= EXACT_FLOAT else ""  # not an integer that is merely near
        return Condition("parameters", f"key = ? AND number = ?{exactly}", (row.key, row.number))
    return Condition("parameters", "key = ? AND text = ? AND type = ?", (row.key, row.text, row.type))


def _compared(comparison: Comparison) -> Condition:
    rows = parameter_rows({comparison.key: comparison.value})
    row = rows[0] if len(rows) == 1 else None
    values: tuple[Any, ...]
    if row and comparison.operator == "!=":
        if row.number is not None and row.text is None:
            near = " OR text IS NOT NULL" if abs(row.number) >= EXACT_FLOAT else ""
            differs, values = f"number IS NULL OR number <> ?{near}", (row.number,)
        else:
            differs, values = "text IS NULL OR text <> ? OR type <> ?", (row.text, row.type)
        return Condition("parameters", f"key = ? AND ({differs}) AND type <> '{PIPELINE}'", (row.key, *values))
    if row and row.number is not None:
        return Condition("parameters", f"key = ? AND number {comparison.operator} ?", (row.key, row.number))
    if row and row.type == "str":
        sql = f"key = ? AND text {comparison.operator} ? AND type = 'str'"
        return Condition("parameters", sql, (row.key, row.text))
    asked = f"{comparison.key} {comparison.operator} {comparison.value!r}"
    raise HistoryError(f"{asked} can't be asked: only numbers and texts have an order.", "Ask for an equal value.")
