"""Which sessions are found, in what order; each kind of store passes the same tests."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import product
from operator import ge, lt, ne
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipyproject.errors import HistoryError
from ipyproject.history import SessionFilter, Status, new_id
from ipyproject.history.events import ParametersResolved, RunStarted, SessionClosed, SessionOpened
from ipyproject.history.stores.search import Comparison
from ipyproject.history.values import ParameterDocument


def test_newest_first(store, five) -> None:
    """Sessions come newest first, as many as asked for."""
    newest_first = five[::-1]
    assert store.sessions() == newest_first
    assert store.sessions(2) == newest_first[:2]
    assert store.sessions(0) == []
    assert store.sessions(None) == newest_first


def test_sessions_are_ordered_by_their_opening_not_by_their_arrival(store, a_session) -> None:
    """One that was taken in later stands where it belongs, also among those of the same microsecond."""
    records = [a_session(minute) for minute in (3, 1, 2, 2)]
    for record in records:
        store.write([SessionOpened(record)])
    assert [each.start for each in store.sessions()] == sorted((each.start for each in records), reverse=True)


def test_sessions_by_env_project_and_time(store, a_session) -> None:
    """Each filter alone, and together."""
    records = [a_session(0, env="prod"), a_session(1), a_session(2, project="other"), a_session(3, env="prod")]
    for record in records:
        store.write([SessionOpened(record)])

    def found(**where: Any) -> list[int]:
        return [records.index(each) for each in store.sessions(where=SessionFilter(**where))]

    assert found(env="prod") == [3, 0]
    assert found(project="other") == [2]
    assert found(since=records[1].start) == [3, 2, 1]
    assert found(until=records[1].start) == [0]
    assert found(env="prod", since=records[1].start) == [3]
    assert found(env="nowhere") == []


def test_sessions_by_parameter(store, five) -> None:
    """By the resolved parameters where they are known, else by those given at opening; text is no number."""
    values: list[Any] = [0.3, "0.3", True, 1, None]
    for record, value in zip(five, values, strict=True):
        store.write(
            [
                ParametersResolved(
                    record.session_id, ParameterDocument.of({"model": {"share": value, "seed": 7}, "tags": ["a", "b"]})
                )
            ]
        )

    def found(params: dict[str, Any], **where: Any) -> list[int]:
        return [
            five.index(replace(each, parameters_hash=None))
            for each in store.sessions(where=SessionFilter(params=params, **where))
        ]

    assert [found({"model": {"share": value}}) for value in values] == [[0], [1], [2], [3], [4]]
    assert found({"model.share": 1.0}) == [3]
    assert found({"model": {"seed": 7}}) == [4, 3, 2, 1, 0]
    assert found({"model": {"seed": 7, "share": 1}}) == [3]
    assert found({"tags": ["a", "b"], "model.seed": 7}, until=five[2].start) == [1, 0]
    assert found({"tags": ["a"]}) == []
    assert found({"model.seed": 8}) == []


def test_sessions_by_the_parameters_given(store, a_session) -> None:
    """Before the parameters are resolved a session is found by what was given at its opening."""
    record = a_session(extra_params={"model": {"share": 0.3}})
    store.write([SessionOpened(record)])
    assert store.sessions(where=SessionFilter(params={"model.share": 0.3})) == [record]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.data())
def test_any_parameter_value_finds_its_session(store, a_session, data) -> None:
    """Whatever the value, the session that has it is found by it, and reads it back as JSON holds it."""
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.integers())
    value = data.draw(leaves)
    record = a_session()
    store.write([SessionOpened(record)])
    store.write([ParametersResolved(record.session_id, ParameterDocument.of({"group": {"value": value}}))])
    found = store.sessions(None, SessionFilter(params={"group": {"value": value}}))
    assert record.session_id in [each.session_id for each in found]
    if isinstance(value, (str, int, list)) or value is None:
        assert store.parameters(record.session_id) == {"group": {"value": value}}


@pytest.mark.parametrize(
    ("key", "operator", "value", "expected"),
    [
        ("share", ">", 0.2, [3, 2]),
        ("share", ">=", 0.2, [3, 2, 1]),
        ("share", "<", 0.3, [1, 0]),
        ("share", "<=", 0.3, [2, 1, 0]),
        ("share", "!=", 0.2, [4, 3, 2, 0]),
        ("share", "!=", "0.2", [4, 3, 2, 1, 0]),
        ("share", "<", "b", [4]),
        ("share", ">", True, None),
        ("share", "<", [1], None),
        ("share", "!=", {"a": 1, "b": 2}, None),
        ("absent", "!=", 1, []),
    ],
)
def test_sessions_by_comparing_a_parameter(store, five, key, operator, value, expected) -> None:
    """Numbers are compared with numbers, texts with texts; what has no order is refused."""
    for record, share in zip(five, [0.1, 0.2, 0.3, 2, "a"], strict=True):
        store.write(
            [ParametersResolved(record.session_id, ParameterDocument.of({"model": {"share": share, "absent?": 1}}))]
        )
    where = SessionFilter(compare=[Comparison(f"model.{key}", operator, value)])
    if expected is None:
        with pytest.raises(HistoryError, match=f"model.{key} {operator}"):
            store.sessions(where=where)
    else:
        found = [each.session_id for each in store.sessions(where=where)]
        assert found == [five[number].session_id for number in expected]


@pytest.mark.parametrize(
    ("operator", "value", "expected"),
    [
        (">", 5, [3, 2, 1, 0]),
        (">=", 2**63 + 2**40, [3, 2]),
        (">", 2**64, [3]),
        ("<", 2**64, [2, 1, 0]),
        ("<", math.inf, [2, 1, 0]),
        ("!=", 2**63 + 1, [3, 2, 0]),
        ("!=", float(2**63), [3, 2, 1]),
        ("=", 2**63 + 1, [1]),
        ("=", 10**400, [3]),
        ("=", float(2**63), [0]),
        ("=", math.inf, []),
    ],
)
def test_sessions_by_an_integer_that_no_double_holds(store, five, operator, value, expected) -> None:
    """Seeds of 64 bits, moments in nanoseconds and yet larger integers have an order, and equal what they are alone."""
    for record, seed in zip(five, [float(2**63), 2**63 + 1, 2**63 + 2**40 + 1, 10**400], strict=False):
        store.write([ParametersResolved(record.session_id, ParameterDocument.of({"seed": seed}))])
    where = SessionFilter(params={"seed": value})
    if operator != "=":
        where = SessionFilter(compare=[Comparison("seed", operator, value)])
    assert [each.session_id for each in store.sessions(where=where)] == [five[n].session_id for n in expected]


def test_an_unknown_comparison() -> None:
    """The known ones are listed."""
    with pytest.raises(HistoryError, match=r"(?s)'=~'.*<=, >, >="):
        Comparison("a", "=~", 1)


CONDITIONS = {
    "env": st.sampled_from(["local", "prod"]),
    "status": st.sampled_from([Status.COMPLETED, Status.FAILED]),
    "project": st.sampled_from(["a", "b"]),
    "pipeline": st.sampled_from(["x", "y"]),
    "params": st.dictionaries(st.sampled_from(["p", "q"]), st.integers(0, 2), min_size=1),
    "compare": st.lists(
        st.builds(Comparison, st.sampled_from(["p", "q"]), st.sampled_from(["<", ">=", "!="]), st.integers(0, 2)),
        min_size=1,
        max_size=2,
    ),
}


@pytest.fixture(scope="module")
def many():
    """What many sessions consist of: env, status, project, pipeline, p, q."""
    choices = product(["local", "prod"], [Status.COMPLETED, Status.FAILED], "ab", "xy", range(3), range(3))
    return list(choices)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80, deadline=None)
@given(where=st.fixed_dictionaries({}, optional=CONDITIONS), limit=st.sampled_from([3, None]))
def test_any_conditions_together(store, a_session, a_run, many, where, limit) -> None:
    """They are those that a loop over all sessions finds."""
    if not store.sessions(1):
        _fill(store, many, a_session, a_run)
    fits = [number for number, each in enumerate(many) if _fits(each, **where)][::-1]
    found = [int(each.session_id) for each in store.sessions(limit, SessionFilter(**where))]
    assert found == fits[:limit]


def _fill(store, many, a_session, a_run) -> None:
    with store.database.transaction():
        for number, (env, status, project, pipeline, p, q) in enumerate(many):
            record = a_session(number, session_id=f"{number:04}", env=env, project=project)
            store.write([SessionOpened(record)])
            store.write([ParametersResolved(record.session_id, ParameterDocument.of({"p": p, "q": q}))])
            for _ in range(2):
                store.write([RunStarted(a_run(record, selection={"pipeline": pipeline}))])
            store.write([SessionClosed(record.session_id, status, record.start)])


def _fits(session, *, params=None, compare=(), **equal) -> bool:
    known = dict(zip(["env", "status", "project", "pipeline", "p", "q"], session, strict=True))
    operators = {"<": lt, ">=": ge, "!=": ne}
    return all(known[key] == value for key, value in [*equal.items(), *(params or {}).items()]) and all(
        operators[each.operator](known[each.key], each.value) for each in compare
    )


def test_frequent_values_that_never_met(store, five) -> None:
    """Those of different times, those that take turns, and one that is nowhere."""
    for number, record in enumerate(five):
        store.write(
            [
                ParametersResolved(
                    record.session_id,
                    ParameterDocument.of({"late": number > 2, "early": number < 2, "odd": str(number % 2)}),
                )
            ]
        )

    def found(**params: Any) -> list[int]:
        return [five.index(replace(each, parameters_hash=None)) for each in store.sessions(None, where(params))]

    def where(params: dict[str, Any]) -> SessionFilter:
        return SessionFilter(params=params)

    assert found(late=True, early=True) == []
    assert found(late=False, odd="0") == [2, 0]
    assert found(late=True, early=False, odd="1") == [3]
    assert found(late=False, early=False, odd="1") == []
    assert found(late=False, absent=1) == []


def test_sessions_by_pipeline(store, five, a_run) -> None:
    """Sessions with at least one run of the pipeline, each once."""
    for record, pipeline in [(five[0], "a"), (five[2], "a"), (five[2], "a"), (five[3], "b")]:
        store.write([RunStarted(a_run(record, selection={"pipeline": pipeline}))])
    store.write([ParametersResolved(five[2].session_id, ParameterDocument.of({"x": 1}))])
    store.write([ParametersResolved(five[3].session_id, ParameterDocument.of({"x": 1}))])
    a = SessionFilter(pipeline="a")
    assert [each.session_id for each in store.sessions(where=a)] == [five[2].session_id, five[0].session_id]
    both = SessionFilter(pipeline="a", params={"x": 1})
    assert [each.session_id for each in store.sessions(where=both)] == [five[2].session_id]


def test_sessions_by_what_their_runs_were_given(store, five, a_run) -> None:
    """Parameters of a run, versions and inputs, and each of several pipelines; each session once."""
    store.write([RunStarted(a_run(five[1], extra_params={"model": {"share": 0.3}}))])
    store.write([ParametersResolved(five[1].session_id, ParameterDocument.of({"model": {"share": 0.2}}))])
    store.write([RunStarted(a_run(five[1], 1, extra_params={"model": {"share": 0.3}, "seed": 1}))])
    store.write([ParametersResolved(five[2].session_id, ParameterDocument.of({"model": {"share": 0.3}}))])
    given = {"pipeline": ["clean", "fit"], "load_versions": {"companies": "v1"}, "inputs": ["x", "y.z"]}
    store.write([RunStarted(a_run(five[3], selection=given))])

    def found(**where: Any) -> list[int]:
        ids = [each.session_id for each in five]
        return [ids.index(each.session_id) for each in store.sessions(where=SessionFilter(**where))]

    assert found(params={"model.share": 0.3}) == [2, 1]
    assert found(params={"model.share": 0.2}) == [1]
    assert found(params={"model.share": 0.3, "seed": 1}) == [1]
    assert found(compare=[Comparison("model.share", ">", 0.1)]) == [2, 1]
    assert found(compare=[Comparison("model.share", "!=", 0.3)]) == [1]
    assert found(pipeline="clean") == found(pipeline="fit") == [3]
    assert found(params={"load_versions.companies": "v1", "inputs.y.z": True}, pipeline="fit") == [3]
    assert found(params={"pipeline.clean": True}) == found(params={"pipeline": {"clean": "clean"}}) == []
    assert store.delete([five[3].session_id]) == 1
    assert found(pipeline="clean") == []


def test_sessions_by_status(store, five) -> None:
    """By the status as it is shown: a session whose process is gone counts as interrupted, not as open."""
    store.write([SessionClosed(five[0].session_id, Status.COMPLETED, five[0].start)])
    store.write([SessionClosed(five[1].session_id, Status.INTERRUPTED, five[1].start)])
    gone = replace(five[2], session_id=new_id(), pid=2**22 + 1)
    store.write([SessionOpened(gone)])

    def found(status: Status, limit: int | None = None) -> list[str]:
        return [each.session_id for each in store.sessions(limit, SessionFilter(status=status))]

    assert found(Status.COMPLETED) == [five[0].session_id]
    assert found(Status.INTERRUPTED) == [gone.session_id, five[1].session_id]
    assert found(Status.OPEN) == [each.session_id for each in five[:1:-1]]
    assert found(Status.OPEN, 1) == [five[4].session_id]
    assert found(Status.FAILED) == []


def test_more_sessions_than_one_page(store, a_session) -> None:
    """All are returned, each once."""
    with store.database.transaction():
        for number in range(450):
            store.write([SessionOpened(a_session(number))])
    assert len({each.session_id for each in store.sessions(None)}) == 450
    assert len(store.sessions(300)) == 300
