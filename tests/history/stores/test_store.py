"""The contract of a store; each kind of store passes the same tests."""

from __future__ import annotations

import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from pathlib import PurePosixPath
from typing import Any

import pytest

from ipyproject.errors import HistoryError
from ipyproject.history import ErrorRecord, MetricRecord, SessionFilter, Status
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
)
from ipyproject.history.stores.failures import UnknownRecordError
from ipyproject.history.values import ParameterDocument


def test_a_session_reads_back_as_it_was_opened(store, a_session) -> None:
    """All fields come back, with times aware and in UTC."""
    record = a_session(
        extra_params={"model": {"test_share": 0.3, "name": "007"}},
        started_by="cli",
        command_line=("ipyproject", "run", "--env=local"),
        invocation={"flags": {"env": {"value": "local", "given": True}}},
        environment={"IPYPROJECT_ENV": "local"},
        conf_source="conf",
        package_version="0.1",
        ipyproject_version="0.2",
        replay_of="another",
    )
    store.write([SessionOpened(record)])
    assert store.session(record.session_id) == record
    assert store.sessions() == [record]


def test_a_parameter_that_json_does_not_hold_is_kept_as_type_and_repr(store, a_session) -> None:
    """It is never the reason for a failure, and the rest of the parameters is as it was."""
    record = a_session(extra_params={"path": PurePosixPath("a"), "n": 1})
    store.write([SessionOpened(record)])
    kept = store.session("latest").extra_params
    assert kept["n"] == 1
    assert kept["path"]["$repr"] == "PurePosixPath('a')"


def test_closing_keeps_how_and_when(store, a_session) -> None:
    """Status, end and exception are in the record afterwards."""
    record = a_session()
    store.write([SessionOpened(record)])
    end = record.start + timedelta(seconds=3)
    error = ErrorRecord("ValueError", "no penguins", "File nodes.py, line 3")
    store.write([SessionClosed(record.session_id, Status.FAILED, end, error)])
    assert store.session("latest") == replace(record, status=Status.FAILED, end=end, exception=error)


def test_late_facts_are_added_to_the_record(store, a_session) -> None:
    """Git's answer, the parameters and the packages may come after the opening, in any order."""
    record = a_session()
    store.write([SessionOpened(record)])
    store.write([SessionDescribed(record.session_id, {"git": {"commit": "abc", "dirty": False}})])
    store.write([PackagesFound(record.session_id, {"pandas": "2.2"})])
    store.write([ParametersResolved(record.session_id, ParameterDocument.of({"model": {"test_share": 0.2}}))])
    assert store.session("latest").git == {"commit": "abc", "dirty": False}
    assert store.packages(record.session_id) == {"pandas": "2.2"}
    assert store.parameters(record.session_id) == {"model": {"test_share": 0.2}}
    assert store.session("latest").parameters_hash != store.session("latest").packages_hash


def test_what_never_became_known_is_none(store, a_session) -> None:
    """A session that was killed early has no parameters, rather than empty ones."""
    record = a_session()
    store.write([SessionOpened(record)])
    assert store.parameters(record.session_id) is None
    assert store.packages(record.session_id) is None
    assert store.facts(record.session_id) == {}
    assert store.metrics(record.session_id) == []


def test_equal_parameters_share_one_document(store, five) -> None:
    """Sessions with the same resolved parameters carry the same hash, whatever the order of keys."""
    store.write([ParametersResolved(five[0].session_id, ParameterDocument.of({"a": 1, "b": 2}))])
    store.write([ParametersResolved(five[1].session_id, ParameterDocument.of({"b": 2, "a": 1}))])
    store.write([ParametersResolved(five[2].session_id, ParameterDocument.of({"a": 1, "b": 3}))])
    hashes = [store.session(each.session_id).parameters_hash for each in five[:3]]
    assert hashes[0] == hashes[1] != hashes[2]


