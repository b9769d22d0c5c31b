"""Conditions on parameters, from what is typed to the sessions that are found."""

from __future__ import annotations

import math
from datetime import date

import numpy as np
import pytest

from ipyproject.errors import ConfigError, HistoryError
from ipyproject.history import SessionFilter, sessions
from ipyproject.history.events import ParametersResolved
from ipyproject.history.questions.conditions import parameter_filter
from ipyproject.history.stores.search import Comparison
from ipyproject.history.values import ParameterDocument


def test_values_stay_values():
    """A mapping asks for equal values, whatever its texts look like."""
    assert parameter_filter({"a": {"b": ">=1"}}) == {"params": {"a": {"b": ">=1"}}, "compare": ()}


def test_texts():
    """Texts hold one condition or several; mappings ask for each of their leaves."""
    assert parameter_filter(["a>=1,b='x'", "a<2,c={d: 1, e: [2]}"]) == {
        "params": {"b": "x", "c.d": 1, "c.e": [2]},
        "compare": (Comparison("a", ">=", 1), Comparison("a", "<", 2)),
    }
    assert parameter_filter("a=1,a=1")["params"] == {"a": 1}


@pytest.mark.parametrize("asked", [["a=1", "a=2"], "a=1,a=true", ["a.b=1", "a={b: 2}"]])
def test_two_values_at_once(asked):
    """No parameter has two values: said at once, and not by an empty list."""
    with pytest.raises(HistoryError, match="No session fits: a.* is to be 1 and "):
        parameter_filter(asked)


def test_in_every_store(store, five):
    """Each comparison finds the sessions that it says, alone and with others, by value and not by text."""
    for record, value in zip(five, [0.1, 0.3, 10, "0.3", None], strict=True):
        store.write(
            [ParametersResolved(record.session_id, ParameterDocument.of({"model": {"share": value}, "seed": 7}))]
        )

    def found(*asked):
        ids = [each.session_id for each in store.sessions(where=SessionFilter(**parameter_filter(asked)))]
        return [number for number, record in enumerate(five) if record.session_id in ids]

    assert found("model.share>=0.3") == [1, 2]
    assert found("model.share > 0.3") == [2]
    assert found("model.share<=0.3") == [0, 1]
    assert found("model.share<0.3") == [0]
    assert found("model.share!=0.3") == [0, 2, 3, 4]
    assert found("model.share='0.3'") == [3]
    assert found("model.share>'0'") == [3]
    assert found("model.share!=null") == [0, 1, 2, 3]
    assert found("model.share>0.1,model.share<10") == [1]
    assert found("model.share>0.1", "seed=7") == [1, 2]
    assert found("model.share>0.1", "seed=8") == []
    assert found("nothing!=1") == []
    with pytest.raises(HistoryError, match="model.share < None can't be asked"):
        found("model.share<")


def test_values_that_json_does_not_hold(store, five):
    """Infinities have an order, dates that of their texts; NaN is only found; keys that are no texts have their names."""
    values = [{"x": math.inf}, {"x": math.nan}, {"x": "inf"}, {"day": date(2026, 1, 2)}, {"lags": {1: 0.5, None: 2}}]
    for record, value in zip(five, values, strict=True):
        store.write([ParametersResolved(record.session_id, ParameterDocument.of(value))])

    def found(*asked, **filters):
        conditions = SessionFilter(**(filters or parameter_filter(asked)))
        ids = [each.session_id for each in store.sessions(where=conditions)]
        return [number for number, record in enumerate(five) if record.session_id in ids]

    assert found("x=inf") == found("x=.inf") == found("x>1000") == [0, 2]
    assert found("x<inf") == found("x=-inf") == []
    assert found("x!=inf") == found("x=nan") == found("x=.nan") == [1]
    assert found("day=2026-01-02") == found("day>=2026-01-01") == found("day<2026-01-10,day!=2026-01-03") == [3]
    assert found("day>2026-01-02") == []
    assert found("lags.1=0.5") == found("lags={1: 0.5}") == found("lags.null>1") == [4]
    assert found(params={"lags": {1: 0.5}}) == found(params={"lags.1": np.float64(0.5)}) == [4]
    assert found(params={"day": date(2026, 1, 2)}) == found(params={"day": np.datetime64("2026-01-02")}) == [3]
    assert found(params={"x": math.nan}) == [1]
    assert [store.parameters(record.session_id) for record in five[2:]] == values[2:]


def test_in_python(make_project):
    """The Python API takes values, one text or several."""
    project = make_project()
    for share in (0.2, 0.3, 0.4):
        with project.open(extra_params={"model": {"test_share": share}}) as session:
            session.load_context()

    def found(params):
        return [each.extra_params["model"]["test_share"] for each in sessions(params=params, project_path=project.root)]

    assert found("model.test_share>=0.3") == [0.4, 0.3]
    assert found(["model.test_share>0.2", "model.test_share!=0.4"]) == [0.3]
    assert found({"model.test_share": 0.2}) == [0.2]
    assert found({"model": {"test_share": 0.2}}) == [0.2]
    with pytest.raises(ConfigError, match="'model.test_share' compares nothing"):
        found("model.test_share")
