"""Time the opening and reloading of a project with both tools, by turns, and see that every edit took effect."""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from dataclasses import dataclass, field
from itertools import count
from statistics import median
from typing import TYPE_CHECKING

from kernels import Kernel
from tools import OURS, REFERENCE, TOOLS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from projects import Edits
    from tools import Tool

FIRST_OPEN = "load the extension, first open"
NOTHING = "reload: nothing changed"
ONE_MODULE = "reload: one nodes.py edited"
ONE_PARAMETER = "reload: one parameter edited"
EVERYTHING = "reload: common.py edited"
WALL_CLOCK, CPU_CLOCK = "perf_counter", "process_time"
RELOADS = (NOTHING, ONE_MODULE, ONE_PARAMETER, EVERYTHING)

_SAME = "[sorted(node.name for node in pipelines['__default__'].nodes), sorted(catalog), dict(context.params)]"


@dataclass
class Measured:
    """Milliseconds, one number per repeat.

    Attributes:
        times: Case -> tool -> its times.
        files: Number of files in our project.
        walk: Listing our project's folders.
        walk_with_stat: The same, with a ``stat`` per file.
        auto: What ``--auto`` adds to an empty cell; empty where the magic has no such option.
    """

    times: dict[str, dict[Tool, list[float]]] = field(default_factory=dict)
    files: int = 0
    walk: list[float] = field(default_factory=list)
    walk_with_stat: list[float] = field(default_factory=list)
    auto: list[float] = field(default_factory=list)

    def add(self, case: str, tool: Tool, milliseconds: float) -> None:
        """Take down one repeat."""
        self.times.setdefault(case, {}).setdefault(tool, []).append(milliseconds)

    def median(self, case: str, tool: Tool) -> float:
        """Return the median of a case."""
        return median(self.times[case][tool])


def measure(
    folder: Path,
    write: Callable[[Path, Tool], Edits],
    *,
    repeats: int,
    openings: int,
    reference_repeats: int | None = None,
    clock: str = WALL_CLOCK,
) -> Measured:
    """Measure every case with both tools.

    Args:
        folder: Where the projects are written.
        write: Writes one.
        repeats: Of each reload.
        reference_repeats: Of each of the reference's reloads, if fewer.
        clock: What they are timed by: `WALL_CLOCK` or `CPU_CLOCK`.
        openings: Of the first open, each in a new process; one more goes first and does not count.

    Raises:
        SystemExit: A cell failed, or did not do what it was timed for.
    """
    result = Measured()
    edits = {tool: write(folder / tool.name, tool) for tool in TOOLS}
    for repeat in range(openings):
        for tool in _by_turns(repeat):
            with Kernel(folder / tool.name, clock) as kernel:
                took = kernel.run(*tool.opening)
            if repeat > 0:  # the first one reads every file from the disk and writes byte code
                result.add(FIRST_OPEN, tool, took)
    with ExitStack() as stack:
        kernels = {tool: stack.enter_context(Kernel(folder / tool.name, clock)) for tool in TOOLS}
        for tool, kernel in kernels.items():
            result.add(FIRST_OPEN, tool, kernel.run(*tool.opening))
        _check_same({tool.name: kernel.value(_SAME) for tool, kernel in kernels.items()})
        reloads = {tool: _Reloads(tool, kernels[tool], edits[tool]) for tool in TOOLS}
        for repeat in range(repeats):
            for case in RELOADS:
                for tool in _by_turns(repeat):
                    if tool is REFERENCE and reference_repeats is not None and repeat >= reference_repeats:
                        continue
                    result.add(case, tool, reloads[tool].time(case))
        result.auto = reloads[OURS].time_auto(5 * repeats)
    result.files = _walk(folder / OURS.name, stat=False)
    for _ in range(3 * repeats):
        result.walk.append(_milliseconds(folder / OURS.name, clock, stat=False))
        result.walk_with_stat.append(_milliseconds(folder / OURS.name, clock, stat=True))
    return result


def _by_turns(repeat: int) -> Iterator[Tool]:
    return iter(TOOLS if repeat % 2 == 0 else reversed(TOOLS))


def _check_same(seen: dict[str, object]) -> None:
    """See to it that both tools have opened the same project."""
    first, second = seen.values()
    if first != second:
        raise SystemExit(f"The tools see different nodes, datasets or parameters:\n{seen}")


class _Reloads:
    """Edits one project, has it reloaded in its kernel and looks whether the edit took effect."""

    def __init__(self, tool: Tool, kernel: Kernel, edits: Edits) -> None:
        self._tool = tool
        self._kernel = kernel
        self._seen = edits.seen()
        self._edit_for = {
            ONE_MODULE: (0, edits.edit_nodes),
            EVERYTHING: (1, edits.edit_common),
            ONE_PARAMETER: (2, edits.edit_parameter),
        }
        self._numbers = count(1)
        self._written = [0, 0, 0]

    def time(self, case: str) -> float:
        """Return the milliseconds of one reload."""
        self._edit(case)
        took = self._kernel.run(self._tool.reloading)
        self._check(case)
        return took

    def time_auto(self, repeats: int) -> list[float]:
        """Return what ``--auto`` adds to an empty cell when nothing changed; nothing where there is no such option."""
        if not self._kernel.accepts(f"{self._tool.reloading} --auto"):
            return []
        self._edit(ONE_MODULE)
        self._kernel.run("pass")
        self._check("an edit under --auto")
        with_auto = [self._kernel.run("pass") for _ in range(repeats)]
        self._kernel.run(f"{self._tool.reloading} --no-auto")
        without = median(self._kernel.run("pass") for _ in range(repeats))
        return [took - without for took in with_auto]

    def _edit(self, case: str) -> None:
        number = next(self._numbers)
        if case in self._edit_for:
            position, edit = self._edit_for[case]
            edit(number)
            self._written[position] = number

    def _check(self, case: str) -> None:
        seen = self._kernel.value(self._seen)
        if seen != [self._written]:
            raise SystemExit(f"{self._tool.name}: {case}: wrote {self._written}, and it sees {seen}.")


def _milliseconds(folder: Path, clock: str, *, stat: bool) -> float:
    now = getattr(time, clock)
    begun = now()
    _walk(folder, stat=stat)
    took: float = (now() - begun) * 1000
    return took


def _walk(folder: Path, *, stat: bool) -> int:
    """Return the number of files of a project, as its own and not as a tool's: without byte code and records."""
    files, pending = 0, [str(folder)]
    while pending:
        with os.scandir(pending.pop()) as entries:
            for entry in entries:
                if entry.is_dir(follow_symlinks=False):
                    if entry.name not in ("__pycache__", ".ipyproject"):
                        pending.append(entry.path)
                else:
                    files += 1
                    if stat:
                        entry.stat()
    return files