def test_facts_and_metrics(store, a_session) -> None:
    """A fact has its last value; a metric all of its values in the order of time."""
    record = a_session()
    store.write([SessionOpened(record)])
    store.write([FactsLogged(record.session_id, {"data": "v1", "rows": 344})])
    store.write([FactsLogged(record.session_id, {"data": "v2"})])
    values = [
        MetricRecord("loss", loss, record.start + timedelta(seconds=s))
        for s, loss in enumerate([0.5, float("inf"), 0.1])
    ]
    store.write([MetricsLogged(record.session_id, tuple(values[1:]))])
    store.write([MetricsLogged(record.session_id, tuple(values[:1]))])
    assert store.facts(record.session_id) == {"data": "v2", "rows": 344}
    assert store.metrics(record.session_id) == values


def test_a_session_has_many_runs(store, a_session, a_run, a_node) -> None:
    """Runs come back in the order in which they started, nodes in the order in which they did."""
    record = a_session()
    store.write([SessionOpened(record)])
    first = a_run(record, 1, selection={"pipeline": "modelling", "tags": ["x"]}, runner="SequentialRunner")
    second = a_run(record, 2, extra_params={"a": 1})
    store.write([RunStarted(second)])
    store.write([RunStarted(first)])
    outputs = {"table": {"type": "DataFrame", "shape": [344, 8], "bytes": 20752}}
    nodes = [a_node("split", 1), a_node("clean", 0, outputs=outputs), a_node("fit", 2, status=Status.FAILED)]
    store.write([NodesFinished(first.run_id, tuple(nodes[:1]))])
    store.write([NodesFinished(first.run_id, tuple(nodes[1:]))])
    error = ErrorRecord("ValueError", "no")
    store.write([RunFinished(first.run_id, Status.FAILED, first.start, error)])
    assert store.runs(record.session_id) == [
        replace(first, status=Status.FAILED, end=first.start, exception=error),
        second,
    ]
    assert store.nodes(first.run_id) == [nodes[1], nodes[0], nodes[2]]
    assert store.nodes(second.run_id) == []


def test_every_step_may_be_repeated(store, a_session, a_run, a_node) -> None:
    """Writing the same again changes nothing: a spooled record that is taken in twice is there once."""
    session = a_session()
    run = a_run(session)
    metric = MetricRecord("loss", 1.0, session.start)

    def write() -> list[Any]:
        store.write([SessionOpened(session)])
        store.write([ParametersResolved(session.session_id, ParameterDocument.of({"a": 1}))])
        store.write([FactsLogged(session.session_id, {"b": 2})])
        store.write([MetricsLogged(session.session_id, (metric,))])
        store.write([RunStarted(run)])
        store.write(
            [
                NodesFinished(
                    run.run_id,
                    (
                        a_node("x"),
                        a_node("y"),
                    ),
                )
            ]
        )
        store.write([RunFinished(run.run_id, Status.COMPLETED, run.start)])
        store.write([SessionClosed(session.session_id, Status.COMPLETED, session.start)])
        identifier = session.session_id
        return [store.sessions(), store.runs(identifier), store.nodes(run.run_id), store.metrics(identifier)]

    assert write() == write()
    assert len(store.nodes(run.run_id)) == 2


def test_many_nodes_may_be_repeated(store, a_session, a_run, a_node) -> None:
    """Also where only some of them are there already."""
    session = a_session()
    run = a_run(session)
    store.write([SessionOpened(session)])
    store.write([RunStarted(run)])
    outputs = {"a\tb\\n": {"type": "list", "length": 2}}
    nodes = [a_node(f"é\t{number}\\N", number, outputs=outputs) for number in range(450)]
    for first, last in ((0, 300), (0, 300), (150, 450)):
        store.write([NodesFinished(run.run_id, tuple(nodes[first:last]))])
    assert store.nodes(run.run_id) == nodes


def test_a_batch_is_all_or_nothing(store, a_session) -> None:
    """What was written in a batch that fails is not there."""
    kept, lost = a_session(), a_session()
    with store.database.transaction():
        store.write([SessionOpened(kept)])

    def fail() -> None:
        with store.database.transaction():
            store.write([SessionOpened(lost)])
            store.write([FactsLogged("unknown", {"a": 1})])

    with pytest.raises(UnknownRecordError):
        fail()
    assert store.sessions() == [kept]


def test_names_of_sessions(store, five) -> None:
    """A session is found by its id, by a unique beginning, and by its place from the end."""
    assert store.session(five[1].session_id) == five[1]
    assert store.session("2026-11-22T12.03") == five[3]
    assert store.session("latest") == five[4]
    assert store.session("latest~0") == five[4]
    assert store.session("latest~4") == five[0]


