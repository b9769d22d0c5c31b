"""A process leaves the store of its last session open for the next one."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from ipyproject.history import Recorder, Status, open_store
from ipyproject.history.stores.idle import close_idle_store, keep_idle_store, take_idle_store

OPEN_FILES = Path("/proc/self/fd")


@pytest.fixture(autouse=True)
def _nothing_idle():
    close_idle_store()
    yield
    close_idle_store()


def open_files(location) -> int:
    """Return how many times this process has a file open."""
    return [each.readlink() for each in OPEN_FILES.iterdir() if each.is_symlink()].count(location)


needs_proc = pytest.mark.skipif(not OPEN_FILES.is_dir(), reason="needs /proc")


@needs_proc
def test_sessions_share_one_connection(location, live, shown, whole) -> None:
    """However many sessions follow each other, one connection is open, and it sees them all."""
    sessions = [live(Recorder(location)) for _ in range(5)]
    assert open_files(location) == 1
    assert shown(location) == whole(*sessions[::-1])
    close_idle_store()
    assert open_files(location) == 0


@needs_proc
def test_at_most_one_store_is_kept(tmp_path, live) -> None:
    """The store of another project takes its place."""
    locations = [tmp_path / name / "history.db" for name in "abc"]
    for location in locations:
        live(Recorder(location))
    assert [open_files(location) for location in locations] == [0, 0, 1]


@pytest.mark.parametrize("how", ["deleted", "replaced", "moved"])
def test_a_store_that_is_gone_meanwhile(location, live, shown, whole, recwarn, how) -> None:
    """The next session starts a new one, or uses the one that is there now, without a word."""
    live(Recorder(location))
    aside = location.parent.with_name("aside")
    location.parent.rename(aside)
    expected = []
    if how == "replaced":
        with open_store(location):
            pass
    elif how == "deleted":
        for each in aside.iterdir():
            each.unlink()
    session = live(Recorder(location))
    assert shown(location) == whole(session, *expected)
    assert list(recwarn) == []


def test_a_store_that_a_newer_version_has_changed_meanwhile(location, live) -> None:
    """It is refused as if it had been opened anew."""
    live(Recorder(location))
    with open_store(location) as store, store.database.transaction() as statements:
        statements.execute("INSERT INTO migrations VALUES (999, 'from the future', 0)")
    with pytest.warns(UserWarning, match="newer version"):
        live(Recorder(location))


def test_sessions_at_the_same_time(location, live, shown) -> None:
    """Threads that open and close sessions at once never share a connection, and lose nothing."""
    threads = [Thread(target=lambda: [live(Recorder(location)) for _ in range(5)]) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [(status, nodes) for _, status, nodes in shown(location)] == [(Status.COMPLETED, [3])] * 30


def test_a_fork_opens_its_own(location, start, shown) -> None:
    """A child does not touch the connection that it inherits, and its own sessions are recorded."""
    process = start("""
def session():
    recorder = Recorder(location)
    record = opened()
    recorder.record(SessionOpened(record))
    recorder.record(SessionClosed(record.session_id, Status.COMPLETED, datetime.now(UTC)))

session()
for _ in range(3):
    if (child := os.fork()) == 0:
        session()
        session()
        sys.exit()
    os.waitpid(child, 0)
    session()
""")
    assert process.communicate() == ("", "")
    assert [status for _, status, _ in shown(location)] == [Status.COMPLETED] * 10


def test_only_the_store_asked_for_is_taken(location) -> None:
    """A store is handed out once, under the name it was kept under."""
    with open_store(location) as store:
        keep_idle_store("a", store)
        assert take_idle_store("b") is None
        assert take_idle_store("a") is store
        assert take_idle_store("a") is None
