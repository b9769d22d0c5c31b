"""Values of metrics: all of them are on record, with their run, and they cost little."""

from __future__ import annotations

import gc
from collections import Counter

from ipyproject.history import MetricRecord, open_history

NODES = """
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context
    from ipyproject import current_session

    def double(orders, rate):
        log = current_session().log_metric
        for number in range(1000):
            log("loss", rate * 1000 + number)
        with ThreadPoolExecutor(4) as pool:
            for thread in range(4):
                pool.submit(lambda thread=thread: [log(f"thread{thread}", rate) for _ in range(250)])
        return orders

    def add_up(doubled): return 1
    """


def metrics(project, session):
    with open_history(project.root) as store:
        return store.metrics(session.session_id)


def test_a_loop_of_a_hundred_thousand(make_project):
    """Every value is on record, in order; what is kept in memory meanwhile does not grow with them."""
    project = make_project()
    with project.open() as session:
        session.log_metric("loss", -1.0)
        most = 0
        for number in range(100_000):
            session.log_metric("loss", number)
            if number % 10_007 == 0:
                most = max(most, sum(isinstance(each, MetricRecord) for each in gc.get_objects()))
        assert [each.value for each in session.data["metrics"]] == [99_999.0]
    assert 0 < most < 5000
    assert [each.value for each in metrics(project, session)] == [*range(-1, 100_000)]


def test_many_names(make_project):
    """However many metrics there are, all are on record; a session knows the last ones without asking for them."""
    project = make_project()
    with project.open() as session:
        for number in range(12_000):
            session.log_metric(f"m{number}", number)
        assert [each.name for each in session.data["metrics"]][::5000] == ["m2000", "m7000"]
    assert {each.name for each in metrics(project, session)} == {f"m{number}" for number in range(12_000)}


def test_in_threads_of_a_node_and_in_two_runs(make_project):
    """What a node logs in a loop, and in threads that it starts, belongs to its run, and to no other of the session."""
    project = make_project({"src/shop/nodes.py": NODES})
    with project.open() as session:
        runs = [session.run("prepare", extra_params={"rate": rate}).run_id for rate in (1, 2)]
        session.log_metric("after", 0)
    found = metrics(project, session)
    for rate, run in enumerate(runs, start=1):
        of_run = [each for each in found if each.run_id == run]
        assert [each.value for each in of_run if each.name == "loss"] == [
            rate * 1000 + number for number in range(1000)
        ]
        assert Counter(each.name for each in of_run) == {"loss": 1000} | {f"thread{number}": 250 for number in range(4)}
        assert {each.value for each in of_run if each.name != "loss"} == {rate}
    assert [each.run_id for each in found if each.name == "after"] == [None]
