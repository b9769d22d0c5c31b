"""Tables at the widths that terminals have, and in notebooks."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipyproject.display.sessions import render_differences, render_session, render_sessions
from ipyproject.display.tables import Table, render, table_html, table_text
from ipyproject.history import Difference, open_history
from ipyproject.history.questions.asking import SessionHistory

ID = "2026-11-22T18.42.29.509353Z-db39c5"
HEADERS = ("id", "status", "runs", "params")


def table(*rows):
    return Table(HEADERS, rows or [(ID, "completed", "__default__", "a=1")], "", ("params", "runs"), frozenset({"id"}))


@pytest.mark.parametrize(
    ("width", "headers"),
    [(50, "id status"), (60, "id status"), (65, "id status runs"), (80, "id status runs params")],
)
def test_what_a_narrow_terminal_does_without(width, headers):
    """Columns that can be done without are left out one by one, in their order, until the others have room."""
    assert table_text(table(), width).splitlines()[0].split() == headers.split()


def test_a_long_text_folds_before_its_column_is_left_out():
    """A text that is long in itself is folded where there is room for some of it."""
    text = table_text(table((ID, "completed", "prepare", "a=1, " * 20)), 100)
    assert "params" in text
    assert max(map(len, text.splitlines())) <= 100


@settings(max_examples=300)
@given(st.integers(20, 200), st.lists(st.text("ab .=-", max_size=60), min_size=2, max_size=2))
def test_any_width(width, texts):
    """No line is wider than the terminal, an id that fits is never folded, and one that does not is never cut."""
    text = table_text(table((ID, "completed", *texts)), width)
    assert max(map(len, text.splitlines())) <= width
    if width >= len(ID) + 6:  # the frame, and a character of the column beside it
        assert ID in text
    else:
        folded = re.sub(r"\s", "", text)
        assert all(part in folded for part in ("2026-11", "db39c5"))


def test_html():
    """Text is aligned to the left, ids are not folded, everything is escaped."""
    html = table_html(table((ID, "<b>", "", "a & b")))
    assert (
        f'<td style="text-align: left; white-space: nowrap">{ID}</td><td style="text-align: left">&lt;b&gt;</td>'
        in html
    )
    assert "a &amp; b" in html
    opened = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag, attributes):
            opened.append((tag, dict(attributes).get("style", "")))

    Reader().feed(html)
    assert all("text-align: left" in style for tag, style in opened if tag in {"td", "th"})
    assert [tag for tag, _ in opened].count("td") == 4


def test_control_characters():
    """Nothing in a table or a paragraph can do anything to a terminal or turn the text around it; lines stay lines."""
    shown = render("\x1b]0;x\x07", Table(("a\u202e",), [("one\ntwo\r\ud800",)], "t\x9b"))
    assert shown.text.split() == ["\\x1b]0;x\\x07", "t\\x9b", "a\\u202e", "─" * 11, "one", "two\\r\\ud800"]
    assert "<p>\\x1b]0;x\\x07</p>" in shown.html
    assert "one<br>two\\r\\ud800" in shown.html


@pytest.fixture
def project(make_project):
    project = make_project()
    with project.open(env="prod", extra_params={"name": "x" * 30, "model": {"test_share": 0.5}}) as session:
        session.run()
    with project.open() as session:
        session.run("prepare", extra_params={"rate": 5}, to_nodes="double")
    return project


@pytest.mark.parametrize("width", [60, 80])
def test_sessions_in_a_narrow_terminal(project, width, monkeypatch):
    """List, show and diff keep to the terminal's width, and each id stands whole on a line."""
    monkeypatch.setenv("COLUMNS", str(width))
    with open_history(project.root) as store:
        records = store.sessions()
        found = [(record, store.runs(record.session_id)) for record in records]
        sessions = [SessionHistory.read(store, record) for record in records]
    ids = [record.session_id for record in records]
    runs = [run.run_id for _, runs in found for run in runs]
    commits = Difference("code", "commit", "8256eafb0dfce44361389832540dbcdcc869c602", None)
    listed, compared = render_sessions(found).text, render_differences(*ids, [commits]).text
    shown = [render_session(session).text for session in sessions]
    for text in (listed, compared, *shown):
        assert max(map(len, text.splitlines())) <= width, text
    for text in (listed, compared):
        assert all(one in text for one in ids)
    assert "status" in listed
    assert "8256eafb0dfc " in compared
    for text, one, run in zip(shown, ids, runs, strict=True):
        assert one in text
        assert run in text
