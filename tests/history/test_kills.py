from __future__ import annotations

import random
import subprocess

import pytest

from ipyproject.history import Status, open_store
from ipyproject.history.opening import spool_of

SESSION = """
recorder = Recorder(location)
record = opened()
print(record.session_id, flush=True)
recorder.session_opened(record)
print("opened", flush=True)
while True:
    run = RunRecord(run_id=new_id(), session_id=record.session_id, start=datetime.now(UTC))
    recorder.run_started(run)
    for number in range(50):
        recorder.node_finished(run.run_id, finished(f"node {number}"))
        time.sleep(0.0005)
    recorder.run_finished(run.run_id, Status.COMPLETED, datetime.now(UTC))
"""


def test_processes_killed_at_random_moments(location, start) -> None:
    """Every session that had opened is there and shown as interrupted, and the store opens and works."""
    opened = set()
    for _ in range(5):
        processes = [start(SESSION) for _ in range(3)]
        for process in processes:
            identifier = process.stdout.readline().strip()
            assert process.stdout.readline() == "opened\n"
            opened.add(identifier)
        for process in processes:
            with pytest.raises(subprocess.TimeoutExpired):  # it never ends by itself; this is a random moment
                process.wait(random.uniform(0, 0.05))
            process.kill()
            process.wait()
    with open_store(location) as store:
        spool_of(location).take_in(store)
        found = store.sessions(None)
        assert {each.session_id for each in found} == opened
        assert {each.status for each in found} == {Status.INTERRUPTED}


def test_finished_nodes_survive_a_kill(location, start) -> None:
    """The nodes that had finished before a slow one are known of a killed process, and its run is interrupted."""
    process = start("""
recorder = Recorder(location)
record = opened()
recorder.session_opened(record)
run = RunRecord(run_id=new_id(), session_id=record.session_id, start=datetime.now(UTC))
recorder.run_started(run)
for name in ("a", "b", "c"):
    recorder.node_finished(run.run_id, finished(name))
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
