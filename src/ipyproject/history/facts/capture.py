"""What is known of this process, as a session's record begins with it; each value costs microseconds."""

from __future__ import annotations

import os
import platform
import sys
from typing import TYPE_CHECKING, TypedDict

from ipyproject.history.facts.process import host_name, process_token

if TYPE_CHECKING:
    from collections.abc import Sequence


class ProcessInfo(TypedDict):
    """The part of a `SessionRecord` that is about the process."""

    command_line: tuple[str, ...]
    user: str
    host: str
    pid: int
    process: str | None
    python: str
    platform: str


def process_info(command_line: Sequence[str] | None = None) -> ProcessInfo:
    """Return what is known of this process.

    Args:
        command_line: Its arguments, where they are not ``sys.argv``.
    """
    pid = os.getpid()
    return {
        "command_line": tuple(sys.argv if command_line is None else command_line),
        "user": user_name(),
        "host": host_name(),
        "pid": pid,
        "process": process_token(pid),
        "python": platform.python_version(),
        "platform": platform_name(),
    }


def user_name() -> str:
    """Return the user's name; in a container the user may have none, and the number stands for it."""
    import getpass

    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return str(os.getuid()) if hasattr(os, "getuid") else ""


def platform_name() -> str:
    """Return operating system, release and machine, such as ``Linux 6.8.0 x86_64``."""
    system = platform.uname()
    return f"{system.system} {system.release} {system.machine}"
