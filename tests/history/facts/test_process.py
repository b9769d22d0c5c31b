from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ipyproject.history.facts.process import Liveness, host_name, liveness, process_token

HERE = host_name()
ON_LINUX = pytest.mark.skipif(not Path("/proc/self/ns/pid").exists(), reason="needs the PID namespaces of Linux")


def test_this_process_is_there() -> None:
    """A process that lives is not gone, and has one token as long as it lives."""
    token = process_token(os.getpid())
    assert liveness(HERE, os.getpid(), token) is Liveness.ALIVE
    assert process_token(os.getpid()) == token


def test_a_process_that_has_ended_is_gone() -> None:
    """Also while its parent has not asked for its exit code."""
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    token = process_token(process.pid)
    assert liveness(HERE, process.pid, token) is Liveness.ALIVE
    process.kill()
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    assert liveness(HERE, process.pid, token) is Liveness.GONE
    process.communicate()
    assert liveness(HERE, process.pid, token) is Liveness.GONE
    assert process_token(process.pid) is None


def test_a_pid_that_another_process_has_now() -> None:
    """The process is gone though its number is in use again; a start that is read a little differently is the same."""
    place, _, start = process_token(os.getpid()).rpartition(":")
    for seconds, expected in ((3600, Liveness.GONE), (-3600, Liveness.GONE), (1, Liveness.ALIVE), (-1, Liveness.ALIVE)):
        assert liveness(HERE, os.getpid(), f"{place}:{float(start) + seconds}") is expected


def test_another_boot() -> None:
    """Nothing that ran before the machine was started anew is there, in whatever namespace; that old tokens tell, too."""
    _, namespace, start = process_token(os.getpid()).split(":")
    for token in (f"another boot:{namespace}:{start}", f"another boot:1:{start}", "another boot:12345"):
        assert liveness(HERE, os.getpid(), token) is Liveness.GONE


def test_what_nobody_here_can_tell() -> None:
    """Processes of other machines and namespaces are not judged, nor those of records that tell too little."""
    boot, namespace, start = process_token(os.getpid()).split(":")
    token = f"{boot}:{namespace}:{start}"
    for host, pid, told in (
        ("another-host", os.getpid(), token),
        ("another-host", os.getpid(), "another boot:1:1"),
        (HERE, os.getpid(), f"{boot}:1:{start}"),
        (HERE, 2**22 + 1, f"{boot}:1:{start}"),
        (HERE, os.getpid(), f"{boot}:12345"),  # a record of before namespaces were told apart
        (HERE, 2**22 + 1, f"{boot}:12345"),
        (HERE, os.getpid(), None),
        (HERE, 0, None),
        (HERE, os.getpid(), ""),
        (HERE, os.getpid(), f"{boot}:{namespace}:nonsense"),
        (HERE, -1, token),
    ):
        assert liveness(host, pid, told) is Liveness.UNKNOWN


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")
def test_a_fork() -> None:
    """A forked process tells itself from its parent."""
    parent = os.getpid()
    token = process_token(parent)
    reading, writing = os.pipe()
    if (child := os.fork()) == 0:
        told = f"{liveness(HERE, parent, token).name} {liveness(HERE, os.getpid(), process_token(os.getpid())).name}"
        os.write(writing, told.encode())
        os._exit(0)
    os.waitpid(child, 0)
    os.close(writing)
    with os.fdopen(reading) as file:
        assert file.read() == "ALIVE ALIVE"


CHILD = (
    "import os, sys; from ipyproject.history.facts.process import *;"
    "print(process_token(os.getpid()), liveness(host_name(), int(sys.argv[1]), sys.argv[2]).name)"
)


def may(*command: str) -> bool:
    """Return whether a command that runs another is there and allowed to run this interpreter."""
    if shutil.which(command[0]) is None:
        return False
    this = [sys.executable, "-c", ""]  # which may lie where another user can't read it, or not all of it
    return subprocess.run([*command, *this], capture_output=True, check=False).returncode == 0


@ON_LINUX
def test_another_namespace() -> None:
    """A container's process is not judged by its number, which means another process here, nor ours from within."""
    unshare = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc")
    if not may(*unshare):
        pytest.skip("namespaces can't be made here")
    command = [*unshare, sys.executable, "-c", CHILD, str(os.getpid()), process_token(os.getpid())]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told[1] == "UNKNOWN"
    for pid in (1, os.getpid(), 2**22 + 1):
        assert liveness(HERE, pid, told[0]) is Liveness.UNKNOWN


@ON_LINUX
def test_a_process_that_proc_does_not_show() -> None:
    """Where ``/proc`` hides what other users run (hidepid), it is not taken for gone; what is gone is."""
    inner = 'mount -t proc -o hidepid=2 proc /proc && exec setpriv --reuid 12345 --regid 12345 --clear-groups "$@"'
    hiding = ("unshare", "--mount", "sh", "-c", inner, "sh")
    if not may(*hiding):
        pytest.skip("/proc can't be mounted here")
    place, _, _ = process_token(os.getpid()).rpartition(":")
    code = f"{CHILD};print(liveness(host_name(), 2**22 + 1, sys.argv[2]).name)"
    command = [*hiding, sys.executable, "-c", code, str(os.getpid()), f"{place}:1"]
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()
    assert told[1:] == ["UNKNOWN", "GONE"]
