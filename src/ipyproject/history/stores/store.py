"""A store of sessions in a SQL database."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from dataclasses import replace
from difflib import get_close_matches
from itertools import islice
from math import nan
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, Self, TypeVar

from ipyproject.errors import HistoryError
from ipyproject.history.ids import EPOCH, from_microseconds, microseconds
from ipyproject.history.records import (
    ErrorRecord,
    MetricRecord,
    NodeRecord,
    RunRecord,
    SessionRecord,
    Status,
    from_document,
)
from ipyproject.history.stores.failures import UnknownRecordError
from ipyproject.history.stores.lease import has_ended
from ipyproject.history.stores.migrations import LATEST, VERSION, check_version, migrate, version_of
from ipyproject.history.stores.search import Condition, SessionFilter, conditions
from ipyproject.history.stores.writing import write_event
from ipyproject.history.values import revived, storable

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime

    from ipyproject.history.events import Event
    from ipyproject.history.stores.database import Database, Row, Statements

NEWEST = re.compile(r"latest(?:~(\d+))?")
PAGE = 200  # sessions read at once when their number is not limited, or when some may not fit
CLOSEST = 3  # ids that are shown for one that is unknown
CANDIDATES = 8  # ids that are shown for a beginning that several have
EVER = 2**62  # microseconds; and more sessions than there are
SLICE_SECONDS = 0.02  # of deleting, with pauses as long: others who write wait for half a second
DELETED_AT_ONCE = 2000  # nodes, or metrics
SEEN_KNOWN, RUNS_INDEXED = 3, 4  # the versions from which on they are


Record = TypeVar("Record", SessionRecord, RunRecord)


class Store:
    """Where sessions are kept. Safe with threads, and with many processes writing at once.

    An event may be written again without changing anything more: that is how what was set aside while a store failed
    can be taken in once and only once.

    What can't be read of a record, its status says (UNREADABLE); the others are not affected. Every method raises
    `HistoryError` when the store can't be used.

    Args:
        database: The open database, which the store closes.
        reading: Nothing is written: an older version is read as it is, and a newer one as far as it can be. Otherwise
            the tables are made or brought up to date.

    Attributes:
        location: Where it is, for messages; never with a password.
        project: Where several projects share the store, the one whose sessions are listed, and meant by ``latest`` and
            by the beginning of an id; None for all. A whole id is found wherever it is from.
        notices: What the user should be told about how it was opened.

    Raises:
        HistoryError: The database can't be used; or, unless reading, a newer version of ipyproject wrote it.
    """

    def __init__(self, database: Database, *, reading: bool = False) -> None:
        self.database = database
        self.location = database.location
        self.project: str | None = None
        self.notices: Sequence[str] = ()
        self._version = LATEST
        self._is_reading = reading
        try:
            if reading:
                self._version = version_of(database)
            else:
                migrate(database)
        except BaseException:
            database.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the store; idempotent."""
        self.database.close()

    @property
    def is_empty(self) -> bool:
        """Whether there are no tables."""
        return self._version == 0

    def is_current(self) -> bool:
        """Return whether a store that was left open for a while is as good as one newly opened."""
        with suppress(HistoryError):
            return self.database.is_current() and self.database.read(VERSION) == [(LATEST,)]
        return False

    def write(self, events: Iterable[Event], *, of_known_only: bool = False) -> None:
        """Keep what happened, in one transaction.

        Args:
            events: What happened, in this order.
            of_known_only: Leave out what happened to sessions and runs that the store does not have.

        Raises:
            UnknownRecordError: The store does not have the session or run of an event.
            HistoryError: A newer version of ipyproject has changed it meanwhile.
        """
        with self._writing() as statements:
            version = statements.execute(VERSION)  # the answer comes with others
            for event in events:
                try:
                    write_event(event, statements, self.database)
                except UnknownRecordError:
                    if not of_known_only:
                        raise
            check_version(self.database, version.fetchone()[0])

    def _writing(self) -> AbstractContextManager[Statements]:
        if self._is_reading:
            raise HistoryError(f"{self.location} was opened for reading only.")
        return self.database.transaction()

    def sessions(self, limit: int | None = 20, where: SessionFilter | None = None) -> list[SessionRecord]:
        """Return the newest `limit` sessions (all with None), newest first."""
        return [*islice(self._found(where, PAGE if limit is None else min(limit, PAGE)), limit)]

    def iter_sessions(self, where: SessionFilter | None = None) -> Iterator[SessionRecord]:
        """Yield sessions, newest first, without holding them all at once."""
        return self._found(where, PAGE)

    def _found(self, where: SessionFilter | None, page: int) -> Iterator[SessionRecord]:
        where = where or SessionFilter()
        if where.project is None:
            where = replace(where, project=self.project)
        shown = where.status
        page = PAGE if shown in {Status.OPEN, Status.INTERRUPTED, Status.UNREADABLE} else page
        before = None
        while page:
            # Keys first, then their records: a query that sorts or filters must not carry the documents along.
            keys = self._keys(where, before, page)
            yield from (each for each in self._records(keys) if shown in {None, each.status})
            if len(keys) < page:
                return
            before = keys[-1]

    def _keys(self, where: SessionFilter, before: int | None, limit: int) -> list[int]:
        """Return the keys of the next sessions that may fit; several runs of one may make it come more than once."""
        since = -EVER if where.since is None else microseconds(where.since)
        until = EVER if where.until is None else microseconds(where.until)
        until = until if before is None else min(until, before)
        queries: list[str] = []
        values: list[Any] = []
        asked = conditions(where, of_runs=self._version >= RUNS_INDEXED)
        for table, sql, parameters in [*asked] or [Condition("sessions", "1 = 1", ())]:
            queries.append(f"SELECT session FROM {table} WHERE {sql} AND session >= ? AND session < ?")  # noqa: S608
            values += [*parameters, since, until]
        sql = f"{self.database.common(queries)} ORDER BY 1 DESC LIMIT {limit:d}"
        return [key for (key,) in self._read(sql, values)]

    def _records(self, keys: Sequence[int]) -> list[SessionRecord]:
        if not keys:
            return []
        seen = "seen" if self._version >= SEEN_KNOWN else "NULL"
        places = ", ".join("?" * len(keys))
        rows = self._read(
            "SELECT session, session_id, project, env, record, status, ended, exception, parameters_hash, "  # noqa: S608
            f"packages_hash, {seen} FROM sessions WHERE session IN ({places}) ORDER BY session DESC",
            keys,
        )
        return [*map(_session, rows)]

    def _read(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        try:
            return self.database.read(sql, parameters)
        except HistoryError as error:
            if self._version > LATEST:
                raise HistoryError(
                    f"{self.location} was written by a newer version of ipyproject, and this one can't read it.",
                    "Upgrade ipyproject.",
                ) from error
            raise

    def session(self, name: str) -> SessionRecord:
        """Return the session called `name`: an id, a unique beginning of one, ``latest`` or ``latest~2``.

        Raises:
            UnknownRecordError: There is none; the hint lists the closest.
            HistoryError: Several ids begin so; the hint lists them.
        """
        name = storable(name)
        exact = self._read("SELECT session FROM sessions WHERE session_id = ?", (name,))
        if not exact:
            newest = NEWEST.fullmatch(name)
            exact = self._nth_newest(int(newest[1] or 0)) if newest else self._by_prefix(name)
        [record] = self._records(exact[0])
        return record

    def _scope(self) -> tuple[str, tuple[str, ...]]:
        return ("1 = 1", ()) if self.project is None else ("project = ?", (storable(self.project),))

    def _nth_newest(self, back: int) -> list[Row]:
        scope, values = self._scope()
        found = self._read(
            f"SELECT session FROM sessions WHERE {scope} ORDER BY session DESC LIMIT 1 OFFSET ?",  # noqa: S608
            (*values, min(back, EVER)),
        )
        if not found:
            [[count]] = self._read(f"SELECT count(*) FROM sessions WHERE {scope}", values)  # noqa: S608
            raise UnknownRecordError(
                f"There is no session latest~{back}: {count or 'none'} recorded in {self.location}.",
                "ipyproject sessions list shows the recorded ones.",
            )
        return found

    def _by_prefix(self, name: str) -> list[Row]:
        scope, values = self._scope()
        found = self._read(
            f"SELECT session, session_id FROM sessions WHERE {scope} AND session_id >= ? AND session_id < ? "  # noqa: S608
            "ORDER BY session_id LIMIT ?",
            (*values, name, name + "\U0010ffff", CANDIDATES + 1),
        )
        if not name or not found:
            raise UnknownRecordError(f"There is no session {name!r} in {self.location}.", self._closest(name))
        if len(found) > 1:
            candidates = [identifier for _, identifier in found]
            more = ", ..." if len(candidates) > CANDIDATES else ""
            raise HistoryError(
                f"Several sessions begin with {name!r}: {', '.join(candidates[:CANDIDATES])}{more}.",
                "Give more of the id.",
            )
        return [found[0][:1]]

    def _closest(self, name: str) -> str:
        scope, values = self._scope()
        rows = self._read(
            f"SELECT session_id FROM sessions WHERE {scope} ORDER BY session DESC LIMIT ?",  # noqa: S608
            (*values, PAGE),
        )
        known = [identifier for (identifier,) in rows]
        if not known:
            return "No session has been recorded yet."
        close = get_close_matches(name, known, n=CLOSEST, cutoff=0.5)
        return f"Did you mean {' or '.join(close)}?" if close else f"The newest: {', '.join(known[:CLOSEST])}."

    def runs(self, session_id: str) -> list[RunRecord]:
        """Return the runs of a session in the order in which they started."""
        rows = self._of_session("runs", "run, run_id, record, status, ended, exception", "run", session_id)
        runs = [_run(session_id, row) for row in rows]
        if any(each.status is Status.RUNNING for each in runs) and self.session(session_id).status is not Status.OPEN:
            return [
                replace(each, status=Status.INTERRUPTED) if each.status is Status.RUNNING else each for each in runs
            ]
        return runs

    def nodes(self, run_id: str) -> list[NodeRecord]:
        """Return the finished nodes of a run in the order in which they started."""
        rows = self._read(
            "SELECT n.name, n.status, n.started, n.duration, n.outputs FROM nodes n JOIN runs r ON r.run = n.run "
            "WHERE r.run_id = ? ORDER BY n.started, n.name",
            (run_id,),
        )
        return [*map(_node, rows)]

    def parameters(self, session_id: str) -> dict[str, Any] | None:
        """Return the resolved parameters of a session; None when they never became known."""
        return self._document("parameters_hash", session_id)

    def packages(self, session_id: str) -> dict[str, str] | None:
        """Return the distributions that were installed; None when they never became known."""
        return self._document("packages_hash", session_id)

    def _document(self, column: str, session_id: str) -> dict[str, Any] | None:
        rows = self._read(
            f"SELECT d.document FROM sessions s JOIN documents d ON d.hash = s.{column} WHERE s.session_id = ?",  # noqa: S608
            (session_id,),
        )
        return _mapping(rows[0][0]) if rows else None

    def facts(self, session_id: str) -> dict[str, Any]:
        """Return the facts that were logged."""
        return {name: _value(text) for name, text in self._of_session("facts", "name, value", "name", session_id)}

    def metrics(self, session_id: str) -> list[MetricRecord]:
        """Return the metrics that were logged, in the order of their times."""
        rows = self._of_session("metrics", "name, value, time, run_id", "time, name", session_id)
        return [*map(_metric, rows)]

    def _of_session(self, table: str, columns: str, order: str, session_id: str) -> list[Row]:
        return self._read(
            f"SELECT {columns} FROM {table} WHERE session = (SELECT session FROM sessions WHERE session_id = ?) "  # noqa: S608
            f"ORDER BY {order}",
            (session_id,),
        )

    def prunable(self, *, keep_last: int | None = None, older_than: datetime | None = None) -> list[str]:
        """Return the ids of old sessions, newest first; open ones are never among them.

        Args:
            keep_last: None of the newest `keep_last`.
            older_than: Only those that opened before this time (aware). With both, those that neither keeps.
        """
        scope, values = self._scope()
        rows = self._read(
            f"SELECT session, session_id FROM sessions WHERE {scope} ORDER BY session DESC LIMIT ? OFFSET ?",  # noqa: S608
            (*values, EVER, keep_last or 0),
        )
        until = EVER if older_than is None else microseconds(older_than)
        live = {each.session_id for each in self.iter_sessions(SessionFilter(status=Status.OPEN))}
        return [session_id for session, session_id in rows if session < until and session_id not in live]

    def delete(self, session_ids: Iterable[str]) -> int:
        """Delete sessions by their full ids, with all that belongs to them; return how many there were.

        It is done in small pieces, each in a transaction of its own: others who write meanwhile wait for none of them
        long, and what is stopped in the middle leaves whole what is left of a session.
        """
        waiting = [*session_ids][::-1]
        deleted = 0
        while waiting:
            with self._writing() as statements:
                end = monotonic() + SLICE_SECONDS
                is_over = False
                while waiting and not is_over:
                    is_done, was_there = _delete_piece(statements, waiting[-1])
                    if is_done:
                        waiting.pop()
                        deleted += was_there
                    is_over = monotonic() > end
            if waiting:
                sleep(SLICE_SECONDS)
        return deleted


def _delete_piece(statements: Statements, session_id: str) -> tuple[bool, bool]:
    """Delete a part of a session, the last one with its record; return whether nothing is left, and whether it was."""
    found = statements.execute(
        "SELECT session, parameters_hash, packages_hash, (SELECT min(run) FROM runs WHERE runs.session = s.session) "
        "FROM sessions s WHERE session_id = ?",
        (session_id,),
    ).fetchone()
    if found is None:
        return True, False
    session, *hashes, run = found
    if run is not None:
        if not _thinned(statements, "nodes", "run", run, "started"):
            statements.execute("DELETE FROM parameters WHERE session = ? AND run = ?", (session, run))
            statements.execute("DELETE FROM runs WHERE run = ?", (run,))
        return False, True
    if _thinned(statements, "metrics", "session", session, "time"):
        return False, True
    for table in ("parameters", "facts", "sessions"):
        statements.execute(f"DELETE FROM {table} WHERE session = ?", (session,))  # noqa: S608
    statements.executemany(
        "DELETE FROM documents WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM sessions WHERE parameters_hash = hash) "
        "AND NOT EXISTS (SELECT 1 FROM sessions WHERE packages_hash = hash)",
        [(digest,) for digest in hashes if digest is not None],
    )
    return True, True


def _thinned(statements: Statements, table: str, column: str, key: int, order: str) -> bool:
    """Delete the first rows of a session or run; return whether there are more."""
    statements.execute(
        f"DELETE FROM {table} WHERE {column} = ? AND {order} <= (SELECT max({order}) FROM "  # noqa: S608
        f"(SELECT {order} FROM {table} WHERE {column} = ? ORDER BY {order} LIMIT {DELETED_AT_ONCE:d}) first_ones)",
        (key, key),
    )
    return bool(statements.execute(f"SELECT 1 FROM {table} WHERE {column} = ? LIMIT 1", (key,)).fetchone())  # noqa: S608


def _session(row: Row) -> SessionRecord:
    key, session_id, project, env, text, status, ended, exception, parameters_hash, packages_hash, seen = row
    hashes = {"parameters_hash": parameters_hash, "packages_hash": packages_hash}
    try:
        record = _checked(SessionRecord, text, session_id=str(session_id))
        record = replace(record, **_ending(status, ended, exception), **hashes)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, the others are listed
        known: dict[str, Any] = {"session_id": str(session_id), "project": str(project), "env": str(env)}
        record = SessionRecord(**known, start=_time(key), package_name="", project_root="", **_unreadable(error))
        # Nobody knows its process: it may live for as long as one that can't be seen from here.
        record = replace(record, status=Status.OPEN) if status == Status.OPEN else record
    if record.status is Status.OPEN and has_ended(record, _time(seen)):
        return replace(record, status=Status.INTERRUPTED if record.exception is None else Status.UNREADABLE)
    return record


def _run(session_id: str, row: Row) -> RunRecord:
    key, run_id, text, status, ended, exception = row
    try:
        record = _checked(RunRecord, text, run_id=str(run_id), session_id=session_id)
        return replace(record, **_ending(status, ended, exception))
    except Exception as error:  # noqa: BLE001 - as above
        return RunRecord(run_id=str(run_id), session_id=session_id, start=_time(key), **_unreadable(error))


def _node(row: Row) -> NodeRecord:
    name, status, started, duration, outputs = row
    try:
        written = _mapping(outputs or "{}")
        if not all(isinstance(each, dict) for each in written.values()):
            raise TypeError("what is told of an output is no mapping")
        return NodeRecord(name, Status(status), from_microseconds(started), float(duration), written)
    except Exception:  # noqa: BLE001 - as above
        return NodeRecord(str(name), Status.UNREADABLE, _time(started), 0.0)


def _metric(row: Row) -> MetricRecord:
    name, value, time, run_id = row
    try:
        return MetricRecord(name, float(value), from_microseconds(time), run_id)
    except Exception:  # noqa: BLE001 - as above
        return MetricRecord(f"{name} (unreadable)", nan, _time(time), None if run_id is None else str(run_id))


def _checked(kind: type[Record], text: str, **identifiers: str) -> Record:
    """Return the record in a document; what it is found by counts, whatever the document says.

    Raises:
        ValueError: What a field holds is not of the kind that others rely on.
    """
    record: Record = from_document(kind, json.loads(text) | identifiers)
    if record.start.tzinfo is None:
        raise ValueError("start has no time zone")
    return record


def _ending(status: str, ended: int | None, exception: str | None) -> dict[str, Any]:
    return {
        "status": Status(status),
        "end": None if ended is None else from_microseconds(ended),
        "exception": None if exception is None else _error(exception),
    }


def _error(text: str) -> ErrorRecord:
    return from_document(ErrorRecord, dict(zip(("type", "message", "traceback"), json.loads(text), strict=False)))


def _unreadable(error: Exception) -> dict[str, Any]:
    what = ErrorRecord("UnreadableRecord", f"What is recorded can't be read: {type(error).__name__}: {error}")
    return {"status": Status.UNREADABLE, "exception": what}


def _time(count: Any) -> datetime:
    try:
        return from_microseconds(count)
    except (TypeError, ValueError, OverflowError):
        return EPOCH


def _value(text: str) -> Any:
    """Return a value; what can't be read is its own text."""
    try:
        return revived(json.loads(text))
    except (ValueError, TypeError, RecursionError):
        return str(text)


def _mapping(text: str) -> dict[str, Any]:
    value = _value(text)
    return value if isinstance(value, dict) else {"(unreadable)": value}