@pytest.mark.parametrize(
    "name", ["2026-11-22T12.03.00.000000Z-3abcd0", "nothing", "", "latest~", "LATEST", "%", "\0", "\ud800", "é"]
)
def test_an_unknown_id_lists_the_closest(store, five, name) -> None:
    """The message names it, the hint those that come closest."""
    with pytest.raises(UnknownRecordError) as caught:
        store.session(name)
    assert name.strip("\0\ud800") in caught.value.message
    assert five[3].session_id in str(caught.value.hint)


def test_an_unknown_id_in_an_empty_store(store) -> None:
    """It says that nothing has been recorded."""
    for name in ("latest", "2026", "latest~3"):
        with pytest.raises(UnknownRecordError):
            store.session(name)


@pytest.mark.parametrize("back", ["5", "99999999999999999999999"])
def test_further_back_than_there_are_sessions(store, five, back) -> None:
    """The message says how many there are."""
    with pytest.raises(UnknownRecordError, match="5 recorded"):
        store.session(f"latest~{back}")


def test_an_ambiguous_beginning_lists_the_candidates(store, five) -> None:
    """All of them where they are few."""
    with pytest.raises(HistoryError, match=f"{five[0].session_id}, .*{five[4].session_id}"):
        store.session("2026-11")


def test_deleting_takes_all_that_belongs_to_a_session(store, five, a_run, a_node) -> None:
    """And leaves what others share with it."""
    for record in five[:2]:
        store.write([ParametersResolved(record.session_id, ParameterDocument.of({"shared": 1}))])
    run = a_run(five[0])
    store.write([RunStarted(run)])
    store.write([NodesFinished(run.run_id, (a_node("x"),))])
    assert store.delete([five[0].session_id, "unknown"]) == 1
    assert store.runs(five[0].session_id) == store.nodes(run.run_id) == []
    assert [each.session_id for each in store.sessions()] == [each.session_id for each in five[:0:-1]]
    assert store.parameters(five[1].session_id) == {"shared": 1}
    assert store.delete([five[1].session_id]) == 1
    assert store.sessions(where=SessionFilter(params={"shared": 1})) == []


def test_what_may_be_pruned(store, five) -> None:
    """What is neither among the newest nor young; never a session that is still open."""
    for record in five[:4]:
        store.write([SessionClosed(record.session_id, Status.COMPLETED, record.start)])
    newest_first = [each.session_id for each in five[::-1]]
    assert store.prunable() == newest_first[1:]
    assert store.prunable(keep_last=2) == newest_first[2:]
    assert store.prunable(older_than=five[2].start) == newest_first[3:]
    assert store.prunable(keep_last=4, older_than=five[2].start) == newest_first[4:]
    assert store.prunable(keep_last=9) == []
    assert store.delete(store.prunable(keep_last=2)) == 3
    assert [each.session_id for each in store.sessions()] == newest_first[:2]


def test_many_sessions_are_deleted(store, a_session) -> None:
    """Also more than are deleted in one transaction."""
    records = [a_session(number) for number in range(250)]
    with store.database.transaction():
        for record in records:
            store.write([SessionOpened(record)])
    assert store.delete([each.session_id for each in records[:230]]) == 230
    assert len(store.sessions(None)) == 20


def test_long_names_are_cut_and_stay_different(store, a_session, a_run, a_node) -> None:
    """A node, a fact and a metric may have names that no index takes whole."""
    session = a_session()
    run = a_run(session)
    store.write([SessionOpened(session)])
    store.write([RunStarted(run)])
    long = "".join(map(str, range(3000)))
    store.write(
        [
            NodesFinished(
                run.run_id,
                (
                    a_node(long + "a"),
                    a_node(long + "b"),
                ),
            )
        ]
    )
    store.write([FactsLogged(session.session_id, {long: 1})])
    store.write([MetricsLogged(session.session_id, (MetricRecord(long, 1.0, session.start),))])
    assert len({each.name for each in store.nodes(run.run_id)}) == 2
    assert all(each.name.startswith("0123456789") for each in store.nodes(run.run_id))
    assert [*store.facts(session.session_id).values()] == [1]


