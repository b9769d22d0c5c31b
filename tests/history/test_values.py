from __future__ import annotations

import json
import math
from datetime import UTC, date, datetime, timedelta
from enum import Enum, IntEnum
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ipyproject.history.values import (
    ParameterDocument,
    content_hash,
    flattened,
    jsonable,
    kept,
    many_json,
    parameter_rows,
    revived,
    to_json,
)
from ipyproject.memo import Memo

JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


class Unprintable:
    def __repr__(self) -> str:
        raise RuntimeError("no")


class Size(IntEnum):
    BIG = 3


class Colour(Enum):
    RED = "red"


@given(JSON_VALUES)
def test_what_json_holds_is_kept_as_it_is(value: Any) -> None:
    """The JSON library is the oracle: what it can hold reads back equal, with the same types."""
    back = json.loads(to_json(value))
    assert back == json.loads(json.dumps(value))
    assert repr(back) == repr(json.loads(json.dumps(value)))


@given(st.dictionaries(st.text(), JSON_VALUES, max_size=4))
def test_the_fast_way_to_json_agrees_with_the_careful_one(value: dict[str, Any]) -> None:
    """Both give the same text for what JSON holds."""
    assert many_json([value, {}, value]) == [to_json(value), "{}", to_json(value)]


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (date(2026, 11, 22), "datetime.date", "2026-11-22"),
        (datetime(2026, 11, 22, 1, tzinfo=UTC), "datetime.datetime", "2026-11-22T01:00:00+00:00"),
        (pd.Timestamp("2026-11-22 01:00"), "datetime.datetime", "2026-11-22T01:00:00"),
        (np.datetime64("2026-11-22T01:00:00.000000001"), "datetime.datetime", "2026-11-22T01:00:00"),
        (pd.NaT, f"{type(pd.NaT).__module__}.NaTType", "NaT"),
        (timedelta(1), "datetime.timedelta", "datetime.timedelta(days=1)"),
        (np.timedelta64(1, "ns"), "datetime.timedelta", "datetime.timedelta(0)"),
        ({frozenset({1}): 2}, "dict", "{frozenset({1}): 2}"),
        (np.array([1, 2]), "numpy.ndarray", "array([1, 2])"),
        (PurePosixPath("a/b"), "pathlib.PurePosixPath", "PurePosixPath('a/b')"),
        (float("nan"), "float", "nan"),
        (float("inf"), "float", "inf"),
        ({"a"}, "set", "{'a'}"),
        (b"\x00", "bytes", "b'\\x00'"),
        (1j, "complex", "1j"),
        (Unprintable(), f"{__name__}.Unprintable", "<repr raised RuntimeError>"),
        pytest.param(10**5000, "int", "<repr raised ValueError>", id="huge"),
    ],
)
def test_what_json_does_not_hold_is_kept_as_type_and_repr(value: Any, kind: str, text: str) -> None:
    """Nothing is refused, however deep it lies, and whatever its repr does."""
    described = {"$type": kind, "$repr": text}
    if kind.startswith("pathlib"):  # the module's name differs between versions of Python
        described["$type"] = f"{type(value).__module__}.{type(value).__qualname__}"
    assert jsonable({"a": [value]}) == {"a": [described]}
    assert json.loads(many_json([{"a": value}])[0])["a"] == described
    assert jsonable(described) == described


def test_subclasses_of_plain_types_are_kept_by_value() -> None:
    """An integer enum is its integer, a tuple a list; another enum is described."""
    assert jsonable({"size": Size.BIG, "pair": (1, 2)}) == {"size": 3, "pair": [1, 2]}
    assert type(jsonable(Size.BIG)) is int
    assert jsonable(Colour.RED)["$type"].endswith("Colour")


def test_what_contains_itself_ends() -> None:
    """A list within itself is kept down to some depth."""
    endless: list[Any] = []
    endless.append(endless)
    assert "$repr" in to_json(endless)
    assert "$repr" in many_json([{"a": endless}])[0]


@given(JSON_VALUES, JSON_VALUES)
def test_equal_content_has_equal_hashes(one: Any, other: Any) -> None:
    """The hash depends on the content and not on the order of keys; different JSON has different hashes."""
    same = json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    assert (content_hash(one)[0] == content_hash(other)[0]) == same


def test_the_order_of_keys_does_not_matter() -> None:
    """Two mappings that differ in the order of their keys are the same content."""
    assert content_hash({"a": {"x": 1, "y": 2}, "b": 1}) == content_hash({"b": 1, "a": {"y": 2, "x": 1}})


def test_parameters_become_rows() -> None:
    """Each leaf has its dotted path, its type, and stands either among the numbers or among the texts."""
    rows = parameter_rows(
        {"model": {"share": 0.3, "seed": 7}, "name": "007", "on": True, "off": None, "l": [1], "d": {}}
    )
    assert [tuple(row) for row in rows] == [
        ("model.share", "number", 0.3, None),
        ("model.seed", "number", 7.0, None),
        ("name", "str", None, "007"),
        ("on", "bool", None, "true"),
        ("off", "null", None, "null"),
        ("l", "list", None, "[1]"),
        ("d", "dict", None, "{}"),
    ]


