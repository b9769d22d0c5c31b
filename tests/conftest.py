"""Fixtures for all tests."""

from __future__ import annotations

import importlib
import threading
from contextlib import contextmanager

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # how long an example takes says nothing on a busy machine
settings.load_profile("untimed")

pytest_plugins = ["ipyproject.testing"]

WAITING = """
    import threading
    started, go_on = threading.Event(), threading.Event()
    def double(orders, rate):
        started.set()
        go_on.wait(30)
        return orders
    def add_up(doubled): return 1
    """


@pytest.fixture
def waiting_project(make_project):
    """A project whose first node waits until it is told to go on."""
    return make_project({"src/shop/nodes.py": WAITING})


@pytest.fixture
def going_on():
    """Let a run of the waiting project go on, in another thread, for a ``with`` block."""

    @contextmanager
    def going_on(session):
        _ = session.load_context(), session.pipelines
        nodes = importlib.import_module("shop.nodes")
        thread = threading.Thread(target=session.run)
        thread.start()
        try:
            assert nodes.started.wait(30)
            yield
        finally:
            nodes.go_on.set()
            thread.join()

    return going_on
