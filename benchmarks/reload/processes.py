"""What costs a process of its own: importing, the command line, and running nodes that do nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from kernels import QUIET
from tools import OURS, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable

    from tools import Tool

_CHAIN = Path(__file__).with_name("chain.py")
_IMPORT = "from time import perf_counter; begun = perf_counter(); import {}; print(perf_counter() - begun)"


def importing(folder: Path, repeats: int) -> dict[Tool, list[float]]:
    """Return the milliseconds that importing takes in a new process, without starting Python."""

    def once(tool: Tool) -> float:
        return _printed(folder, sys.executable, "-P", "-c", _IMPORT.format(tool.imported)) * 1000

    return _by_turns(once, repeats)


def helping(folder: Path, repeats: int) -> dict[Tool, list[float]]:
    """Return the milliseconds that ``--help`` takes outside a project, from starting Python to its end."""

    def once(tool: Tool) -> float:
        begun = perf_counter()
        _output(folder, str(Path(sys.executable).with_name(tool.name)), "--help")
        return (perf_counter() - begun) * 1000

    return _by_turns(once, repeats)


def running(folder: Path, nodes: int, repeats: int) -> dict[Tool, list[float]]:
    """Return the milliseconds that running a chain of nodes that do nothing takes."""

    def once(tool: Tool) -> float:
        return _chain(folder, tool, nodes)

    return _by_turns(once, repeats)


def running_alone(folder: Path, nodes: int, repeats: int) -> list[float]:
    """Return the same for our runner only: the reference's time grows with the square of the nodes."""
    return [_chain(folder, OURS, nodes) for _ in range(repeats)]


def _chain(folder: Path, tool: Tool, nodes: int) -> float:
    return _printed(folder, sys.executable, "-P", str(_CHAIN), tool.name, str(nodes))


def _printed(folder: Path, *command: str) -> float:
    """Return the number on the last line; the reference logs before it."""
    return float(_output(folder, *command).splitlines()[-1])


def _by_turns(once: Callable[[Tool], float], repeats: int) -> dict[Tool, list[float]]:
    for tool in TOOLS:
        once(tool)  # reads the files from the disk
    times: dict[Tool, list[float]] = {tool: [] for tool in TOOLS}
    for _ in range(repeats):
        for tool in TOOLS:
            times[tool].append(once(tool))
    return times


def _output(folder: Path, *command: str) -> str:
    environment = {**os.environ, **QUIET}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    return done.stdout
