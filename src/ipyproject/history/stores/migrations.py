"""The tables of a store, as ordered steps, each of which leaves its own record; what is missing is one transaction.

A step that has been released is never edited; a new one is added at the end. The SQL is what SQLite and PostgreSQL
share, but for the names of some types, which a backend translates.
"""

from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ipyproject.errors import HistoryError
from ipyproject.history.ids import microseconds
from ipyproject.history.stores.search import given_rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ipyproject.history.stores.database import Database, Row, Statements
    from ipyproject.history.values import ParameterRow

PARAMETER_COLUMNS = ("session", "run", "key", "type", "number", "text")
OURS = {"migrations", "documents", "sessions", "runs", "nodes", "parameters"}  # other programs have migrations, too
RUNS_AT_ONCE = 500


class Migration(NamedTuple):
    """One step: statements, and what fills the new tables."""

    number: int
    name: str
    statements: tuple[str, ...]
    fill: Callable[[Database, Statements], None] | None = None


def index_parameters(database: Database, session: int, rows: Iterable[ParameterRow], *, run: int = 0) -> None:
    """Let a session be found by these rows, which one of its runs was given, or itself (0)."""
    # A name with a dot may give the same path as a nested one: the first is found, both stand in the document.
    database.insert("parameters", PARAMETER_COLUMNS, [(session, run, *row) for row in rows])


def _index_runs(database: Database, statements: Statements) -> None:
    """Index what the runs were given that are there already."""
    last = -1
    sql = "SELECT run, session, record FROM runs WHERE run > ? ORDER BY run LIMIT ?"
    while rows := statements.execute(sql, (last, RUNS_AT_ONCE)).fetchall():
        given: list[Row] = []
        for last, session, text in rows:
            with suppress(ValueError, TypeError, AttributeError, KeyError):  # one that nobody can read
                record = json.loads(text)
                found = given_rows(record["selection"], record["extra_params"])
                given += [(session, last, *row) for row in found]
        database.insert("parameters", PARAMETER_COLUMNS, given)


