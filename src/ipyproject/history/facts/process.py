"""Tell whether the process that opened a session is still there."""

from __future__ import annotations

import os
import sys
from functools import cache
from pathlib import Path


@cache
def host_name() -> str:
    """Return this machine's name, without asking the network."""
    import platform

    return platform.node() or "unknown"


@cache
def _boot() -> str:
    """Return what tells this boot of the machine from others; "" where the system can't say."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""


def _stat(pid: int) -> list[bytes]:
    """Return the fields of ``/proc/<pid>/stat`` from the state on."""
    # The command's name, in parentheses, may itself contain spaces and parentheses: read on after the last one.
    return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()


def process_token(pid: int) -> str | None:
    """Return what tells the process `pid` from any other that had or will have its number.

    Returns:
        The machine's boot and the process's start within it; None where there is no ``/proc``, or no such process.
    """
    try:
        return f"{_boot()}:{int(_stat(pid)[19])}"
    except OSError:
        return None


def is_gone(host: str, pid: int, token: str | None) -> bool:
    """Return whether the process is known to have ended; False when it lives or when nobody here can tell."""
    if host != host_name() or pid <= 0 or sys.platform == "win32":  # on Windows, signal 0 would end the process
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    except OSError:
        pass  # it is there and belongs to someone else
    try:
        return token is not None and (_stat(pid)[0] in {b"Z", b"X"} or process_token(pid) != token)
    except OSError:
        return False
