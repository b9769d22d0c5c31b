"""The tables of a store, as ordered steps: each is one transaction and leaves its own record.

A step that has been released is never edited; a new one is added at the end. The SQL is what SQLite and PostgreSQL
share, but for the names of some types, which a backend translates.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from ipyproject.errors import HistoryError
from ipyproject.history.ids import microseconds

if TYPE_CHECKING:
    from ipyproject.history.stores.database import Database


class Migration(NamedTuple):
    """One step, made of statements that are executed in one transaction."""

    number: int
    name: str
    statements: tuple[str, ...]


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
)
LATEST = MIGRATIONS[-1].number


def migrate(database: Database) -> None:
    """Bring a database's tables to this version; one that is up to date costs two small reads.

    Raises:
        HistoryError: A newer version of ipyproject wrote it, or it belongs to another program; it stays untouched.
    """
    version = _version(database)
    if version == LATEST:
        return
    if version == 0:
        database.prepare()
    for migration in MIGRATIONS:
        with database.transaction() as statements:
            if migration.number <= _version(database):  # another process was faster, or it was there before
                continue
            for statement in migration.statements:
                statements.execute(database.translated(statement))
            statements.execute(
                "INSERT INTO migrations (number, name, applied) VALUES (?, ?, ?)",
                (migration.number, migration.name, microseconds(datetime.now(UTC))),
            )


def is_up_to_date(database: Database) -> bool:
    """Return whether a database that was up to date still is.

    Raises:
        HistoryError: It can't be read any more.
    """
    return database.read("SELECT max(number) FROM migrations") == [(LATEST,)]


def _version(database: Database) -> int:
    tables = database.tables()
    if "migrations" not in tables:
        if tables:
            raise HistoryError(
                f"{database.location} is a database of another program: it has no table of migrations.",
                "Give the history a file of its own.",
            )
        return 0
    [[version]] = database.read("SELECT max(number) FROM migrations")
    if version is not None and version > LATEST:
        raise HistoryError(
            f"{database.location} was written by a newer version of ipyproject (its tables have version {version}, "
            f"this one knows {LATEST}); it was left as it is.",
            "Upgrade ipyproject, or name another store in SESSION_STORE.",
        )
    return int(version or 0)