MIGRATIONS = (
    Migration(
        1,
        "sessions, runs, nodes",
        (
            "CREATE TABLE migrations (number INTEGER PRIMARY KEY, name TEXT NOT NULL, applied INTEGER NOT NULL)",
            # Content that many sessions share (parameters, package sets), kept once.
            "CREATE TABLE documents (hash TEXT PRIMARY KEY, document TEXT NOT NULL)",
            # `session` is the time of opening in microseconds, made unique: rows lie in the order of time, and the
            # side tables and their indexes hold one integer instead of an id of 36 letters.
            """CREATE TABLE sessions (
                session INTEGER PRIMARY KEY, session_id TEXT NOT NULL UNIQUE, project TEXT NOT NULL, env TEXT NOT NULL,
                status TEXT NOT NULL, ended INTEGER, exception TEXT, parameters_hash TEXT, packages_hash TEXT,
                record TEXT NOT NULL)""",
            "CREATE INDEX sessions_by_env ON sessions (env, session)",
            "CREATE INDEX sessions_by_status ON sessions (status, session)",
            "CREATE INDEX sessions_by_parameters ON sessions (parameters_hash) WHERE parameters_hash IS NOT NULL",
            "CREATE INDEX sessions_by_packages ON sessions (packages_hash) WHERE packages_hash IS NOT NULL",
            # A parameter's value is either a number or a text, each with its index; the type stands beside it. What
            # finds a value is all in its index, the session last: it gives sessions in the order of time.
            """CREATE TABLE parameters (
                session INTEGER NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, number REAL, text TEXT,
                PRIMARY KEY (session, key)) WITHOUT ROWID""",
            "CREATE INDEX parameters_by_number ON parameters (key, number, session) WHERE number IS NOT NULL",
            "CREATE INDEX parameters_by_text ON parameters (key, text, type, session) WHERE text IS NOT NULL",
            """CREATE TABLE facts (
                session INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL,
                PRIMARY KEY (session, name)) WITHOUT ROWID""",
            """CREATE TABLE metrics (
                session INTEGER NOT NULL, time INTEGER NOT NULL, name TEXT NOT NULL, value TEXT NOT NULL, run_id TEXT,
                PRIMARY KEY (session, time, name)) WITHOUT ROWID""",
            """CREATE TABLE runs (
                run INTEGER PRIMARY KEY, run_id TEXT NOT NULL UNIQUE, session INTEGER NOT NULL, pipeline TEXT,
                status TEXT NOT NULL, ended INTEGER, exception TEXT, record TEXT NOT NULL)""",
            "CREATE INDEX runs_by_session ON runs (session)",
            "CREATE INDEX runs_by_pipeline ON runs (pipeline, session)",
            # In the order of time, so that a batch of new nodes lands at the end.
            """CREATE TABLE nodes (
                run INTEGER NOT NULL, started INTEGER NOT NULL, name TEXT NOT NULL, status TEXT NOT NULL,
                duration REAL NOT NULL, outputs TEXT, PRIMARY KEY (run, started, name)) WITHOUT ROWID""",
        ),
    ),
    Migration(2, "sessions by project", ("CREATE INDEX sessions_by_project ON sessions (project, session)",)),
    # When its process said last that it is there.
    Migration(3, "seen", ("ALTER TABLE sessions ADD COLUMN seen INTEGER",)),
    Migration(
        4,
        "what runs were given",
        (
            "ALTER TABLE parameters RENAME TO older_parameters",
            "DROP INDEX parameters_by_number",
            "DROP INDEX parameters_by_text",
            # `run` is 0 for what the session itself was given.
            """CREATE TABLE parameters (
                session INTEGER NOT NULL, run INTEGER NOT NULL, key TEXT NOT NULL, type TEXT NOT NULL, number REAL,
                text TEXT, PRIMARY KEY (session, run, key)) WITHOUT ROWID""",
            """INSERT INTO parameters (session, run, key, type, number, text)
                SELECT session, 0, key, type, number, text FROM older_parameters ORDER BY session""",
            "DROP TABLE older_parameters",
            "CREATE INDEX parameters_by_number ON parameters (key, number, session) WHERE number IS NOT NULL",
            "CREATE INDEX parameters_by_text ON parameters (key, text, type, session) WHERE text IS NOT NULL",
            "DROP INDEX runs_by_pipeline",
        ),
        _index_runs,
    ),
)
LATEST = MIGRATIONS[-1].number
VERSION = "SELECT max(number) FROM migrations"


def migrate(database: Database) -> None:
    """Bring a database's tables to this version; one that is up to date costs two small reads.

    Raises:
        HistoryError: A newer version of ipyproject wrote it, or it belongs to another program; it stays untouched.
    """
    version = version_of(database)
    check_version(database, version)
    if version == LATEST:
        return
    database.prepare()
    with database.transaction() as statements:
        for migration in MIGRATIONS[version_of(database) :]:  # another process may have been faster
            for statement in migration.statements:
                statements.execute(database.translated(statement))
            if migration.fill is not None:
                migration.fill(database, statements)
            statements.execute(
                "INSERT INTO migrations (number, name, applied) VALUES (?, ?, ?)",
                (migration.number, migration.name, microseconds(datetime.now(UTC))),
            )


def check_version(database: Database, version: int) -> None:
    """Refuse to write into a database of a version that is not known here.

    Raises:
        HistoryError: A newer version of ipyproject wrote it.
    """
    if version > LATEST:
        raise HistoryError(
            f"{database.location} was written by a newer version of ipyproject (its tables have version {version}, "
            f"this one knows {LATEST}); it was left as it is.",
            "Upgrade ipyproject, or name another store in SESSION_STORE.",
        )


def version_of(database: Database) -> int:
    """Return the version of a database's tables; 0 where there are none.

    Raises:
        HistoryError: It belongs to another program.
    """
    tables = database.tables()
    if not tables:
        return 0
    if not tables >= OURS:
        raise HistoryError(
            f"{database.location} is a database of another program: it was left as it is.",
            "Give the history a file of its own.",
        )
    [[version]] = database.read(VERSION)
    return int(version or 0)
