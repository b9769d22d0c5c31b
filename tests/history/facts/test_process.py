from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ipyproject.history.facts.process import host_name, is_gone, process_token


def test_this_process_is_there() -> None:
    """A process that lives is not gone, whether or not it can be told from others."""
    assert not is_gone(host_name(), os.getpid(), process_token(os.getpid()))
    assert not is_gone(host_name(), os.getpid(), None)


def test_a_process_that_has_ended_is_gone() -> None:
    """Also while its parent has not asked for its exit code."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    token = process_token(process.pid)
    assert not is_gone(host_name(), process.pid, token)
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    if token is not None:
        assert is_gone(host_name(), process.pid, token)
    process.communicate()
    assert is_gone(host_name(), process.pid, token)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")
def test_a_pid_that_another_process_has_now() -> None:
    """The process is gone though its number is in use again."""
    assert is_gone(host_name(), os.getpid(), "another boot:12345")


def test_other_machines_are_not_judged() -> None:
    """Nobody here can tell."""
    assert not is_gone("another-host", 1, "x")
    assert not is_gone(host_name(), 0, None)
