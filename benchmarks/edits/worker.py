"""Tries edit cases, each in a process of its own with a real IPython shell: ``worker.py TOOL``.

Executed by ``__main__.py``, which names on standard input a case, a folder to use and what to do, a line of JSON at a
time. Each is done by a fork of this process, which has a shell and has imported what the tool needs, but no project.
"""

from __future__ import annotations

import gc
import json
import os
import re
import signal
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from case import ProjectFiles
from cases import CASES
from tools import PLAIN, TOOLS

if TYPE_CHECKING:
    from case import Case, Edit
    from tools import Tool

LONGEST = 120  # seconds that a case may take


class Notebook:
    """A notebook without a kernel: cells are executed in one namespace; what they print is kept as text."""

    def __init__(self) -> None:
        self._names: dict[str, Any] = {"__name__": "__main__"}
        self._said = sys.stdout.buffer

    def enter(self, folder: Path) -> None:
        """Go into a folder; from now on what is printed goes into a file."""
        os.chdir(folder)
        self._said = (folder / "printed.txt").open("w+b")
        os.dup2(self._said.fileno(), 1)
        os.dup2(self._said.fileno(), 2)

    def run(self, cell: str) -> tuple[str, str]:
        """Run a cell; return its error, empty if there was none, and what it printed."""
        start = self._said.seek(0, os.SEEK_END)
        error = self._execute(cell)
        sys.stdout.flush()
        sys.stderr.flush()
        self._said.seek(start)
        text = self._said.read().decode(errors="replace")
        return (f"{type(error).__name__}: {error}" if error is not None else ""), text

    def _execute(self, cell: str) -> BaseException | None:
        try:
            exec(re.sub(r"\A%%.*", "", cell), self._names)
        except Exception as error:  # noqa: BLE001 - a kernel goes on, too
            return error
        return None

    def first_error(self, *cells: str) -> str:
        """Run cells and return the error of the first that fails, as it is said in the notebook."""
        for cell in cells:
            error, _ = self.run(cell)
            if error:
                return f"{cell.strip().splitlines()[0]} -> {error}"
        return ""


class Shell(Notebook):
    """A notebook in a real IPython shell."""

    def __init__(self) -> None:
        super().__init__()
        from IPython.core.interactiveshell import InteractiveShell
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        config.InteractiveShell.colors = "NoColor"
        self._shell = InteractiveShell.instance(config=config)

    def _execute(self, cell: str) -> BaseException | None:
        result = self._shell.run_cell(cell, store_history=True)
        return result.error_before_exec or result.error_in_exec


def fresh(notebook: Notebook, case: Case, tool: Tool, folder: Path, edits: int, expect: str) -> dict[str, Any]:
    """Open a project after some of its edits and say whether a cell of assertions is satisfied."""
    files = _files(tool, folder)
    files.write(case)
    for edit in case.edits[:edits]:
        files.apply(edit)
    notebook.enter(folder)
    error = notebook.first_error(*tool.opening)
    error = error or notebook.first_error(*_cells(case.imports, case.own))
    if error:
        return {"opens": False, "why": error}
    error, _ = notebook.run(expect)
    return {"opens": True, "holds": not error, "why": error}


def live(notebook: Notebook, case: Case, tool: Tool, folder: Path) -> dict[str, Any]:
    """Edit a project under a notebook that goes on."""
    files = _files(tool, folder)
    files.write(case)
    notebook.enter(folder)
    error = notebook.first_error(*tool.opening) or notebook.first_error(*_cells(case.imports, case.own, case.used))
    if error:
        return {"verdict": "unfit", "why": error}
    verdict, reasons = "right", []
    for number, edit in enumerate(case.edits, 1):
        files.apply(edit)
        wrong = _reload(notebook, tool, edit)
        if not wrong:
            error, _ = notebook.run(edit.expect)
            if not error:
                continue
            reasons.append(f"edit {number}: {error}")
            if case.imports and not edit.breaks:
                notebook.first_error(*_cells(case.imports))
                error, _ = notebook.run(edit.expect)
                if not error:
                    verdict = "imports" if verdict == "right" else verdict
                    continue
                reasons.append(f"with the imports run again: {error}")
        else:
            reasons.append(f"edit {number}: {wrong}")
        verdict = "wrong"
    return {"verdict": verdict, "why": "; ".join(reasons)}


def _reload(notebook: Notebook, tool: Tool, edit: Edit) -> str:
    """Reload after an edit and return what is wrong with how it did."""
    error, said = notebook.run(tool.reloading)
    if edit.breaks:
        return "" if edit.breaks in error + said else f"{edit.breaks} is not said"
    return f"{tool.reloading} -> {error}" if error else ""


def _files(tool: Tool, folder: Path) -> ProjectFiles:
    extra = dict(tool.files)
    if "kedro" in tool.name:
        extra = {name: text.replace("{version}", version("kedro")) for name, text in extra.items()}
    return ProjectFiles(folder, tool.translation, extra)


def _cells(*cells: str) -> list[str]:
    return [cell for cell in cells if cell.strip()]


def _answer(notebook: Notebook, tool: Tool, question: dict[str, Any]) -> dict[str, Any]:
    case, folder = CASES[question["case"]], Path(question["folder"])
    if "edits" in question:
        return fresh(notebook, case, tool, folder, question["edits"], question["expect"])
    return live(notebook, case, tool, folder)


def _in_a_fork(notebook: Notebook, tool: Tool, question: dict[str, Any]) -> str:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(LONGEST)
        try:
            text = json.dumps(_answer(notebook, tool, question))
            with os.fdopen(writing, "w") as answer:
                answer.write(text)
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        text = answer.read()
    os.waitpid(child, 0)
    return text or json.dumps({"verdict": "wrong", "opens": False, "why": "the process died"})


def main(tool: Tool) -> None:
    """Answer until there are no more questions."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what is imported may print
    for name in tool.preloaded:
        import_module(name)
    notebook = Notebook() if tool is PLAIN else Shell()
    gc.collect()
    gc.freeze()  # forks share what is there
    for line in sys.stdin:
        print(_in_a_fork(notebook, tool, json.loads(line)), file=answers, flush=True)


main(PLAIN if sys.argv[1] == PLAIN.name else TOOLS[sys.argv[1]])
