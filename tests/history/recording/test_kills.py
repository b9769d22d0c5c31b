from __future__ import annotations

import os
import random
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ipyproject.history import Status, open_store
from ipyproject.history.recording.pulse import FLUSH_SECONDS
from ipyproject.history.recording.spool import spool_of

KILLS = int(os.environ.get("IPYPROJECT_KILLS", "100"))

SESSIONS = """
def tell(*words):
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

tell("ready")
while True:
    recorder = Recorder(location)
    record = opened()
    recorder.record(SessionOpened(record))
    tell("opened", record.session_id)
    for _ in range(2):
        run = RunRecord(run_id=new_id(), session_id=record.session_id, start=datetime.now(UTC))
        recorder.record(RunStarted(run))
        for number in range(30):
            recorder.record(NodesFinished(run.run_id, (finished(f"{number:03}"),)))
            tell("node", record.session_id, run.run_id, f"{number:03}", time.monotonic())
            time.sleep(0.0005)
        recorder.record(RunFinished(run.run_id, Status.COMPLETED, datetime.now(UTC)))
    recorder.record(SessionClosed(record.session_id, Status.COMPLETED, datetime.now(UTC)))
    tell("closed", record.session_id)
"""


def killed_at_random(start, seconds: float) -> list[list[str]]:
    """Return what a process told until it was killed, at some time within its first seconds."""
    process = start(SESSIONS)
    assert process.stdout.readline() == "ready\n"
    with pytest.raises(subprocess.TimeoutExpired):  # it never ends by itself
        process.wait(random.uniform(0, seconds))
    process.kill()
    told = process.stdout.read()
    process.wait()  # what it had open is closed a moment before it is gone
    return [line.split() for line in told.splitlines(keepends=True) if line.endswith("\n")]


def seconds_of_a_session(start) -> float:
    """Return how long the first session of a process takes, here and now."""
    process = start(SESSIONS)
    assert process.stdout.readline() == "ready\n"
    begun = time.monotonic()
    while not process.stdout.readline().startswith("closed"):
        pass
    process.kill()
    return time.monotonic() - begun


@pytest.mark.parametrize(
    ("kills", "sessions", "anywhere"), [(KILLS, 6, "sqlite"), (10, 15, "postgres")], indirect=["anywhere"]
)
def test_processes_killed_at_random_moments(kills, sessions, anywhere, start) -> None:
    """Every session that had opened is there, interrupted unless it had been closed, and the store opens.

    So are the nodes that had finished, but for those of the last moment: they may have waited for others.
    """
    open_store(anywhere).close()
    seconds = sessions * seconds_of_a_session(start)
    with ThreadPoolExecutor(4) as pool:
        stories = [*pool.map(lambda _: killed_at_random(start, seconds), range(kills))]
    lines = [line for story in stories for line in story]
    opened = {line[1] for line in lines if line[0] == "opened"}
    closed = {line[1] for line in lines if line[0] == "closed"}
    assert len(opened) > len(closed) > 0  # most processes had the time for several sessions
    with open_store(anywhere) as store:
        spool_of(anywhere).take_in(store, seconds=60)
        found = {each.session_id: each.status for each in store.sessions(None)}
        assert opened <= found.keys()
        assert {found[each] for each in closed} == {Status.COMPLETED}
        unclosed = [status for identifier, status in found.items() if identifier not in closed]
        assert Status.INTERRUPTED in unclosed
        assert set(unclosed) <= {Status.INTERRUPTED, Status.COMPLETED}  # killed when it was closed, and had not said so
        print(f"\n{kills} processes killed, none of {len(opened)} opened sessions lost")  # noqa: T201 - for `make soak`
        for story in stories:
            check_nodes(store, [line[1:] for line in story if line[0] == "node"])


def check_nodes(store, told: list[list[str]]) -> None:
    last = float(told[-1][3]) if told else 0
    expected: dict[str, list[str]] = {}
    for _, run, node, moment in told:
        if float(moment) < last - FLUSH_SECONDS:
            expected.setdefault(run, []).append(node)
    for run, nodes in expected.items():
        assert [each.name for each in store.nodes(run)][: len(nodes)] == nodes


def test_finished_nodes_survive_a_kill(location, start) -> None:
    """The nodes that had finished before a slow one are known of a killed process, and its run is interrupted."""
    process = start("""
recorder = Recorder(location)
record = opened()
recorder.record(SessionOpened(record))
run = RunRecord(run_id=new_id(), session_id=record.session_id, start=datetime.now(UTC))
recorder.record(RunStarted(run))
for name in ("a", "b", "c"):
    recorder.record(NodesFinished(run.run_id, (finished(name),)))
time.sleep(0.5)
print("slow", flush=True)
time.sleep(60)
""")
    assert process.stdout.readline() == "slow\n"
    with open_store(location) as store:
        session = store.session("latest")
        [run] = store.runs(session.session_id)
        assert (session.status, run.status) == (Status.OPEN, Status.RUNNING)
    process.kill()
    process.wait()
    with open_store(location) as store:
        session = store.session("latest")
        [run] = store.runs(session.session_id)
        assert (session.status, run.status) == (Status.INTERRUPTED, Status.INTERRUPTED)
        assert [each.name for each in store.nodes(run.run_id)] == ["a", "b", "c"]
