"""Times as people write them."""

from __future__ import annotations

import time
from datetime import UTC, date, datetime, timedelta, timezone

import pandas as pd
import pytest

from ipyproject.errors import HistoryError
from ipyproject.history import moment, sessions


@pytest.fixture
def in_tokyo(monkeypatch):
    """A process in another time zone."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    "meant",
    [
        "2026-01-31",
        " 2026-01-31T00:00 ",
        "2026-01-30T15:00Z",
        "2026-01-30T16:00+01:00",
        date(2026, 1, 31),
        datetime(2026, 1, 31),  # noqa: DTZ001
        datetime(2026, 1, 30, 15, tzinfo=UTC),
        datetime(2026, 1, 30, 16, tzinfo=timezone(timedelta(hours=1))),
        pd.Timestamp("2026-01-31"),
    ],
)
def test_what_is_meant(in_tokyo, meant) -> None:
    """A time without a zone is local, a date is its beginning; the same as a text and as a value."""
    assert moment(meant) == datetime(2026, 1, 30, 15, tzinfo=UTC)
    assert moment(meant).tzinfo is UTC


@pytest.mark.parametrize(("age", "minutes"), [("90m", 90), ("12h", 720), ("7 d", 10080), ("2w", 20160)])
def test_ages(age, minutes) -> None:
    """An age is counted from now."""
    assert abs(datetime.now(UTC) - timedelta(minutes=minutes) - moment(age)) < timedelta(minutes=1)


@pytest.mark.parametrize("wrong", ["yesterday", "", "99999999999999w", "2026-13-01", date.min, 7, None, pd.NaT])
def test_what_means_nothing(wrong) -> None:
    """The message shows how times are written."""
    with pytest.raises(HistoryError, match="is no time.\nGive 2026-01-31, 2026-01-31T09:30, or an age: 90m, 12h"):
        moment(wrong)


def test_in_questions(make_project) -> None:
    """Questions in Python take what the command line takes, and dates and datetimes, aware or not."""
    project = make_project()
    with project.open() as opened:
        now = opened.record.start
    where = {"project_path": project.root}
    local = now.astimezone().replace(tzinfo=None)
    for since in ("1h", "7d", now, local, local.date(), now.isoformat()):
        assert len(sessions(since=since, **where)) == 1
        assert sessions(until=since, **where) == []
    assert len(sessions(until="2999-01-01", **where)) == 1
