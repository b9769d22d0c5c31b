from __future__ import annotations

import subprocess
import sys
from threading import Event

from ipyproject.history.facts.background import Finding


def test_found() -> None:
    """What is found is passed on in the thread and returned to who waits, again and again."""
    told = []
    finding = Finding(lambda _: 5, told.append)
    assert (finding.finish(10), finding.finish(), told) == (5, 5, [5])


def test_given_up() -> None:
    """Who does not wait is told nothing later, and the search is told to stop."""
    begun, told = Event(), []

    def find(given_up):
        begun.set()
        given_up.wait()
        return 5

    finding = Finding(find, told.append)
    begun.wait()
    assert finding.finish(0.01) is None
    assert finding.finish(10) is None
    assert told == []


def test_failures_stay_inside(caplog) -> None:
    """Neither a search nor a receiver that raises disturbs anybody."""
    assert Finding(lambda _: 1 / 0).finish(10) is None
    assert Finding(lambda _: 5, lambda _: 1 / 0).finish(10) == 5
    assert caplog.messages == []


def test_a_process_does_not_wait() -> None:
    """A process that ends while something is being found out ends at once and in silence."""
    code = "import time; from ipyproject.history.facts.background import Finding; Finding(lambda _: time.sleep(600))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert (done.stdout, done.stderr) == ("", "")
