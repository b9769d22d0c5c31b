"""The questions that a SQL store answers."""

# ruff: noqa: D102 - the base class documents the methods
from __future__ import annotations

import json
import re
from dataclasses import replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from ipyproject.errors import HistoryError
from ipyproject.history.facts.process import Liveness, liveness
from ipyproject.history.ids import from_microseconds
from ipyproject.history.records import (
    ErrorRecord,
    MetricRecord,
    NodeRecord,
    RunRecord,
    SessionRecord,
    Status,
    from_document,
)
from ipyproject.history.stores.search import SessionSearch
from ipyproject.history.stores.store import SessionFilter, Store, UnknownRecordError
from ipyproject.history.values import revived, storable

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ipyproject.history.stores.database import Database, Row

LATEST = re.compile(r"latest(?:~(\d+))?")
PAGE = 200  # sessions read at once when their number is not limited, or when some may not fit
CLOSEST = 3  # ids that are shown for one that is unknown


class SqlReading(Store):
    """The reading half of a SQL store; see `Store` for what the methods do.

    Args:
        database: The open database.
    """

    def __init__(self, database: Database) -> None:
        self.database = database
        self.location = database.location
        self.notices = database.notices

    def sessions(self, limit: int | None = 20, where: SessionFilter | None = None) -> list[SessionRecord]:
        found: list[SessionRecord] = []
        where = where or SessionFilter()
        if where.project is None:
            where = replace(where, project=self.project)
        for page in self._pages(limit, where):
            found += page
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def _pages(self, limit: int | None, where: SessionFilter) -> Iterator[list[SessionRecord]]:
        unsure = where.status in {Status.OPEN, Status.INTERRUPTED}
        size = PAGE if limit is None or unsure else min(limit, PAGE)
        search = SessionSearch(where, self.database)
        before: int | None = None
        while size > 0:
            # Keys first, then their records: a query that sorts or filters must not carry the documents along.
            keys = search.keys(before, size)
            records = self._records(keys)
            yield [each for each in records if where.status in {None, each.status}]
            if len(keys) < size:
                return
            before = keys[-1]

    def _records(self, keys: Sequence[int]) -> list[SessionRecord]:
        if not keys:
            return []
        rows = self.database.read(
            "SELECT record, status, ended, exception, parameters_hash, packages_hash FROM sessions "  # noqa: S608
            f"WHERE session IN ({', '.join('?' * len(keys))}) ORDER BY session DESC",
            keys,
        )
        return [_session(row) for row in rows]

    def session(self, name: str) -> SessionRecord:
        name = storable(name)
        exact = self.database.read("SELECT session FROM sessions WHERE session_id = ?", (name,))
        if not exact:
            latest = LATEST.fullmatch(name)
            exact = self._nth_latest(int(latest[1] or 0)) if latest else self._by_prefix(name)
        [record] = self._records(exact[0])
        return record

    def _scope(self) -> tuple[str, tuple[str, ...]]:
        return ("1 = 1", ()) if self.project is None else ("project = ?", (self.project,))

    def _nth_latest(self, back: int) -> list[Row]:
        # More than 2**62 back overflows what a database counts with, and is not there either.
        scope, values = self._scope()
        found = self.database.read(
            f"SELECT session FROM sessions WHERE {scope} ORDER BY session DESC LIMIT 1 OFFSET ?",  # noqa: S608
            (*values, min(back, 2**62)),
        )
        if not found:
            [[count]] = self.database.read(f"SELECT count(*) FROM sessions WHERE {scope}", values)  # noqa: S608
            raise UnknownRecordError(
                f"There is no session latest~{back}: {count or 'none'} recorded in {self.location}.",
                "ipyproject sessions list shows the recorded ones.",
            )
        return found

    def _by_prefix(self, name: str) -> list[Row]:
        most = 8
        scope, values = self._scope()
        found = self.database.read(
            f"SELECT session, session_id FROM sessions WHERE {scope} AND session_id >= ? AND session_id < ? "  # noqa: S608
            "ORDER BY session_id LIMIT ?",
            (*values, name, name + "\U0010ffff", most + 1),
        )
        if not name or not found:
            raise UnknownRecordError(f"There is no session {name!r} in {self.location}.", self._closest(name))
        if len(found) > 1:
            candidates = [identifier for _, identifier in found]
            more = ", ..." if len(candidates) > most else ""
            raise HistoryError(
                f"Several sessions begin with {name!r}: {', '.join(candidates[:most])}{more}.", "Give more of the id."
            )
        return [found[0][:1]]

    def _closest(self, name: str) -> str:
        scope, values = self._scope()
        rows = self.database.read(
            f"SELECT session_id FROM sessions WHERE {scope} ORDER BY session DESC LIMIT ?",  # noqa: S608
            (*values, PAGE),
        )
        known = [identifier for (identifier,) in rows]
        if not known:
            return "No session has been recorded yet."
        close = get_close_matches(name, known, n=CLOSEST, cutoff=0.5)
        return f"Did you mean {' or '.join(close)}?" if close else f"The newest: {', '.join(known[:CLOSEST])}."

    def runs(self, session_id: str) -> list[RunRecord]:
        rows = self.database.read(
            "SELECT r.record, r.status, r.ended, r.exception FROM runs r JOIN sessions s ON s.session = r.session "
            "WHERE s.session_id = ? ORDER BY r.run",
            (session_id,),
        )
        runs = [_run(row) for row in rows]
        if any(each.status is Status.RUNNING for each in runs):
            session = self.session(session_id)
            if session.status is not Status.OPEN:
                return [
                    replace(each, status=Status.INTERRUPTED) if each.status is Status.RUNNING else each for each in runs
                ]
        return runs

    def nodes(self, run_id: str) -> list[NodeRecord]:
        rows = self.database.read(
            "SELECT n.name, n.status, n.started, n.duration, n.outputs FROM nodes n JOIN runs r ON r.run = n.run "
            "WHERE r.run_id = ? ORDER BY n.started, n.name",
            (run_id,),
        )
        return [
            NodeRecord(name, Status(status), from_microseconds(start), duration, json.loads(outputs) if outputs else {})
            for name, status, start, duration, outputs in rows
        ]

    def parameters(self, session_id: str) -> dict[str, Any] | None:
        return self._document("parameters_hash", session_id)

    def packages(self, session_id: str) -> dict[str, str] | None:
        return self._document("packages_hash", session_id)

    def _document(self, column: str, session_id: str) -> dict[str, Any] | None:
        rows = self.database.read(
            f"SELECT d.document FROM sessions s JOIN documents d ON d.hash = s.{column} WHERE s.session_id = ?",  # noqa: S608
            (session_id,),
        )
        content: dict[str, Any] | None = revived(json.loads(rows[0][0])) if rows else None
        return content

    def facts(self, session_id: str) -> dict[str, Any]:
        rows = self.database.read(
            "SELECT f.name, f.value FROM facts f JOIN sessions s ON s.session = f.session "
            "WHERE s.session_id = ? ORDER BY f.name",
            (session_id,),
        )
        return {name: revived(json.loads(value)) for name, value in rows}

    def metrics(self, session_id: str) -> list[MetricRecord]:
        rows = self.database.read(
            "SELECT m.name, m.value, m.time, m.run_id FROM metrics m JOIN sessions s ON s.session = m.session "
            "WHERE s.session_id = ? ORDER BY m.time, m.name",
            (session_id,),
        )
        return [MetricRecord(name, float(value), from_microseconds(time), run_id) for name, value, time, run_id in rows]


def _session(row: Row) -> SessionRecord:
    text, status, ended, exception, parameters_hash, packages_hash = row
    record = replace(
        from_document(SessionRecord, json.loads(text)),
        **_ending(status, ended, exception),
        parameters_hash=parameters_hash,
        packages_hash=packages_hash,
    )
    if record.status is Status.OPEN and liveness(record.host, record.pid, record.process) is Liveness.GONE:
        return replace(record, status=Status.INTERRUPTED)
    return record


def _run(row: Row) -> RunRecord:
    text, status, ended, exception = row
    return replace(from_document(RunRecord, json.loads(text)), **_ending(status, ended, exception))


def _ending(status: str, ended: int | None, exception: str | None) -> dict[str, Any]:
    return {
        "status": Status(status),
        "end": None if ended is None else from_microseconds(ended),
        "exception": None if exception is None else ErrorRecord(*json.loads(exception)),
    }
