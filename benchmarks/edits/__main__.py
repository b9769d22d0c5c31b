"""Try edit cases with ipyproject, with ``%autoreload`` and with the reference: which of them leave a notebook right?

    python benchmarks/edits [--tools ipyproject autoreload ...] [--cases TEXT ...] [--json FILE]

Each case (``cases/``) is a project, a notebook that has imported from it, an edit, and assertions that a fresh kernel
satisfies on the edited files: that is tried first, and that one on the files before does not. Then each tool gets a
process of its own with a real IPython shell: cells, edit, the tool's reload, assertions.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cases import CASES, GROUPS
from tools import OURS, PLAIN, TOOLS

if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from case import Case
    from tools import Tool

_WORKER = Path(__file__).with_name("worker.py")
# The reference has a plug-in that reports on its users; it is off in every process.
_QUIET = {"DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1"}
_NOT_OFFERED = "not offered"
_SHOWN = {"right": "ok", "imports": "imports again", "wrong": "wrong", _NOT_OFFERED: "-"}


@dataclass(frozen=True)
class Result:
    """How a case went with a tool.

    Attributes:
        verdict: ``right``; ``imports``: right once the notebook's cell of imports is run again; ``wrong``;
            ``not offered``; ``unfit``: the case is not right itself.
        why: What was seen instead.
    """

    verdict: str
    why: str = ""


class Worker:
    """A process that tries cases with one tool."""

    def __init__(self, tool: Tool, folder: Path) -> None:
        self._tool = tool
        self._folder = folder
        self._count = 0
        folder.mkdir()
        self._process = subprocess.Popen(
            [sys.executable, str(_WORKER), tool.name],
            env={**os.environ, **_QUIET, "PYTHONDONTWRITEBYTECODE": "", "IPYTHONDIR": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def live(self, case: Case) -> Result:
        """Edit a project under a notebook."""
        if self._tool.name in case.not_offered or (case.project and not self._tool.opens_projects):
            return Result(_NOT_OFFERED)
        return Result(**self._ask(case))

    def check(self, case: Case) -> Result:
        """Say whether a case is right itself: fresh processes satisfy it after each edit, and not before."""
        whole = 0
        for number, edit in enumerate(case.edits, 1):
            after = self._ask(case, edits=number, expect=edit.expect)
            if edit.breaks:
                if after["opens"] or edit.breaks not in after["why"]:
                    return Result("unfit", f"edit {number} does not break it by {edit.breaks}: {after}")
                after = self._ask(case, edits=whole, expect=edit.expect)
            elif self._ask(case, edits=whole, expect=edit.expect).get("holds"):
                return Result("unfit", f"what edit {number} should bring holds before")
            if not after.get("holds"):
                return Result("unfit", f"edit {number}: not in a fresh process: {after['why']}")
            whole = whole if edit.breaks else number
        return Result("right")

    def _ask(self, case: Case, **more: Any) -> dict[str, Any]:
        self._count += 1
        folder = self._folder / str(self._count)
        folder.mkdir()
        question = {"case": case.name, "folder": str(folder), **more}
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process was started without pipes")
        print(json.dumps(question), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"The process for {self._tool.name} died on {case.name}.")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()


def check(cases: Sequence[Case], folder: Path) -> dict[str, Result]:
    """Say which cases are right themselves; those about projects are tried with our tool in a fresh process."""
    found = {}
    for tool, about in ((PLAIN, False), (OURS, True)):
        with closing(Worker(tool, folder / f"fresh {tool.name}")) as worker:
            found |= {case.name: worker.check(case) for case in cases if case.project is about}
    return found


def attempt(cases: Sequence[Case], tool: Tool, folder: Path) -> dict[str, Result]:
    """Try cases with a tool."""
    with closing(Worker(tool, folder / tool.name)) as worker:
        return {case.name: worker.live(case) for case in cases}


def run(
    cases: Sequence[Case], tools: Sequence[Tool], *, checked: bool
) -> tuple[dict[str, Result], dict[str, dict[str, Result]]]:
    """Try cases, two processes at a time, and check them if that is wished.

    Returns:
        Case -> whether it is right itself, where that was checked; tool -> case -> how it went.
    """
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(2) as pool:
        folders = [Path(name).resolve() / "even", Path(name).resolve() / "odd"]
        for folder in folders:
            folder.mkdir()
        halves = list(zip((cases[::2], cases[1::2]), folders, strict=True))
        tried = {tool.name: [pool.submit(attempt, half, tool, folder) for half, folder in halves] for tool in tools}
        checks = [pool.submit(check, half, folder) for half, folder in halves if checked]
        return _merged(checks), {tool: _merged(parts) for tool, parts in tried.items()}


def _merged(parts: Sequence[Future[dict[str, Result]]]) -> dict[str, Result]:
    return {name: result for part in parts for name, result in part.result().items()}


def print_table(cases: Sequence[Case], tools: Sequence[Tool], results: dict[str, dict[str, Result]]) -> None:
    """Print a line per case, and how many of each group are right; in brackets, with the imports run again."""
    names = [case.name for case in cases]
    width = max(map(len, (*names, *GROUPS))) + 2
    print(f"{'':{width}}" + "".join(f"{tool.shown:>18}" for tool in tools))
    for name in names:
        verdicts = [results[tool.name][name].verdict for tool in tools]
        print(f"{name:{width}}" + "".join(f"{_SHOWN.get(verdict, verdict):>18}" for verdict in verdicts))
    print("\nRight, and in brackets: once the notebook's imports are run again")
    groups = {title: [case.name for case in group if case.name in names] for title, group in GROUPS.items()}
    for title, chosen in {**groups, "all": names}.items():
        if chosen:
            counts = [_counted([results[tool.name][name].verdict for name in chosen]) for tool in tools]
            print(f"{title:{width}}" + "".join(f"{count:>18}" for count in counts))


def _counted(verdicts: Sequence[str]) -> str:
    count = Counter(verdicts)
    offered = len(verdicts) - count[_NOT_OFFERED]
    if not offered:
        return "-"
    again = f" ({count['right'] + count['imports']})" if count["imports"] else ""
    return f"{count['right']}{again} of {offered}"


def main() -> None:
    """Try the cases and print how they went."""
    parser = argparse.ArgumentParser(description="Which edits each tool gets right.")
    parser.add_argument("--tools", nargs="+", choices=TOOLS, default=list(TOOLS), metavar="TOOL", help=", ".join(TOOLS))
    parser.add_argument("--cases", nargs="+", default=[""], metavar="TEXT", help="only those whose name has a text")
    parser.add_argument("--why", action="store_true", help="say what was seen instead")
    parser.add_argument("--unchecked", action="store_true", help="take the cases for right themselves")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the results to a file")
    options = parser.parse_args()
    tools = [TOOLS[name] for name in options.tools]
    cases = [case for case in CASES.values() if any(text in case.name for text in options.cases)]
    checks, results = run(cases, tools, checked=not options.unchecked)
    unfit = {name: result.why for name, result in checks.items() if result.verdict != "right"}
    if options.json is not None:
        verdicts = {tool: {name: [r.verdict, r.why] for name, r in each.items()} for tool, each in results.items()}
        options.json.write_text(json.dumps({"unfit": unfit, "results": verdicts}))
    print_table(cases, tools, results)
    if options.why:
        for tool, each in results.items():
            for name, result in each.items():
                if result.why:
                    print(f"\n{tool}: {name}: {result.verdict}\n    {result.why}")
    if unfit:
        raise SystemExit("Cases that are not right themselves:\n" + "\n".join(f"{n}: {w}" for n, w in unfit.items()))


if __name__ == "__main__":
    main()
