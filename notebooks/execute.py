"""Execute quickstart.ipynb in a real kernel, as a person would with "Run all", and say what ran.

The kernel is the interpreter that runs this script. Written to ``build/``: the executed notebook and an HTML copy of
it, also when a cell fails; the exit status is 1 then.
"""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert import HTMLExporter

if TYPE_CHECKING:
    from nbformat import NotebookNode

NOTEBOOKS = Path(__file__).resolve().parent
REPOSITORY = NOTEBOOKS.parent
BUILD = REPOSITORY / "build"
PROJECT = "examples/penguins"
TIMEOUT = 120  # seconds per cell
SESSIONS_SHOWN = 5


def main() -> int:
    """Execute the notebook; return the exit status."""
    source = NOTEBOOKS / "quickstart.ipynb"
    notebook = nbformat.read(source, as_version=4)
    error = execute(notebook)
    print(f"{source.relative_to(REPOSITORY)} on Python {sys.version.split()[0]}")
    print_cells(notebook)
    print_written(notebook, BUILD / source.name)
    if error is not None:
        print(f"\nA cell failed.\n{error.ename}: {error.evalue}", file=sys.stderr)
        return 1
    print(f"\nRecorded sessions of {PROJECT}", flush=True)
    listing = ["-m", "ipyproject", "sessions", "list", "--project", PROJECT, "--limit", str(SESSIONS_SHOWN)]
    return subprocess.run([sys.executable, *listing], cwd=REPOSITORY, check=False).returncode


def execute(notebook: NotebookNode) -> CellExecutionError | None:
    """Run all cells in place; return the failure of the cell that stopped it, if one did."""
    with TemporaryDirectory() as folder:
        manager = AsyncKernelManager(
            # Without folders to search, `python3` is the native kernel: this interpreter, not one installed somewhere.
            kernel_name="python3",
            kernel_spec_manager=KernelSpecManager(kernel_dirs=[]),
            # Files where the system has them: no open port, and no warning about one.
            transport="ipc" if os.name == "posix" else "tcp",
            connection_file=f"{folder}/kernel.json",
        )
        client = NotebookClient(notebook, km=manager, timeout=TIMEOUT, resources={"metadata": {"path": str(NOTEBOOKS)}})
        try:
            client.execute(env=os.environ | {"IPYTHONDIR": folder}, cleanup_kc=True)  # nobody's profile takes part
        except CellExecutionError as error:
            return error
    return None


def print_cells(notebook: NotebookNode) -> None:
    """Print a line for each code cell: its number, how it went, its time and where it begins."""
    for cell in notebook.cells:
        if cell.cell_type != "code":
            continue
        timing = cell.metadata.get("execution", {})
        first_line = cell.source.splitlines()[0]
        if "shell.execute_reply" not in timing:
            print(f"  [ ] not run           {first_line}")
            continue
        begin, end = (datetime.fromisoformat(timing[key]) for key in ("iopub.execute_input", "shell.execute_reply"))
        status = "failed" if any(output.output_type == "error" for output in cell.outputs) else "ok"
        print(
            f"  [{cell.execution_count}]".ljust(7) + f"{status:<7}{(end - begin).total_seconds():6.2f} s  {first_line}"
        )


def print_written(notebook: NotebookNode, target: Path) -> None:
    """Write the executed notebook and an HTML copy beside it, and print where."""
    target.parent.mkdir(exist_ok=True)
    nbformat.write(notebook, target)
    page, _ = HTMLExporter(template_name="lab").from_notebook_node(notebook)
    target.with_suffix(".html").write_text(page, encoding="utf-8")
    print(f"Written: {target.relative_to(REPOSITORY)}, {target.with_suffix('.html').relative_to(REPOSITORY)}")


if __name__ == "__main__":
    sys.exit(main())
