"""A store of sessions in a SQL database: what SQLite and PostgreSQL have in common."""

# ruff: noqa: D102 - the base class documents the methods
from __future__ import annotations

import json
from hashlib import sha256
from itertools import repeat
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

from ipyproject.errors import HistoryError
from ipyproject.history.events import (
    FactsLogged,
    MetricsLogged,
    NodesFinished,
    PackagesFound,
    ParametersResolved,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionDescribed,
    SessionOpened,
    SessionSeen,
)
from ipyproject.history.ids import EPOCH, MICROSECOND, microseconds
from ipyproject.history.records import as_document
from ipyproject.history.stores.migrations import is_up_to_date, migrate
from ipyproject.history.stores.reading import SqlReading
from ipyproject.history.stores.store import UnknownRecordError
from ipyproject.history.values import content_hash, many_json, parameter_rows, storable, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ipyproject.history.events import Event
    from ipyproject.history.records import ErrorRecord, NodeRecord, RunRecord, SessionRecord
    from ipyproject.history.stores.database import Database, Row, Statements
    from ipyproject.history.values import ParameterRow

LONGEST_NAME = 500  # characters
PARAMETER_COLUMNS = ("session", "key", "type", "number", "text")
NODE_COLUMNS = ("run", "started", "name", "status", "duration", "outputs")
DELETED_AT_ONCE = 100  # sessions; others who write wait for them

Insert: TypeAlias = "Callable[[str, Sequence[str], Sequence[Row]], None]"  # `Database.insert`
Ending: TypeAlias = "tuple[str, int | None, str | None]"  # status, end and exception as they are stored


class SqlStore(SqlReading):
    """The writing half; see `Store` for what the methods do.

    Args:
        database: The open database; its tables are made or brought up to date, and the store closes it.

    Raises:
        HistoryError: The database can't be used, or a newer version of ipyproject wrote it.
    """

    def __init__(self, database: Database) -> None:
        super().__init__(database)
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise

    def is_current(self) -> bool:
        """Return whether a store that was left open for a while is as good as one newly opened."""
        try:
            return self.database.is_current() and is_up_to_date(self.database)
        except HistoryError:
            return False

    def write(self, events: Iterable[Event], *, of_known_only: bool = False) -> None:
        with self.database.transaction() as statements:
            for event in events:
                try:
                    _WRITING[type(event)](event, statements, self.database.insert)
                except UnknownRecordError:
                    if not of_known_only:
                        raise

    def delete(self, session_ids: Sequence[str]) -> int:
        deleted = 0
        for first in range(0, len(session_ids), DELETED_AT_ONCE):
            with self.database.transaction() as statements:
                for each in session_ids[first : first + DELETED_AT_ONCE]:
                    if (key := _find(statements, "session", each)) is not None:
                        _delete_session(statements, key)
                        deleted += 1
        return deleted

    def close(self) -> None:
        self.database.close()


def _session_opened(event: SessionOpened, statements: Statements, insert: Insert) -> None:
    record = event.record
    key = microseconds(record.start)
    document = to_json(as_document(record))
    values = (record.session_id, storable(record.project), storable(record.env), *_ending(record), document)
    while not statements.execute(
        "INSERT INTO sessions (session, session_id, project, env, status, ended, exception, record) "
        "VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
        (key, *values),
    ).rowcount:
        if _find(statements, "session", record.session_id) is not None:
            return
        key += 1  # another session has this one
    _index_parameters(key, parameter_rows(record.extra_params), insert)


def _session_described(event: SessionDescribed, statements: Statements, _insert: Insert) -> None:
    found = statements.execute("SELECT session, record FROM sessions WHERE session_id = ?", (event.session_id,))
    key, text = found.fetchone() or _no_record("session", event.session_id)
    statements.execute(
        "UPDATE sessions SET record = ? WHERE session = ?", (to_json(json.loads(text) | dict(event.details)), key)
    )


def _session_seen(event: SessionSeen, statements: Statements, _insert: Insert) -> None:
    sql = "UPDATE sessions SET seen = ? WHERE session_id = ?"
    if not statements.execute(sql, (microseconds(event.time), event.session_id)).rowcount:
        _no_record("session", event.session_id)


def _parameters_resolved(event: ParametersResolved, statements: Statements, insert: Insert) -> None:
    document = event.parameters
    key = _session_key(statements, event.session_id)
    _keep_document(statements, "parameters_hash", key, document.digest, document.text)
    statements.execute("DELETE FROM parameters WHERE session = ?", (key,))
    _index_parameters(key, document.rows, insert)


def _packages_found(event: PackagesFound, statements: Statements, _insert: Insert) -> None:
    key = _session_key(statements, event.session_id)
    _keep_document(statements, "packages_hash", key, *content_hash(event.packages))


def _facts_logged(event: FactsLogged, statements: Statements, _insert: Insert) -> None:
    key = _session_key(statements, event.session_id)
    statements.executemany(
        "INSERT INTO facts (session, name, value) VALUES (?, ?, ?) "
        "ON CONFLICT (session, name) DO UPDATE SET value = excluded.value",
        [(key, _index_text(name), to_json(value)) for name, value in event.facts.items()],
    )


def _metrics_logged(event: MetricsLogged, statements: Statements, _insert: Insert) -> None:
    key = _session_key(statements, event.session_id)
    statements.executemany(
        "INSERT INTO metrics (session, time, name, value, run_id) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (session, time, name) DO UPDATE SET value = excluded.value, run_id = excluded.run_id",
        [
            (key, microseconds(each.time), _index_text(each.name), repr(float(each.value)), each.run_id)
            for each in event.metrics
        ],
    )


def _session_closed(event: SessionClosed, statements: Statements, _insert: Insert) -> None:
    _end(statements, "session", event.session_id, _ending(event))


