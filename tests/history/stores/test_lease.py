"""Sessions whose process can't be seen from here."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from ipyproject.history import Status
from ipyproject.history.events import RunStarted, SessionClosed, SessionOpened, SessionSeen
from ipyproject.history.stores.lease import LEASE

NOW = datetime.now(UTC)
LONG_AGO = NOW - timedelta(days=2)


@pytest.mark.parametrize(
    ("start", "seen", "expected"),
    [
        (NOW, None, Status.OPEN),
        (LONG_AGO, None, Status.INTERRUPTED),
        (LONG_AGO, NOW, Status.OPEN),
        (LONG_AGO, NOW - LEASE / 2, Status.OPEN),
        (LONG_AGO, NOW - 2 * LEASE, Status.INTERRUPTED),
        (NOW, LONG_AGO, Status.OPEN),
    ],
)
def test_a_session_of_another_machine(store, a_session, a_run, start, seen, expected) -> None:
    """It is open until nothing was heard of it for longer than its lease; so are its runs, and it is never pruned."""
    record = a_session(host="elsewhere", start=start)
    store.write([SessionOpened(record), RunStarted(a_run(record))])
    if seen is not None:
        store.write([SessionSeen(record.session_id, seen)])
    assert store.session("latest").status is expected
    [run] = store.runs(record.session_id)
    assert run.status is (Status.RUNNING if expected is Status.OPEN else Status.INTERRUPTED)
    assert store.prunable() == ([] if expected is Status.OPEN else [record.session_id])


def test_a_process_that_is_seen(store, a_session) -> None:
    """Of one that lives or is gone nobody asks when it was heard of last."""
    lives = a_session(start=LONG_AGO)
    gone = a_session(start=LONG_AGO, pid=2**22 + 1)
    rebooted = replace(a_session(start=NOW), process=f"earlier{lives.process}")
    store.write(map(SessionOpened, [lives, gone, rebooted]))
    store.write([SessionSeen(gone.session_id, NOW), SessionSeen(rebooted.session_id, NOW)])
    statuses = {each.session_id: each.status for each in store.sessions()}
    assert statuses == {
        lives.session_id: Status.OPEN,
        gone.session_id: Status.INTERRUPTED,
        rebooted.session_id: Status.INTERRUPTED,
    }


def test_a_session_that_was_closed(store, a_session) -> None:
    """It stays what it was closed as."""
    record = a_session(host="elsewhere", start=LONG_AGO)
    store.write([SessionOpened(record), SessionClosed(record.session_id, Status.COMPLETED, LONG_AGO)])
    assert store.session("latest").status is Status.COMPLETED