@given(st.dictionaries(st.text(), JSON_VALUES | st.binary() | st.floats() | st.dates(), max_size=4))
def test_rows_hold_what_any_database_takes(parameters: dict[str, Any]) -> None:
    """Either a number, but never NaN, or a text that is valid UTF-8 without NUL; both for an integer no double holds."""
    for key, kind, number, text in parameter_rows(parameters):
        if number is None or text is None:
            assert number != text
        else:
            assert abs(int(text)) > 2**53
        for each in (key, kind, text or ""):
            assert "\0" not in each
            assert each.encode("utf-8").decode() == each
        assert number is None or (number == number and type(number) is float)  # noqa: PLR0124


@pytest.mark.parametrize(
    ("value", "asked"),
    [
        (date(2026, 1, 2), "2026-01-02"),
        (math.inf, "inf"),
        (-math.inf, "-inf"),
        (math.nan, "nan"),
        (np.float64(0.1), 0.1),
        (np.int8(3), 3),
        (np.bool_(True), True),  # noqa: FBT003
        (np.str_("x"), "x"),
        (np.array(7), 7),
        ({1: 5}, {"1": 5}),
        ({0.5: 5, None: 6, True: 7, (1, "a"): 8}, {"0.5": 5, "null": 6, "true": 7, "(1, a)": 8}),
        ({date(2026, 1, 2): 5}, {"2026-01-02": 5}),
        ({np.int64(1): 5}, {"1": 5}),
    ],
)
def test_what_is_typed_finds_what_is_meant(value, asked) -> None:
    """What a shell can say of a value is in the index as the value is."""
    assert parameter_rows({"a": value}) == parameter_rows({"a": asked}) != []


TIMES = (st.times() | st.datetimes(timezones=st.sampled_from([None, UTC]))).map(lambda each: each.replace(fold=0))
KEYS = st.recursive(
    st.text(max_size=3) | st.integers() | st.floats(allow_nan=False) | st.none() | st.booleans() | st.dates() | TIMES,
    lambda inner: st.tuples(inner, inner) | st.tuples(),
    max_leaves=3,
)
ODD = st.recursive(
    st.floats(allow_nan=False) | st.dates() | TIMES | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(KEYS | st.sampled_from(["1", "$keys", "null", "true"]), inner, max_size=4)
    ),
    max_leaves=8,
)


@given(ODD)
def test_values_come_back(value):
    """Keys of any kind, also two with one text, dates, times and the infinities come back as they were, every time."""
    assume("'$keys': {" not in repr(value))  # a mapping of this name may be taken for ours
    held = json.loads(to_json(value))
    assert repr(revived(held)) == repr(kept(value)) == repr(value)
    assert jsonable(held) == held
    assert jsonable(revived(held)) == held


def test_nan_comes_back() -> None:
    """NaN comes back as a number."""
    assert math.isnan(kept({"a": [math.nan]})["a"][0])


@pytest.mark.parametrize(
    ("held", "value"),
    [
        ({"a": {"$pairs": [[1, "x"], [None, {"$pairs": [[True, 2]]}]]}}, {"a": {1: "x", None: {True: 2}}}),
        ({"$type": "float", "$repr": "nan"}, math.nan),
        ({"$type": "datetime.date", "$repr": "datetime.date(2026, 1, 2)"},) * 2,
        ({"$pairs": 1},) * 2,
        ({"$keys": {}},) * 2,
        ({"$keys": {"a": {}}, "a": 1},) * 2,
        ({"$keys": {"a": [[]]}, "b": 1},) * 2,
    ],
)
def test_what_earlier_versions_wrote_and_what_only_looks_so(held, value) -> None:
    """Records that an earlier version wrote are read; a parameter that happens to have such a name stays as it is."""
    assert repr(revived(held)) == repr(value)


def test_flattened() -> None:
    """Keys that are no texts have their names in dotted paths; two that have one name are kept apart."""
    values = {"lags": {1: 0.5, "1": 0.25, None: {}}, 2: {date(2026, 1, 2): {True: "x"}}}
    assert flattened(values) == {"lags.1 (int)": 0.5, "lags.1": 0.25, "lags.null": {}, "2.2026-01-02.true": "x"}


PARAMETERS = st.dictionaries(
    st.text() | st.sampled_from(["$type", "$keys", "a", "a.b"]) | st.integers() | st.none(),
    JSON_VALUES | ODD,
    max_size=5,
)


@given(PARAMETERS, PARAMETERS)
def test_a_document_of_parameters(earlier: dict[Any, Any], new: dict[Any, Any]) -> None:
    """It holds the content hash and the rows of its parameters, whatever it takes over from one that was made before."""
    memo = Memo()
    ParameterDocument.of(earlier, memo)
    for parameters in (earlier, new, {**earlier, **new}, {**new, **earlier}, dict(list(earlier.items())[::-1])):
        document = ParameterDocument.of(parameters, memo)
        assert (document.digest, document.text) == content_hash(parameters)
        assert list(document.rows) == parameter_rows(parameters)


def test_a_document_of_the_same_parameters() -> None:
    """Of the very same values the document before is taken over; equal ones of another type are not the same."""
    parameters = {"model": {"share": 1}, "rate": 2}
    memo = Memo()
    document = ParameterDocument.of(parameters, memo)
    assert ParameterDocument.of(dict(parameters), memo) is document
    assert ParameterDocument.of({**parameters, "model": {"share": True}}, memo).text != document.text
    assert ParameterDocument.of({"rate": 2}, memo).text == '{"rate":2}'
