"""What is known of this process, as a session's record begins with it, and whether that process is still there."""

from __future__ import annotations

import os
import platform
import sys
from contextlib import suppress
from enum import Enum
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

if TYPE_CHECKING:
    from collections.abc import Sequence

    import psutil

SAME_START = 2.0  # seconds by which two readings of one start may differ: Linux rounds the time of its boot


class ProcessInfo(TypedDict):
    """The part of a `SessionRecord` that is about the process."""

    command_line: tuple[str, ...]
    user: str
    host: str
    pid: int
    process: str | None
    python: str
    platform: str


class Liveness(Enum):
    """Whether a session's process is there: UNKNOWN where that can't be told from here."""

    ALIVE = "alive"
    GONE = "gone"
    UNKNOWN = "unknown"


def process_info(command_line: Sequence[str] | None = None) -> ProcessInfo:
    """Return what is known of this process.

    Args:
        command_line: Its arguments, where they are not ``sys.argv``.
    """
    system = platform.uname()
    return {
        "command_line": tuple(sys.argv if command_line is None else command_line),
        "user": _user_name(),
        "host": host_name(),
        "pid": os.getpid(),
        "process": process_token(os.getpid()),
        "python": platform.python_version(),
        "platform": f"{system.system} {system.release} {system.machine}",
    }


def host_name() -> str:
    """Return this machine's name, without asking the network."""
    return platform.node() or "unknown"


def process_token(pid: int) -> str | None:
    """Return what tells the process `pid` from any other that had or will have its number.

    Returns:
        The boot of the machine, the PID namespace and the process's start; None where the system does not tell, or
        there is no such process.
    """
    import psutil

    try:
        return f"{_boot()}:{_namespace()}:{_start(psutil.Process(pid)):.2f}"
    except (psutil.Error, OSError, RuntimeError):
        return None


def liveness(host: str, pid: int, token: str | None) -> Liveness:
    """Return whether the process of a session is there, as far as can be told from here.

    Args:
        host: Its machine; of another one nothing can be told.
        pid: Its number, which means another process in another PID namespace (a container).
        token: Its `process_token`; without one, or with one that names no namespace, nothing can be told.
    """
    import psutil

    boot, _, place = (token or "").partition(":")
    namespace, _, start = place.partition(":")
    if not place or host != host_name():
        return Liveness.UNKNOWN
    if boot != _boot():
        return Liveness.GONE
    if namespace != _namespace():
        return Liveness.UNKNOWN
    try:
        process = psutil.Process(pid)
        is_it = abs(_start(process) - float(start)) < SAME_START
        has_ended = process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
    except psutil.NoSuchProcess:
        return Liveness.UNKNOWN if _is_hidden(pid) else Liveness.GONE
    except (psutil.Error, OSError, RuntimeError, ValueError):
        return Liveness.UNKNOWN
    return Liveness.ALIVE if is_it and not has_ended else Liveness.GONE


def _start(process: psutil.Process) -> float:
    """Return when a process started, in seconds: on Linux since the boot, however the clock was set meanwhile."""
    import psutil

    started: float = process.create_time()
    return started - psutil.boot_time() if sys.platform == "linux" else started


@cache
def _boot() -> str:
    """Return what tells this boot from others; "" where a process's start does not depend on it."""
    with suppress(OSError):
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    return ""


def _namespace() -> str:
    """Return the number of the PID namespace; "0" where there are none."""
    with suppress(OSError):
        return str(Path("/proc/self/ns/pid").stat().st_ino)
    return "0"


def _is_hidden(pid: int) -> bool:
    """Return whether another user's process has the number, though ``/proc`` doesn't show it (its option hidepid)."""
    try:
        if os.name == "posix":  # on Windows, signal 0 would end the process
            os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)
    return False


def _user_name() -> str:
    """Return the user's name; in a container the user may have none, and the number stands for it."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid()) if hasattr(os, "getuid") else ""
