from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count
from types import MappingProxyType
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipyproject.history import ErrorRecord, HistoryWarning, MetricRecord, Recorder, Status, as_document, open_store
from ipyproject.history.events import (
    FactsLogged,
    MetricsLogged,
    NodesFinished,
    ParametersResolved,
    RunFinished,
    RunStarted,
    SessionClosed,
    SessionDescribed,
    SessionOpened,
)
from ipyproject.history.facts.tracebacks import trimmed_traceback
from ipyproject.history.recording.masking import masked
from ipyproject.history.records import from_document
from ipyproject.history.values import ParameterDocument
from ipyproject.masking import Masker

if TYPE_CHECKING:
    from pathlib import Path

MARK = "ZQJX7"
NAMES = [
    "password",
    "dbPassword",
    "API_KEY",
    "api-key",
    "token",
    "client_secret",
    "credentials",
    "passwd",
    "aws_access_key",
]
SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=3, max_size=20).map(MARK.__add__)


class MaskingRecorder(Recorder):
    """A recorder that masks what it is told."""

    def __init__(self, location, masker) -> None:
        super().__init__(location)
        self._masker = masker

    def record(self, event) -> None:
        super().record(masked(event, self._masker))


def tell_everywhere(recorder, masker, a_session, a_run, a_node, name, secret, depth) -> None:
    """Record a session with the secret wherever a record has room for one."""
    params = {name: secret}
    for level in range(depth):
        params = [params] if level % 3 == 2 else {"a": params, "rate": 0.3}
    params = {"model": params, "url": f"postgresql://u:{quote(secret, safe='')}@h"}
    masker.learn(params)
    masker.learn_credentials({"dev": {"user": "bob", "value": secret}})
    session = a_session(
        extra_params=params,
        command_line=("x", f"--{name}", secret, f"--params={name}={secret}", secret),
        invocation={
            "line": f"%reload_project --params {name}='{secret}'",
            "flags": {name: {"value": secret}, "x": secret},
        },
        environment={f"IPYPROJECT_{name}": secret, "IPYPROJECT_X": secret},
        conf_source=f"s3://u:{quote(secret, safe='')}@h",
    )
    recorder.record(SessionOpened(session))
    recorder.record(SessionDescribed(session.session_id, {"git": {"commit": "a", "branch": secret}}))
    recorder.record(ParametersResolved(session.session_id, ParameterDocument.of(masker.data(params))))
    recorder.record(FactsLogged(session.session_id, {name: secret, "x": {"y": [secret]}}))
    recorder.record(MetricsLogged(session.session_id, (MetricRecord("token_accuracy", 0.5, datetime.now(UTC)),)))
    run = a_run(session, extra_params=params, selection={"own_pipeline": f"Pipeline({secret!r})"})
    recorder.record(RunStarted(run))
    recorder.record(NodesFinished(run.run_id, (a_node("a", outputs={"api_key_table": {"type": "DataFrame"}}),)))
    error = ErrorRecord.of(ValueError(f"{name} {secret!r}: {secret}"), trimmed_traceback(ValueError(secret)))
    recorder.record(RunFinished(run.run_id, Status.FAILED, datetime.now(UTC), error))
    recorder.record(SessionClosed(session.session_id, Status.FAILED, datetime.now(UTC), error))


def bytes_below(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


number = count()


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(NAMES), SECRETS, st.integers(0, 70))
def test_no_secret_reaches_the_store(tmp_path, a_session, a_run, a_node, name, secret, depth) -> None:
    """Whatever the secret and wherever it is, no byte of the database, its journal or anything beside it shows it."""
    folder = tmp_path / str(next(number))
    masker = Masker()
    recorder = MaskingRecorder(folder / "history.db", masker)
    tell_everywhere(recorder, masker, a_session, a_run, a_node, name, secret, depth)
    written = bytes_below(folder)
    recorder.close()
    written += bytes_below(folder)
    assert MARK.encode() not in written
    assert b"***" in written
    with open_store(folder / "history.db") as store:
        [run] = store.runs(store.session("latest").session_id)
        [node] = store.nodes(run.run_id)
        assert node.outputs == {"api_key_table": {"type": "DataFrame"}}
        assert [each.value for each in store.metrics(run.session_id)] == [0.5]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(NAMES), SECRETS, st.integers(0, 10))
def test_no_secret_reaches_the_spool(tmp_path, a_session, a_run, a_node, name, secret, depth) -> None:
    """Nor do the files in which a session waits while its store can't be written."""
    folder = tmp_path / str(next(number))
    (folder / "history.db").mkdir(parents=True)  # no database can be there
    masker = Masker()
    recorder = MaskingRecorder(folder / "history.db", masker)
    with pytest.warns(HistoryWarning):
        tell_everywhere(recorder, masker, a_session, a_run, a_node, name, secret, depth)
    assert recorder.spooled is not None
    written = bytes_below(folder)
    assert MARK.encode() not in written
    assert json.dumps(secret)[1:-1].encode() not in written
    assert b"***" in written


def test_what_a_record_is_found_by_stays(a_session) -> None:
    """A secret that happens to read like an environment or a project spoils neither."""
    session = a_session(env="nightly-1", project="penguins", extra_params={"a": "nightly-1"})
    found = masked(session, Masker(["nightly-1", "penguins"]))
    assert (found.env, found.project, found.extra_params) == ("nightly-1", "penguins", {"a": "***"})
    assert masked(session, Masker()) == replace(session, hidden_params=())


def test_the_names_of_what_was_hidden(a_session, a_run) -> None:
    """A record tells in which of its parameters a secret was hidden; masking it again, or reading it, keeps that."""
    params = {
        "literal": "a***b",
        "stars": "***",
        "db": {"password": "hunter2-hunter2", "user": "me", "more": {"token": {"a": "x"}}},
        "note": "it is hunter2-hunter2",
        "hosts": [{"api_key": "abcdef"}],
        "labels": {1: "*** one"},
        "names": {"hunter2-hunter2": 1},
        "view": MappingProxyType({"password": "x", "user": "you"}),
    }
    masker = Masker(["hunter2-hunter2"])
    for record in (a_session(extra_params=params), a_run(a_session(), extra_params=params)):
        found = masked(record, masker)
        assert found.hidden_params == ("db.password", "db.more.token.a", "note", "hosts", "names.***", "view.password")
        assert masked(found, masker).hidden_params == found.hidden_params
        assert from_document(type(record), json.loads(json.dumps(as_document(found)))).hidden_params == (
            found.hidden_params
        )
        older = as_document(found)
        del older["hidden_params"]
        assert from_document(type(record), older).hidden_params is None
