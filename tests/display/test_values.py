"""Values in what is shown: short, on one line, and without a character that does something."""

from __future__ import annotations

import math
import unicodedata
from datetime import UTC, date, datetime
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.display.sessions import (
    render_differences,
    render_replay,
    render_session,
    render_sessions,
    render_values,
)
from ipyproject.display.values import format_pair, format_value, params_in_short
from ipyproject.history import Difference, ErrorRecord, MetricRecord, NodeRecord, RunRecord, SessionRecord, Status
from ipyproject.history.questions.asking import SessionHistory


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb\x1b", r"a\nb\x1b"),
        (0.123456, "0.1235"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (None, "None"),
        (True, "True"),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, 3, tzinfo=UTC), "2026-01-02T03:00:00+00:00"),
        ([1, "a", date(2026, 1, 2), math.inf], "[1, 'a', 2026-01-02, inf]"),
        ({1: "a", "1": {None: date(2026, 1, 2)}}, "{1: 'a', '1': {null: 2026-01-02}}"),
        ({"$type": "pathlib.PosixPath", "$repr": "PosixPath('a')"}, "PosixPath('a')"),
        ("x" * 1_000_000, "x" * 200 + "... (1,000,000 characters)"),
        ("\x1b" * 1_000_000, r"\x1b" * 50 + "... (1,000,000 characters)"),
        (list(range(1_000_000)), str(list(range(100)))[:200] + "... (1,000,000 items)"),
        (10**999, "1" + "0" * 199 + "..."),
    ],
)
def test_one_value(value, shown):
    """It takes at most some two hundred characters, and says how much of it there is."""
    assert format_value(value) == shown


def test_what_differs_is_seen():
    """Two values that would look the same are shown as what they are, and long ones from where they differ."""
    assert format_pair(1, 2) == ("1", "2")
    assert format_pair(1, "1") == ("1", "'1'")
    assert format_pair(0.12345, 0.123456) == ("0.12345", "0.123456")
    assert format_pair(date(2026, 1, 2), "2026-01-02") == ("2026-01-02", "'2026-01-02'")
    one, other = format_pair("x" * 10_000 + "a", "x" * 10_000 + "b")
    assert (one, other) == (f"...{'x' * 40}a'", f"...{'x' * 40}b'")
    one, other = format_pair([*range(1000), 1], [*range(1000), 2])
    assert (one[-3:], other[-3:]) == (" 1]", " 2]")


def test_several_parameters():
    """They stand in one line by their dotted names, as many as fit."""
    params = {"a": {1: 0.5, "b\x1b": [1, 2]}, "c": {}, "day": date(2026, 1, 2), "d": "x" * 500}
    assert params_in_short(params).startswith(r"a.1=0.5, a.b\x1b=1,2, c={}, day=2026-01-02, d=xxx")
    many = params_in_short({f"p{number}": number for number in range(100_000)})
    assert many.endswith("... (100,000 parameters)")
    assert len(many) < 500


def test_a_long_session_fits_a_screen():
    """Neither huge values nor an endless message fill the screen; there may be thousands of runs."""
    record = session_record(extra_params={"text": "x" * 1_000_000}, exception=ErrorRecord("E", "line\n" * 10_000))
    runs = [
        RunRecord(run_id=f"r{number}", session_id="s", start=record.start, extra_params={"l": [0] * 100_000})
        for number in range(3000)
    ]
    listed = render_sessions([(record, runs)])
    assert "and 2992 more" in listed.text
    shown = render_session(SessionHistory(record, tuple(runs[:1]), {"r0": ()}, {}, {}, {"f": "x" * 10**6}, ()))
    assert max(map(len, (listed.text, listed.html, shown.text, shown.html))) < 10_000


def session_record(**changes):
    start = datetime(2026, 1, 2, tzinfo=UTC)
    fields = {"session_id": "s", "project": "p", "package_name": "p", "project_root": "/p", "env": "e", "start": start}
    return SessionRecord(**(fields | changes))


NASTY = st.text(
    st.characters() | st.sampled_from("\x00\x07\x08\t\n\r\x1b\x7f\x85\x9b\u200b\u2028\u202e\u2066\u061c\ud800")
)
VALUES = st.recursive(
    NASTY | st.floats() | st.dates() | st.none() | st.fixed_dictionaries({"$type": NASTY, "$repr": NASTY}),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NASTY | st.integers(), inner, max_size=3),
    max_leaves=5,
)
PARAMS = st.dictionaries(NASTY, VALUES, max_size=3)
ERRORS = st.none() | st.builds(ErrorRecord, NASTY, NASTY)
STATUSES = st.sampled_from([Status.COMPLETED, Status.FAILED])


@st.composite
def histories(draw):
    invocation = {name: draw(NASTY) for name in ("line", "notebook", "script", "command")}
    record = session_record(
        **{name: draw(NASTY) for name in ("session_id", "project", "project_root", "env", "conf_source", "replay_of")},
        **{name: draw(NASTY) for name in ("user", "host", "python", "platform")},
        extra_params=draw(PARAMS),
        invocation=invocation | {"flags": {draw(NASTY): {"value": draw(NASTY), "source": "commandline"}}},
        environment=draw(st.dictionaries(NASTY, NASTY, max_size=2)),
        git={"branch": draw(NASTY)},
        exception=draw(ERRORS),
    )
    run = RunRecord(
        run_id=draw(NASTY),
        session_id="s",
        start=record.start,
        selection={"pipeline": draw(NASTY | st.lists(NASTY, min_size=1, max_size=2)), "tags": draw(st.lists(NASTY))},
        extra_params=draw(PARAMS),
        status=draw(STATUSES),
        exception=draw(ERRORS),
    )
    node = NodeRecord(draw(NASTY), Status.COMPLETED, record.start, 0.1, {draw(NASTY): {"type": draw(NASTY)}})
    metric = MetricRecord(draw(NASTY), draw(st.floats()), record.start)
    return SessionHistory(record, (run,), {run.run_id: (node,)}, draw(PARAMS), {}, draw(PARAMS), (metric,))


def is_unseen(character):
    directions = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"}
    return (
        unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"}
        or unicodedata.bidirectional(character) in directions
    )


@given(histories(), NASTY, VALUES, VALUES)
def test_whatever_the_values(history, name, one, other):
    """No text and no HTML that is shown has a control, an escape, a change of direction, or what can't be encoded."""
    difference = Difference("parameters", name, one, other)
    replay = SimpleNamespace(
        plan=SimpleNamespace(record=history.record, runs=history.runs),
        session=SimpleNamespace(session_id=history.record.session_id),
        differences=(difference,),
    )
    for shown in (
        render_sessions([(history.record, history.runs)]),
        render_session(history),
        render_differences(history.record.session_id, name, [difference]),
        render_values(("parameter", "value"), history.parameters),
        render_replay(replay),
    ):
        for text in (shown.text, shown.html):
            assert {each for each in text if is_unseen(each)} <= {"\n"}
            text.encode()
