"""What waits beside a store is taken in whole, whoever wrote it, and what makes no sense holds up nothing else."""

from __future__ import annotations

import json
import os

import pytest

from ipyproject.history import HistoryWarning, MetricRecord, Recorder, Status, open_store
from ipyproject.history.events import FactsLogged, MetricsLogged, RunStarted, SessionClosed, SessionOpened
from ipyproject.history.recording.spool import spool_of


@pytest.fixture(autouse=True)
def _own_temporary_folder(tmp_path, monkeypatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))


@pytest.fixture
def spooled(location, live):
    """Spool a session; return its record, and its file."""
    location.mkdir(parents=True)
    recorder = Recorder(location)
    with pytest.warns(HistoryWarning):
        session = live(recorder)
    location.rmdir()
    return session, recorder.spooled


def taken_in(location) -> list[str]:
    """Take in what waits and return what the user is told."""
    with open_store(location) as store:
        return spool_of(location).take_in(store)


def test_what_workers_told_of_a_session_that_waits_itself(location, a_session) -> None:
    """It is taken in after the session, and waits for it as long as the session goes on."""
    location.mkdir(parents=True)
    session, recorder = a_session(), Recorder(location)
    with pytest.warns(HistoryWarning):
        recorder.record(SessionOpened(session))
    location.rmdir()
    worker = spool_of(location).write(session.session_id, [FactsLogged(session.session_id, {"told": 1})], worker=True)
    os.utime(worker, (0, 0))  # nobody has heard of its process for long
    assert taken_in(location) == []
    assert worker.exists()
    recorder.record(SessionClosed(session.session_id, Status.COMPLETED, session.start))
    assert taken_in(location) == []
    assert not worker.exists()
    with open_store(location) as store:
        assert store.facts(session.session_id) == {"told": 1}


@pytest.mark.parametrize(
    ("event", "field", "value"),
    [
        ("SessionOpened", "env", 5),
        ("RunStarted", "selection", []),
        ("NodesFinished", "run_id", ["x"]),
        ("SessionClosed", "end", "2026-01-01"),  # no time zone
        ("SessionClosed", "session_id", "\ud800"),
    ],
)
def test_a_value_that_nobody_can_keep(location, live, spooled, shown, whole, event, field, value) -> None:
    """The file is set aside and the user is told; the other events and the other sessions are in the store."""
    path = spooled[1]
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    [odd] = [each for each in lines if each.get("event") == event][:1]
    odd.get("record", odd)[field] = value
    path.rename(first := path.with_name("0.jsonl"))
    first.write_text("".join(json.dumps(each) + "\n" for each in lines) + json.dumps({}) + "\n")
    location.mkdir()
    with pytest.warns(HistoryWarning):
        other = live(Recorder(location))
    location.rmdir()
    [notice] = taken_in(location)
    assert f"{first.name}.unreadable" in notice
    found = shown(location)
    assert whole(other)[0] in found
    assert len(found) == (1 if event == "SessionOpened" else 2)


def test_what_is_set_aside_stays(location, spooled) -> None:
    """A file that is set aside replaces none that was before, under the same name."""
    path = spooled[1]
    content = path.read_text() + "nonsense\n"
    for _ in range(2):
        path.write_text(content)
        [notice] = taken_in(location)
    aside = list(path.parent.glob(f"{path.name}.unreadable*"))
    assert [each.read_text() for each in aside] == [content] * 2
    assert any(each.name in notice for each in aside)


@pytest.mark.parametrize(
    "heading", ["{}", '{"host": "h", "pid": 1}', '"x"', "[]", "[" * 100_000, '{"host": 5, "pid": 1e999, "process": 7}']
)
def test_a_first_line_that_makes_no_sense(location, spooled, shown, whole, heading) -> None:
    """The rest of the file is taken in all the same."""
    session, path = spooled
    path.write_text("".join([heading + "\n", *path.read_text().splitlines(keepends=True)[1:]]))
    taken_in(location)
    assert shown(location) == whole(session)


def test_a_folder_that_others_may_read(location, live, shown, whole) -> None:
    """Nothing is written where nobody would look for it: it goes to the user's own temporary folder."""
    location.mkdir(parents=True)
    beside = spool_of(location).folders[0]
    beside.mkdir()
    beside.chmod(0o755)
    recorder = Recorder(location)
    with pytest.warns(HistoryWarning):
        session = live(recorder)
    assert recorder.spooled.parent == spool_of(location).folders[1]
    location.rmdir()
    assert taken_in(location) == []
    assert shown(location) == whole(session)


def test_what_an_earlier_version_left(location, a_session, a_run) -> None:
    """Its lines were lists, without one that says whose process writes."""
    session = a_session(process="another boot:1:1.00")
    run = a_run(session)
    metric = MetricRecord("m", 1.0, session.start)
    events = [SessionOpened(session), RunStarted(run), MetricsLogged(session.session_id, (metric,))]
    names = ["session_opened", "run_started", "metrics_logged"]
    path = spool_of(location).write(session.session_id, events)
    documents = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    path.write_text(
        "".join(json.dumps([name, *[*each.values()][2:]]) + "\n" for name, each in zip(names, documents, strict=True))
        + json.dumps(["session_parameters", session.session_id, {"a": 1}])
        + "\n"
        + json.dumps(["session_closed", session.session_id, "failed", session.start.isoformat(), None])
        + "\n"
    )
    assert taken_in(location) == []
    assert not path.exists()
    with open_store(location) as store:
        assert store.session(session.session_id).status is Status.FAILED
        assert [each.run_id for each in store.runs(session.session_id)] == [run.run_id]
        assert store.parameters(session.session_id) == {"a": 1}
        assert store.metrics(session.session_id) == [metric]


@pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")
def test_a_file_that_a_stopped_process_holds(location, live, spooled, shown, whole, start) -> None:
    """Nobody waits for it: who takes in leaves it to a later session, and who writes begins again elsewhere."""
    session, path = spooled
    process = start(
        "import fcntl; file = open(sys.argv[2]); fcntl.flock(file, fcntl.LOCK_EX); print(); time.sleep(600)", str(path)
    )
    process.stdout.readline()
    other = live(Recorder(location))
    assert shown(location) == whole(other)
    spool = spool_of(location)
    assert spool.write(session.session_id, [], begun=path) is None
    assert spool.write(session.session_id, [FactsLogged(session.session_id, {"late": 1})]).parent == spool.folders[1]
    process.kill()
    process.wait()
    assert taken_in(location) == []
    assert shown(location) == whole(other, session)
