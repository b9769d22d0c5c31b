"""Open and reload one and the same project with ipyproject and with the reference, side by side in one run.

    python benchmarks/reload [--nodes 1000 2000 5000] [--repeats 5] [--cpu]

Each tool has a real IPython shell in a process of its own, and they take turns, since the speed of a machine drifts.
The project is generated, in each tool's own layout: per ten nodes a pipeline (two modules), a catalog file of twenty
datasets and a file of parameters. It lies in a folder that is no repository. After each timed reload the edit is looked
up in what the tool now sees; if it is not there the benchmark fails. Medians, in milliseconds: of the clock, or with
``--cpu`` of the processor (what is measured "in a new process" stays by the clock).
"""

from __future__ import annotations

import argparse
import os
import tempfile
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from kernels import QUIET
from processes import helping, importing, running, running_alone
from projects import write_penguins, write_project
from reloads import (
    CPU_CLOCK,
    EVERYTHING,
    FIRST_OPEN,
    NOTHING,
    ONE_MODULE,
    ONE_PARAMETER,
    RELOADS,
    WALL_CLOCK,
    Measured,
    measure,
)
from tables import Row, print_growth, print_rows
from tools import OURS, TOOLS

if TYPE_CHECKING:
    from collections.abc import Mapping

    from projects import Edits
    from tools import Tool

# Of the generated project. The example is small, and what it imports (pandas, matplotlib) is most of its first open.
AIMS = {FIRST_OPEN: 5.0, NOTHING: 200.0, ONE_MODULE: 40.0, ONE_PARAMETER: 50.0, EVERYTHING: 5.0}
CHAIN, LONG_CHAIN = 1000, 10_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Opening and reloading a project, beside the reference.")
    parser.add_argument("--nodes", type=int, nargs="+", default=[1000, 2000, 5000], help="sizes of the project")
    parser.add_argument("--repeats", type=int, default=5, help="of each reload of the smallest project")
    parser.add_argument("--cpu", action="store_true", help="count the processor's time: for a machine that is busy")
    options = parser.parse_args()
    clock = CPU_CLOCK if options.cpu else WALL_CLOCK
    os.environ.update(QUIET)
    sizes = sorted(options.nodes)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _print_processes(folder, options.repeats)
        by_size = {}
        for nodes in sizes:
            by_size[nodes] = _measure_generated(folder, nodes, options.repeats, clock, in_full=nodes == sizes[0])
            _print_project(f"A generated project of {nodes:,} nodes", by_size[nodes], AIMS)
        if len(sizes) > 1:
            print_growth(by_size, (FIRST_OPEN, *RELOADS))
        penguins = measure(folder / "penguins", write_penguins, repeats=4 * options.repeats, openings=4, clock=clock)
        _print_project("The example project, penguins", penguins, {})


def _measure_generated(folder: Path, nodes: int, repeats: int, clock: str, *, in_full: bool) -> Measured:
    """Measure a generated project; of larger ones the reference's minutes are spent once."""

    def write(project: Path, tool: Tool) -> Edits:
        return write_project(project, tool, nodes)

    return measure(
        folder / f"{nodes} nodes",
        write,
        repeats=repeats,
        openings=4 if in_full else 1,
        reference_repeats=None if in_full else 1,
        clock=clock,
    )


def _print_processes(folder: Path, repeats: int) -> None:
    imports, helps, runs = importing(folder, 2 * repeats), helping(folder, 2 * repeats), running(folder, CHAIN, 2)
    rows = [
        Row.of("import " + " / ".join(tool.imported for tool in TOOLS), imports, aim=8.0),
        Row.of("--help, in a new process", helps, aim=4.0),
        Row.of(f"run a chain of {CHAIN:,} do-nothing nodes", runs, aim=20.0),
    ]
    alone = median(running_alone(folder, LONG_CHAIN, 3)) / LONG_CHAIN * 1000
    rows.append(Row(f"... of {LONG_CHAIN:,}, per 1,000", alone, note="linear when as above"))
    print_rows("In a new process", rows)


def _print_project(title: str, measured: Measured, aims: Mapping[str, float]) -> None:
    rows = [Row.of(case, measured.times[case], aim=aims.get(case)) for case in (FIRST_OPEN, *RELOADS)]
    limit, listed, nothing = median(measured.walk_with_stat), median(measured.walk), measured.median(NOTHING, OURS)
    files = f"{measured.files} files"
    rows += [
        Row(f"a bare os.scandir walk, {files}", listed, note=f"nothing changed takes {nothing / listed:.1f}x that"),
        Row("... with a stat per file", limit, note=f"nothing changed takes {nothing / limit:.1f}x that (aim <= 3x)"),
    ]
    if measured.auto:
        rows.append(Row("--auto adds to a cell, nothing changed", median(measured.auto), note="aim <= 5 ms, 400 files"))
    print_rows(title, rows)


main()
