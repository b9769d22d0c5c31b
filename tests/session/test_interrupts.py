"""Ctrl-C at any moment: real signals, from another process, while a session opens, runs, closes or is reloaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from mmap import mmap
from pathlib import Path
from struct import pack, unpack

import pytest

ROUNDS = int(os.environ.get("IPYPROJECT_INTERRUPTS", "40"))  # of each kind
SEED = os.environ.get("IPYPROJECT_INTERRUPTS_SEED", "7")
FILES = {
    "src/shop/common.py": "RATE = 2\ndef times(x): return x * RATE\n",
    "src/shop/nodes.py": """
        from ipyproject import current_session
        from shop.common import times
        def double(orders): return [times(order) for order in orders]
        def tell(doubled):
            session = current_session()
            session.log(longest=len(doubled))
            for number in doubled: session.log_metric("number", number)
            return doubled
        def look(told): return told
        def add_up(looked): return sum(looked)
        """,
    "src/shop/pipeline_registry.py": """
        from ipyproject import Node, Pipeline
        from shop.nodes import add_up, double, look, tell
        def register_pipelines():
            names = ["orders", "doubled", "told", "looked", "total"]
            nodes = zip((double, tell, look, add_up), names, names[1:])
            return {"__default__": Pipeline([Node(function, *ends) for function, *ends in nodes])}
        """,
    "src/shop/settings.py": """
        import time
        from ipyproject import hook_impl
        class Hooks:
            @hook_impl
            def after_session_created(self): time.sleep(0.001)
            @hook_impl
            def after_pipeline_run(self): time.sleep(0.001)
            @hook_impl
            def on_pipeline_error(self): time.sleep(0.001)
            @hook_impl
            def before_session_closed(self): time.sleep(0.001)
        HOOKS = (Hooks(),)
        """,
}


@pytest.mark.skipif(sys.platform == "win32", reason="no other process can send Ctrl-C alone there")
@pytest.mark.parametrize("kind", ["open", "run", "close", "block", "reload"])
def test_interrupts_at_random_moments(make_project, tmp_path, kind):
    """The state is whole, nothing runs or hangs, and the record tells the truth, whether pressed once or twice."""
    project = make_project(FILES)
    path = tmp_path / "board"
    path.write_bytes(bytes(32))
    with path.open("r+b") as file:
        board = mmap(file.fileno(), 32)
    command = [sys.executable, Path(__file__).with_name("interrupted.py"), project.root, kind, str(ROUNDS), SEED, path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        number = sent = 0
        while process.poll() is None:
            asked, first, second = unpack("<qdd", board[:24])
            if asked == number:
                time.sleep(0.0002)
                continue
            number = asked
            for moment in (first, second):
                if moment >= 0:
                    time.sleep(moment)
                    process.send_signal(signal.SIGINT)
                    sent += 1
            board[24:] = pack("<q", number)
        printed, errors = process.communicate()
    board.close()
    assert process.returncode == 0, errors
    print(f"\n{kind}: {sent} signals in {number} rounds: {json.loads(printed)}")  # noqa: T201 - for `make soak`
    assert number == ROUNDS
