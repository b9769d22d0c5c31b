"""What the command line says of a node that fails, in real processes: few lines, and a record of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from ipyproject.history import open_history

RAISED = {
    "def down(n): return up(n)\n    def up(n): return down(n + 1)\n    down(0)": ("failed", "RecursionError: maximum"),
    "class Odd(Exception):\n        def __str__(self): raise SystemExit(0)\n    raise Odd": ("failed", "Odd"),
    "error = ValueError('odd'); error.__notes__ = 3\n    raise error": ("failed", "ValueError: odd"),
    "raise ExceptionGroup('many', [ValueError(n) for n in range(50)])": ("failed", "ExceptionGroup: many (50"),
    "a, b = ValueError('a'), ValueError('b'); a.__cause__, b.__cause__ = b, a\n    raise a": (
        "failed",
        "ValueError: a",
    ),
    "raise ValueError('x' * 10_000_000)": ("failed", "ValueError: xxx"),
    "raise ValueError('line\\n' * 100_000)": ("failed", "ValueError: line"),
    "raise SystemExit(0)": ("failed", "Error: Node 'double' called sys.exit(0)"),
    "raise SystemExit('x' * 100_000)": ("failed", "Error: Node 'double' called sys.exit('xxx"),
    "raise GeneratorExit('x')": ("failed", "GeneratorExit: x"),
    "raise BaseExceptionGroup('x', [KeyboardInterrupt()])": ("failed", "BaseExceptionGroup: x"),
    "raise type('Own', (BaseException,), {})('x')": ("failed", "Own: x"),
    "raise KeyboardInterrupt": ("interrupted", "was interrupted in node 'double'."),
}


@pytest.mark.parametrize(("code", "expected"), RAISED.items())
def test_whatever_a_node_raises(make_project, code, expected):
    """It takes at most twelve lines of at most 400 characters, names the node, and the run is on record as it ended."""
    project = make_project({"src/shop/nodes.py": f"def double(orders, rate):\n    {code}\ndef add_up(doubled): ...\n"})
    done = subprocess.run(
        [sys.executable, "-m", "ipyproject", "run", "-q"], cwd=project.root, capture_output=True, text=True, check=False
    )
    status, said = expected
    assert done.returncode == 1
    assert said in done.stderr
    lines = done.stderr.splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 400
    assert "ipyproject/" not in done.stderr.replace(str(project.root), "")
    with open_history(project.root) as history:
        run = history.runs(history.session("latest").session_id)[0]
        ended = history.nodes(run.run_id)
    assert run.status == status
    assert len(run.exception.traceback.splitlines()) <= 12
    assert [(node.name, node.status) for node in ended] == [("double", status)]


def test_interrupted_by_a_signal(make_project):
    """Ctrl-C in a node is said with the node's name, and is on record."""
    nodes = """
        import time
        from pathlib import Path
        def double(orders, rate): return orders
        def add_up(doubled):
            Path("started").touch()
            time.sleep(60)
        """
    project = make_project({"src/shop/nodes.py": nodes})
    # A test that runs in the background has the signal ignored, and so would its child.
    code = (
        "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "from ipyproject.cli import main; main(args=['run'])"
    )
    process = subprocess.Popen([sys.executable, "-c", code], cwd=project.root, stderr=subprocess.PIPE, text=True)
    end = time.monotonic() + 30
    while not (project.root / "started").exists() and time.monotonic() < end:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "was interrupted in node 'add_up'." in told
    assert len(told.splitlines()) <= 5
    with open_history(project.root) as history:
        run = history.runs(history.session("latest").session_id)[0]
        ended = history.nodes(run.run_id)
    assert run.status == "interrupted"
    assert [(node.name, node.status) for node in ended] == [("double", "completed"), ("add_up", "interrupted")]
    assert "In node 'add_up'" in run.exception.traceback
