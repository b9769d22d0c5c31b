"""How each kind of event is written into a store's tables.

A statement is sent with the next ones, where the way to the database is long: what is asked is asked first.
"""

from __future__ import annotations

import json
from hashlib import sha256
from itertools import repeat
from typing import TYPE_CHECKING, Any, NoReturn, TypeAlias

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
from ipyproject.history.stores.failures import UnknownRecordError
from ipyproject.history.stores.migrations import index_parameters
from ipyproject.history.stores.search import given_rows
from ipyproject.history.values import content_hash, many_json, parameter_rows, storable, to_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from ipyproject.history.events import Event
    from ipyproject.history.records import NodeRecord, RunRecord, SessionRecord
    from ipyproject.history.stores.database import Database, Row, Statements

LONGEST_NAME = 500  # characters
NODE_COLUMNS = ("run", "started", "name", "status", "duration", "outputs")

Ending: TypeAlias = "tuple[str, int | None, str | None]"  # status, end and exception as they are stored


def write_event(event: Event, statements: Statements, database: Database) -> None:
    """Write one event, in an open transaction.

    Raises:
        UnknownRecordError: The store does not have its session or run.
    """
    _WRITING[type(event)](event, statements, database)


def _session_opened(event: SessionOpened, statements: Statements, database: Database) -> None:
    record = event.record
    key = _new_key(statements, "session", record.session_id, microseconds(record.start))
    if key is not None:
        statements.execute(
            "INSERT INTO sessions (session, session_id, project, env, status, ended, exception, record) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (
                *(key, storable(record.session_id), storable(record.project), storable(record.env)),
                *(*_ending(record), to_json(as_document(record))),
            ),
        )
        index_parameters(database, key, parameter_rows(record.extra_params))


def _session_described(event: SessionDescribed, statements: Statements, _database: Database) -> None:
    found = statements.execute(
        "SELECT session, record FROM sessions WHERE session_id = ?", (storable(event.session_id),)
    )
    key, text = found.fetchone() or _no_record("session", event.session_id)
    statements.execute(
        "UPDATE sessions SET record = ? WHERE session = ?", (to_json(json.loads(text) | dict(event.details)), key)
    )


def _session_seen(event: SessionSeen, statements: Statements, _database: Database) -> None:
    key = _key(statements, "session", event.session_id)
    statements.execute("UPDATE sessions SET seen = ? WHERE session = ?", (microseconds(event.time), key))


def _parameters_resolved(event: ParametersResolved, statements: Statements, database: Database) -> None:
    key = _key(statements, "session", event.session_id)
    _keep_document(statements, "parameters_hash", key, event.parameters.digest, event.parameters.text)
    statements.execute("DELETE FROM parameters WHERE session = ? AND run = 0", (key,))
    index_parameters(database, key, event.parameters.rows)


def _packages_found(event: PackagesFound, statements: Statements, _database: Database) -> None:
    key = _key(statements, "session", event.session_id)
    _keep_document(statements, "packages_hash", key, *content_hash(event.packages))


def _facts_logged(event: FactsLogged, statements: Statements, _database: Database) -> None:
    key = _key(statements, "session", event.session_id)
    statements.executemany(
        "INSERT INTO facts (session, name, value) VALUES (?, ?, ?) "
        "ON CONFLICT (session, name) DO UPDATE SET value = excluded.value",
        [(key, _index_text(name), to_json(value)) for name, value in event.facts.items()],
    )


def _metrics_logged(event: MetricsLogged, statements: Statements, _database: Database) -> None:
    key = _key(statements, "session", event.session_id)
    statements.executemany(
        "INSERT INTO metrics (session, time, name, value, run_id) VALUES (?, ?, ?, ?, ?) "
        "ON CONFLICT (session, time, name) DO UPDATE SET value = excluded.value, run_id = excluded.run_id",
        [
            (
                key,
                microseconds(each.time),
                _index_text(each.name),
                repr(float(each.value)),
                each.run_id and storable(each.run_id),
            )
            for each in event.metrics
        ],
    )


def _session_closed(event: SessionClosed, statements: Statements, _database: Database) -> None:
    _end(statements, "session", event.session_id, _ending(event))


def _run_started(event: RunStarted, statements: Statements, database: Database) -> None:
    record = event.record
    session = _key(statements, "session", record.session_id)
    key = _new_key(statements, "run", record.run_id, microseconds(record.start))
    if key is not None:
        statements.execute(
            "INSERT INTO runs (run, run_id, session, status, ended, exception, record) VALUES (?, ?, ?, ?, ?, ?, ?)",
            (key, storable(record.run_id), session, *_ending(record), to_json(as_document(record))),
        )
        index_parameters(database, session, given_rows(record.selection, record.extra_params), run=key)


def _nodes_finished(event: NodesFinished, statements: Statements, database: Database) -> None:
    database.insert("nodes", NODE_COLUMNS, _node_rows(_key(statements, "run", event.run_id), event.nodes))


def _run_finished(event: RunFinished, statements: Statements, _database: Database) -> None:
    _end(statements, "run", event.run_id, _ending(event))


_WRITING: Mapping[type[Event], Callable[[Any, Statements, Database], None]] = {
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


def _key(statements: Statements, kind: str, identifier: str) -> int:
    """Return the key of a session or run."""
    sql = f"SELECT {kind} FROM {kind}s WHERE {kind}_id = ?"  # noqa: S608
    found = statements.execute(sql, (storable(identifier),)).fetchone() or _no_record(kind, identifier)
    return int(found[0])


def _new_key(statements: Statements, kind: str, identifier: str, time: int) -> int | None:
    """Return a key for a new session or run: the time, or one close by; None when it is there already."""
    sql = (
        f"SELECT EXISTS (SELECT 1 FROM {kind}s WHERE {kind}_id = ?), "  # noqa: S608
        f"EXISTS (SELECT 1 FROM {kind}s WHERE {kind} = ?)"
    )
    while True:
        is_known, is_taken = statements.execute(sql, (storable(identifier), time)).fetchone()
        if is_known or not is_taken:
            return None if is_known else time
        time += 1


def _no_record(kind: str, identifier: str) -> NoReturn:
    raise UnknownRecordError(f"The store has no {kind} {identifier!r}.")


def _end(statements: Statements, kind: str, identifier: str, ending: Ending) -> None:
    """Write how a session or run ended."""
    key = _key(statements, kind, identifier)
    statements.execute(
        f"UPDATE {kind}s SET status = ?, ended = ?, exception = ? WHERE {kind} = ?",  # noqa: S608
        (*ending, key),
    )


def _ending(record: SessionRecord | RunRecord | SessionClosed | RunFinished) -> Ending:
    error = record.exception
    return (
        str(record.status),
        None if record.end is None else microseconds(record.end),
        None if error is None else to_json([error.type, error.message, error.traceback]),
    )


def _node_rows(run: int, nodes: Sequence[NodeRecord]) -> list[Row]:
    # By columns, and without a call for each node where that can be: a run may have ten thousands of them.
    names: Iterable[str] = [each.name for each in nodes]
    together = "".join(names)
    if storable(together) != together or max(map(len, names), default=0) > LONGEST_NAME:
        names = map(_index_text, names)
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
