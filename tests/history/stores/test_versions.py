"""Stores of other versions: what each step makes of an older one, and what can be read of it and of a newer one."""

from __future__ import annotations

import pytest

from ipyproject.errors import HistoryError
from ipyproject.history import SessionFilter, open_store
from ipyproject.history.events import ParametersResolved, RunStarted, SessionClosed, SessionOpened, SessionSeen
from ipyproject.history.stores import migrations as steps
from ipyproject.history.stores.migrations import LATEST
from ipyproject.history.values import ParameterDocument


@pytest.fixture
def older(anywhere, a_session, a_run, monkeypatch):
    """Make a store as an older version left it, with a session that has a run; return the session."""

    def make(version: int):
        with monkeypatch.context() as patched:
            patched.setattr(steps, "MIGRATIONS", steps.MIGRATIONS[:version])
            patched.setattr(steps, "LATEST", version)
            with open_store(anywhere) as store:
                record = a_session(extra_params={"a": 1})
                run = a_run(record, selection={"pipeline": "clean"}, extra_params={"b": 2})
                columns = ("session", "session_id", "project", "env", "status", "record")
                write_as_it_was(store.database, columns, record, run)
        return record

    def write_as_it_was(database, columns, record, run):
        import json

        from ipyproject.history import as_document

        document = json.dumps(as_document(record))
        values = (1, record.session_id, record.project, record.env, "completed", document)
        with database.transaction() as statements:
            statements.execute(f"INSERT INTO sessions ({', '.join(columns)}) VALUES (?, ?, ?, ?, ?, ?)", values)
            statements.execute(
                "INSERT INTO parameters (session, key, type, number, text) VALUES (1, 'a', 'number', 1, NULL)"
            )
            statements.execute(
                "INSERT INTO runs (run, run_id, session, pipeline, status, record) VALUES (1, ?, 1, 'clean', ?, ?)",
                (run.run_id, "completed", json.dumps(as_document(run))),
            )

    return make


def found(store, **where) -> list[str]:
    return [each.session_id for each in store.sessions(where=SessionFilter(**where))]


@pytest.mark.parametrize("version", range(1, LATEST))
def test_an_older_store(older, anywhere, version) -> None:
    """It is read as it is and stays so; once it is written, its sessions are found by what their runs were given."""
    record = older(version)
    with open_store(anywhere, reading=True) as store:
        for where in ({"params": {"a": 1}}, {"pipeline": "clean"}, {"pipeline": "clean", "params": {"a": 1}}):
            assert found(store, **where) == [record.session_id]
        assert found(store, pipeline="other") == []
        assert len(store.runs(record.session_id)) == 1
        assert store.database.read("SELECT max(number) FROM migrations") == [(version,)]
    with open_store(anywhere) as store:
        assert store.database.read("SELECT count(*) FROM migrations") == [(LATEST,)]
        for where in ({"params": {"a": 1, "b": 2}}, {"pipeline": "clean"}):
            assert found(store, **where) == [record.session_id]
        store.write([SessionSeen(record.session_id, record.start)])


def test_a_newer_store(anywhere, a_session, a_run) -> None:
    """It is read as far as that is possible, and never written: also when it is found to be newer after it was opened."""
    record, late = a_session(), a_session()
    with open_store(anywhere) as store:
        store.write([SessionOpened(record), ParametersResolved(record.session_id, ParameterDocument.of({"a": 1}))])
        store.write([RunStarted(a_run(record))])
        with store.database.transaction() as statements:
            statements.execute("ALTER TABLE sessions ADD COLUMN mood TEXT")
            statements.execute("INSERT INTO migrations (number, name, applied) VALUES (999, 'from the future', 0)")
        with pytest.raises(HistoryError, match="newer version"):
            store.write([SessionClosed(record.session_id, record.status, record.start)])
        for options in ({}, {"recording": True}, {"create": False}):
            with pytest.raises(HistoryError, match=r"(?s)newer version .*999.*Upgrade"):
                open_store(anywhere, **options)
        with open_store(anywhere, reading=True) as reader:
            assert found(reader, params={"a": 1}) == [record.session_id]
            with pytest.raises(HistoryError, match="for reading"):
                reader.write([SessionOpened(late)])
            with store.database.transaction() as statements:
                statements.execute("ALTER TABLE sessions RENAME COLUMN record TO document")
            with pytest.raises(HistoryError, match=r"(?s)newer version.*Upgrade"):
                reader.sessions()


def test_a_reader_may_not_write(anywhere, a_session) -> None:
    """A store that was opened for reading stays as it is."""
    open_store(anywhere).close()
    with open_store(anywhere, reading=True) as store:
        with pytest.raises(HistoryError, match="for reading"):
            store.write([SessionOpened(a_session())])
        assert store.sessions() == []