def test_what_belongs_to_no_session_is_refused(store, a_session, a_run, a_node) -> None:
    """A step of an unknown session or run is an error, so that the writer learns that its record is lost."""
    stranger = a_session()
    for step in (
        lambda: store.write([SessionClosed(stranger.session_id, Status.COMPLETED, stranger.start)]),
        lambda: store.write([RunStarted(a_run(stranger))]),
        lambda: store.write([NodesFinished("unknown", (a_node("x"),))]),
        lambda: store.write([RunFinished("unknown", Status.COMPLETED, stranger.start)]),
    ):
        with pytest.raises(UnknownRecordError):
            step()


def test_any_name_of_a_node_or_fact_is_kept(store, a_session, a_run, a_node) -> None:
    """Also one that no database takes as it is."""
    session = a_session()
    run = a_run(session)
    store.write([SessionOpened(session)])
    store.write([RunStarted(run)])
    store.write([NodesFinished(run.run_id, (a_node("é\ud800\0"),))])
    store.write([FactsLogged(session.session_id, {"\ud800": "\ud800"})])
    assert [each.name for each in store.nodes(run.run_id)] == ["é\\ud800\\0"]
    assert store.facts(session.session_id) == {"\\ud800": "\ud800"}


def test_threads_may_share_a_store(store, a_session, a_run, a_node) -> None:
    """Eight threads that write and read at once lose nothing."""

    def work(_: int) -> int:
        session = a_session()
        run = a_run(session)
        store.write([SessionOpened(session)])
        store.write([RunStarted(run)])
        store.write([NodesFinished(run.run_id, tuple([a_node(str(number)) for number in range(10)]))])
        return len(store.nodes(run.run_id))

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(work, range(40))) == [10] * 40
    assert len(store.sessions(None)) == 40


def test_sessions_one_by_one(store, a_session) -> None:
    """However many there are, they are never held all at once; those that come meanwhile do no harm."""
    with store.database.transaction():
        for number in range(900):
            store.write([SessionOpened(a_session(number, extra_params={"text": "x" * 5000}))])
    tracemalloc.start()
    try:
        count = 0
        for count, _ in enumerate(store.iter_sessions(), 1):
            if count == 1:
                store.write([SessionOpened(a_session(1000))])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert count == 900
    assert peak < 900 * 5000


def test_what_is_deleted_goes_in_pieces(store, a_session, a_run, a_node, monkeypatch) -> None:
    """Others can write between them; what is stopped in the middle leaves a store that can be used as before."""
    monkeypatch.setattr("ipyproject.history.stores.store.DELETED_AT_ONCE", 10)
    monkeypatch.setattr("ipyproject.history.stores.store.SLICE_SECONDS", 0)
    sessions = [a_session(number) for number in range(4)]
    runs = [a_run(sessions[1], number) for number in range(2)]
    metrics = [MetricRecord("loss", 1.0, sessions[1].start + timedelta(seconds=second)) for second in range(35)]
    store.write(map(SessionOpened, sessions))
    store.write([*map(RunStarted, runs), MetricsLogged(sessions[1].session_id, tuple(metrics))])
    for run in runs:
        store.write([NodesFinished(run.run_id, tuple(a_node(str(number), number) for number in range(35)))])
    pauses = []

    def stop(_seconds: float) -> None:
        pauses.append(len(store.nodes(runs[0].run_id)))
        store.write([FactsLogged(sessions[0].session_id, {"pauses": len(pauses)})])
        if len(pauses) == 3:  # sessions, or parts of them
            raise KeyboardInterrupt

    monkeypatch.setattr("ipyproject.history.stores.store.sleep", stop)
    doomed = [each.session_id for each in sessions[1:3]]
    with pytest.raises(KeyboardInterrupt):
        store.delete(doomed)
    assert len(store.sessions()) == 4
    assert 0 < len(store.nodes(runs[1].run_id)) + len(store.nodes(runs[0].run_id)) < 70
    monkeypatch.undo()
    assert store.delete(doomed) == 2
    assert {each.session_id for each in store.sessions()} == {sessions[0].session_id, sessions[3].session_id}
    assert store.nodes(runs[1].run_id) == store.metrics(sessions[1].session_id) == []
    assert store.facts(sessions[0].session_id) == {"pauses": 3}
