"""The question which sessions are wanted, as SQL that an index answers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.history.ids import microseconds
from ipyproject.history.records import Status
from ipyproject.history.values import ParameterRow, parameter_rows

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ipyproject.history.store import SessionFilter

# What is stored as open is shown as open or, when its process is gone, as interrupted.
STORED_AS = {Status.INTERRUPTED: (Status.OPEN, Status.INTERRUPTED)}


class Query(NamedTuple):
    """A piece of SQL and its parameters."""

    sql: str
    parameters: tuple[Any, ...]


def session_keys(where: SessionFilter, before: int | None, limit: int) -> Query:
    """Return the query for the keys of the newest `limit` sessions that fit, newest first.

    One table drives: that of parameters, else that of runs, else that of sessions. Its index gives the sessions in the
    order of time, so that the first few of a frequent value and the only few of a rare one both cost little.

    Args:
        where: Which sessions.
        before: Only sessions with a smaller key, to go on where an earlier query ended.
        limit: How many.
    """
    rows = parameter_rows(where.params)
    driver = "parameters" if rows else "sessions" if where.pipeline is None else "runs"
    source = "sessions d" if driver == "sessions" else f"{driver} d JOIN sessions s ON s.session = d.session"
    sessions = "d" if driver == "sessions" else "s"
    conditions = [
        *_on_parameters(rows),
        *_on_pipeline(where.pipeline, driving=driver == "runs"),
        *_on_time(where, before),
        *_on_session(where, sessions),
    ]
    filtered = f" WHERE {' AND '.join(each.sql for each in conditions)}" if conditions else ""
    return Query(
        f"SELECT DISTINCT d.session FROM {source}{filtered} ORDER BY d.session DESC LIMIT {limit:d}",  # noqa: S608
        tuple(value for each in conditions for value in each.parameters),
    )


def _on_parameters(rows: list[ParameterRow]) -> Iterator[Query]:
    if rows:
        yield _equal(rows[0], "d")
    for row in rows[1:]:
        equal = _equal(row, "p")
        yield Query(
            f"EXISTS (SELECT 1 FROM parameters p WHERE p.session = d.session AND {equal.sql})",  # noqa: S608
            equal.parameters,
        )


def _equal(row: ParameterRow, table: str) -> Query:
    if row.number is not None:
        return Query(f"{table}.key = ? AND {table}.number = ?", (row.key, row.number))
    return Query(f"{table}.key = ? AND {table}.text = ? AND {table}.type = ?", (row.key, row.text, row.type))


def _on_pipeline(pipeline: str | None, *, driving: bool) -> Iterator[Query]:
    if pipeline is None:
        return
    if driving:
        yield Query("d.pipeline = ?", (pipeline,))
    else:
        yield Query("EXISTS (SELECT 1 FROM runs r WHERE r.session = d.session AND r.pipeline = ?)", (pipeline,))


def _on_time(where: SessionFilter, before: int | None) -> Iterator[Query]:
    if where.since is not None:
        yield Query("d.session >= ?", (microseconds(where.since),))
    if where.until is not None:
        yield Query("d.session < ?", (microseconds(where.until),))
    if before is not None:
        yield Query("d.session < ?", (before,))


def _on_session(where: SessionFilter, table: str) -> Iterator[Query]:
    for column, value in (("project", where.project), ("env", where.env)):
        if value is not None:
            yield Query(f"{table}.{column} = ?", (value,))
    if where.status is not None:
        stored = STORED_AS.get(where.status, (where.status,))
        yield Query(f"{table}.status IN ({', '.join('?' * len(stored))})", tuple(map(str, stored)))