def _run_started(event: RunStarted, statements: Statements, _insert: Insert) -> None:
    record = event.record
    pipeline = record.selection.get("pipeline")
    document = to_json(as_document(record))
    values = (storable(pipeline) if isinstance(pipeline, str) else None, *_ending(record), document)
    key = microseconds(record.start)
    while not statements.execute(
        "INSERT INTO runs (run, run_id, session, pipeline, status, ended, exception, record) "
        "SELECT ?, ?, session, ?, ?, ?, ?, ? FROM sessions WHERE session_id = ? ON CONFLICT DO NOTHING",
        (key, record.run_id, *values, record.session_id),
    ).rowcount:
        if _find(statements, "run", record.run_id) is not None:
            return
        _session_key(statements, record.session_id)
        key += 1  # another run has this one


def _nodes_finished(event: NodesFinished, statements: Statements, insert: Insert) -> None:
    insert("nodes", NODE_COLUMNS, _node_rows(_run_key(statements, event.run_id), event.nodes))


def _run_finished(event: RunFinished, statements: Statements, _insert: Insert) -> None:
    _end(statements, "run", event.run_id, _ending(event))


def _index_parameters(session: int, rows: Iterable[ParameterRow], insert: Insert) -> None:
    # A name with a dot may give the same path as a nested one: the first is found, both stand in the document.
    insert("parameters", PARAMETER_COLUMNS, [(session, *row) for row in rows])


_WRITING: dict[type[Event], Callable[[Any, Statements, Insert], None]] = {
    SessionOpened: _session_opened,
    SessionDescribed: _session_described,
    SessionSeen: _session_seen,
    ParametersResolved: _parameters_resolved,
    PackagesFound: _packages_found,
    FactsLogged: _facts_logged,
    MetricsLogged: _metrics_logged,
    RunStarted: _run_started,
    NodesFinished: _nodes_finished,
    RunFinished: _run_finished,
    SessionClosed: _session_closed,
}


def _index_text(name: str) -> str:
    """Return a name as a part of a key: PostgreSQL takes no more than 2,700 bytes."""
    if len(name) <= LONGEST_NAME:
        return storable(name)
    return storable(f"{name[:LONGEST_NAME]}... {sha256(name.encode(errors='replace')).hexdigest()[:8]}")


def _find(statements: Statements, kind: str, identifier: str) -> int | None:
    """Return the key of a session or run; None when there is none."""
    found = statements.execute(f"SELECT {kind} FROM {kind}s WHERE {kind}_id = ?", (identifier,)).fetchone()  # noqa: S608
    return int(found[0]) if found else None


def _session_key(statements: Statements, session_id: str) -> int:
    key = _find(statements, "session", session_id)
    return _no_record("session", session_id) if key is None else key


def _run_key(statements: Statements, run_id: str) -> int:
    key = _find(statements, "run", run_id)
    return _no_record("run", run_id) if key is None else key


def _no_record(kind: str, identifier: str) -> NoReturn:
    raise UnknownRecordError(f"The store has no {kind} {identifier!r}.")


def _end(statements: Statements, kind: str, identifier: str, ending: Ending) -> None:
    """Write how a session or run ended."""
    sql = f"UPDATE {kind}s SET status = ?, ended = ?, exception = ? WHERE {kind}_id = ?"  # noqa: S608
    if not statements.execute(sql, (*ending, identifier)).rowcount:
        _no_record(kind, identifier)


def _ending(record: SessionRecord | RunRecord | SessionClosed | RunFinished) -> Ending:
    ended = None if record.end is None else microseconds(record.end)
    return str(record.status), ended, _error_text(record.exception)


def _error_text(error: ErrorRecord | None) -> str | None:
    return None if error is None else to_json([error.type, error.message, error.traceback])


def _node_rows(run: int, nodes: Sequence[NodeRecord]) -> list[Row]:
    # By columns, and without a call for each node where that can be: a run may have ten thousands of them.
    names = [each.name for each in nodes]
    together = "".join(names)
    if storable(together) != together or max(map(len, names), default=0) > LONGEST_NAME:
        names = [_index_text(name) for name in names]
    started = [(each.start - EPOCH) // MICROSECOND for each in nodes]
    statuses = [each.status.value for each in nodes]
    durations = [each.duration for each in nodes]
    outputs = [None if text == "{}" else text for text in many_json(each.outputs for each in nodes)]
    return [*zip(repeat(run), started, names, statuses, durations, outputs)]


def _keep_document(statements: Statements, column: str, session: int, digest: str, document: str) -> None:
    statements.execute(
        "INSERT INTO documents (hash, document) VALUES (?, ?) ON CONFLICT DO NOTHING", (digest, document)
    )
    statements.execute(f"UPDATE sessions SET {column} = ? WHERE session = ?", (digest, session))  # noqa: S608


def _delete_session(statements: Statements, key: int) -> None:
    hashes = statements.execute(
        "SELECT parameters_hash, packages_hash FROM sessions WHERE session = ?", (key,)
    ).fetchone()
    statements.execute("DELETE FROM nodes WHERE run IN (SELECT run FROM runs WHERE session = ?)", (key,))
    for table in ("runs", "parameters", "facts", "metrics", "sessions"):
        statements.execute(f"DELETE FROM {table} WHERE session = ?", (key,))  # noqa: S608
    statements.executemany(
        "DELETE FROM documents WHERE hash = ? AND NOT EXISTS (SELECT 1 FROM sessions WHERE parameters_hash = hash) "
        "AND NOT EXISTS (SELECT 1 FROM sessions WHERE packages_hash = hash)",
        [(digest,) for digest in hashes if digest is not None],
    )
