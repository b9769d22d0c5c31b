"""The question which sessions are wanted, as SQL that an index answers.

One condition drives: the index of its table gives the sessions that fit, and the other conditions are looked up for
each of them. An index of equal values gives them in the order of time, so that the first few of a frequent value cost
as little as the only few of a rare one; where several conditions are asked for, the rarest drives. Where all are
frequent and the database can do it, several drive: their sessions, in one order, are merged as they are read. Counting
takes a millisecond, so that the newest sessions are looked at before: often they are enough.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from ipyproject.errors import HistoryError
from ipyproject.history.ids import microseconds
from ipyproject.history.records import Status
from ipyproject.history.values import parameter_rows, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ipyproject.history.stores.database import Database
    from ipyproject.history.stores.store import Comparison, SessionFilter
    from ipyproject.history.values import ParameterRow

# What is stored as open is shown as open or, when its process is gone, as interrupted.
STORED_AS = {Status.INTERRUPTED: (Status.OPEN, Status.INTERRUPTED)}
GLANCE = 500  # so many sessions are looked at before it is counted how many there are
FEW = 10_000  # so many sessions are sorted, or looked at one by one, in two milliseconds


class Query(NamedTuple):
    """A piece of SQL and its parameters."""

    sql: str
    parameters: tuple[Any, ...]


class Condition(NamedTuple):
    """One thing that is asked of a session.

    Attributes:
        table: Where the answer is.
        sql: The condition on a row called ``x`` of that table.
        parameters: Those of `sql`.
        indexed: An index finds the rows.
        ordered: It gives them in the order of time.
    """

    table: str
    sql: str
    parameters: tuple[Any, ...]
    indexed: bool = True
    ordered: bool = True

    def as_lookup(self) -> Query:
        """Return the condition on a session that is at hand."""
        return Query(
            f"EXISTS (SELECT 1 FROM {self.table} x WHERE x.session = d.session AND {self.sql})",  # noqa: S608
            self.parameters,
        )

    def as_driver(self) -> Query:
        """Return the condition on a row of the table that drives."""
        return Query(self.sql.replace("x.", "d."), self.parameters)


class SessionSearch:
    """A search for the sessions that fit, newest first.

    Args:
        where: Which sessions.
        database: Where they are.

    Raises:
        HistoryError: A comparison makes no sense.
    """

    def __init__(self, where: SessionFilter, database: Database) -> None:
        self._read = database.read
        self._times = list(_on_time(where))
        self._conditions = list(_conditions(where))
        self._ordered = [each for each in self._conditions if each.indexed and each.ordered]
        self._is_simple = len(self._conditions) == len(self._ordered) <= 1
        self._mergeable = database.merges_in_order
        self._drivers: list[Condition | None] = []  # chosen when they are needed

    def keys(self, before: int | None, limit: int) -> list[int]:
        """Return the keys of the next `limit` sessions, only those smaller than `before`."""
        if before is None and limit < GLANCE // 5 and not self._is_simple:
            found = self._at_a_glance(limit)
            if len(found) == limit:
                return found
        if not self._drivers:
            self._drivers = self._choose_drivers()
            if len(self._drivers) > 1:
                self._times.append(self._overlap())
        rest = [each.as_lookup() for each in self._conditions if each not in self._drivers]
        if before is not None:
            rest.append(Query("d.session < ?", (before,)))
        merged = [self._driven_by(driver, rest) for driver in self._drivers]
        sql = f"{' INTERSECT '.join(each.sql for each in merged)} ORDER BY 1 DESC LIMIT {limit:d}"
        return [key for (key,) in self._read(sql, _values(merged))]

    def _at_a_glance(self, limit: int) -> list[int]:
        """Return those of the newest sessions that fit; there may be more."""
        driver = self._ordered[0] if self._ordered else None
        newest = self._driven_by(driver, [])
        rest = [each.as_lookup() for each in self._conditions if each is not driver]
        sql = (
            f"SELECT d.session FROM ({newest.sql} ORDER BY 1 DESC LIMIT {GLANCE:d}) d "  # noqa: S608
            f"WHERE {' AND '.join(each.sql for each in rest)} ORDER BY 1 DESC LIMIT {limit:d}"
        )
        return [key for (key,) in self._read(sql, _values([newest, *rest]))]

    def _choose_drivers(self) -> list[Condition | None]:
        """Return the conditions that drive; None where all sessions are gone through."""
        ordered = self._ordered
        if not self._is_simple:
            counts = [(self._count(each), each) for each in self._conditions if each.indexed]
            count, rarest = min(counts, default=(FEW, None), key=lambda counted: counted[0])
            if rarest is not None and count < FEW:
                return [rarest]
        if (
            self._mergeable and ordered == self._conditions
        ):  # what is looked up besides would be for all, and not for a few
            return [*ordered] or [None]
        return [ordered[0] if ordered else None]

    def _overlap(self) -> Query:
        """Return the time in which sessions of all the drivers lie; they may never have met."""
        ends = [self._driven_by(each, [], f"{end}(d.session)") for each in self._drivers for end in ("min", "max")]
        [row] = self._read(f"SELECT {', '.join(f'({each.sql})' for each in ends)}", _values(ends))
        if None in row:
            return Query("1 = 0", ())
        return Query("d.session BETWEEN ? AND ?", (max(row[::2]), min(row[1::2])))

    def _count(self, condition: Condition) -> int:
        """Return how many rows fit, up to `FEW`."""
        query = self._driven_by(condition, [], "1")
        [[count]] = self._read(f"SELECT count(*) FROM ({query.sql} LIMIT {FEW}) AS found", query.parameters)  # noqa: S608
        return int(count)

    def _driven_by(self, driver: Condition | None, rest: list[Query], columns: str | None = None) -> Query:
        if columns is None:  # a session may have several runs of one pipeline; of everything else it has one
            columns = "DISTINCT d.session" if driver and driver.table == "runs" else "d.session"
        conditions = [*([driver.as_driver()] if driver else ()), *self._times, *rest]
        filtered = f" WHERE {' AND '.join(each.sql for each in conditions)}" if conditions else ""
        table = driver.table if driver else "sessions"
        return Query(f"SELECT {columns} FROM {table} d{filtered}", _values(conditions))  # noqa: S608


def _values(queries: Iterable[Query]) -> tuple[Any, ...]:
    return tuple(value for each in queries for value in each.parameters)


def _on_time(where: SessionFilter) -> Iterator[Query]:
    if where.since is not None:
        yield Query("d.session >= ?", (microseconds(where.since),))
    if where.until is not None:
        yield Query("d.session < ?", (microseconds(where.until),))


def _conditions(where: SessionFilter) -> Iterator[Condition]:
    for row in parameter_rows(where.params):
        yield _equal(row)
    for comparison in where.compare:
        yield _compared(comparison)
    if where.pipeline is not None:
        yield Condition("runs", "x.pipeline = ?", (storable(where.pipeline),))
    for column, value in (("env", where.env), ("project", where.project)):
        if value is not None:
            yield Condition("sessions", f"x.{column} = ?", (storable(value),))
    if where.status is not None:
        stored = STORED_AS.get(where.status, (where.status,))
        places = ", ".join("?" * len(stored))
        yield Condition("sessions", f"x.status IN ({places})", tuple(map(str, stored)), ordered=len(stored) == 1)


def _equal(row: ParameterRow) -> Condition:
    if row.number is not None:
        return Condition("parameters", "x.key = ? AND x.number = ?", (row.key, row.number))
    return Condition("parameters", "x.key = ? AND x.text = ? AND x.type = ?", (row.key, row.text, row.type))


def _compared(comparison: Comparison) -> Condition:
    rows = parameter_rows({comparison.key: comparison.value})
    values: tuple[Any, ...]
    if comparison.operator == "!=" and len(rows) == 1:
        [row] = rows
        if row.number is not None:
            differs, values = "x.number IS NULL OR x.number <> ?", (row.key, row.number)
        else:
            differs, values = "x.text IS NULL OR x.text <> ? OR x.type <> ?", (row.key, row.text, row.type)
        return Condition("parameters", f"x.key = ? AND ({differs})", values, indexed=False)
    if len(rows) == 1 and rows[0].number is not None:
        sql, values = f"x.key = ? AND x.number {comparison.operator} ?", (rows[0].key, rows[0].number)
    elif len(rows) == 1 and rows[0].type == "str":
        sql, values = f"x.key = ? AND x.text {comparison.operator} ? AND x.type = 'str'", (rows[0].key, rows[0].text)
    else:
        asked = f"{comparison.key} {comparison.operator} {comparison.value!r}"
        raise HistoryError(f"{asked} can't be asked: only numbers and texts have an order.", "Ask for an equal value.")
    return Condition("parameters", sql, values, ordered=False)
