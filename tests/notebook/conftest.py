"""An IPython shell in this process, and a real kernel."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

SRC = Path(__file__).resolve().parents[2] / "src"


@pytest.fixture
def shell(tmp_path, monkeypatch):
    """A fresh IPython shell, its history switched off, with the folder of profiles elsewhere."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    from IPython.core.interactiveshell import InteractiveShell
    from traitlets.config import Config

    config = Config()
    config.HistoryManager.enabled = False
    InteractiveShell.clear_instance()
    display_trap = sys.displayhook
    shell = InteractiveShell.instance(config=config)
    yield shell
    shell.run_line_magic("unload_ext", "ipyproject")
    shell.history_manager.enabled = False
    InteractiveShell.clear_instance()
    sys.displayhook = display_trap


class Kernel:
    """A running kernel: executes code and gives what it printed, its result and its error."""

    def __init__(self, client):
        self.client = client

    def run(self, code):
        """Execute a cell; return (status, printed text, lines of the error)."""
        printed, error = [], []

        def output(message):
            content = message["content"]
            if message["msg_type"] == "stream":
                printed.append(content["text"])
            elif message["msg_type"] == "error":
                error.extend(content["traceback"])
            elif message["msg_type"] == "execute_result":
                printed.append(content["data"]["text/plain"])

        reply = self.client.execute_interactive(code, output_hook=output, timeout=60)
        return reply["content"]["status"], "".join(printed), error


@pytest.fixture
def start_kernel(tmp_path):
    """Start real kernels in a folder, with a profile of their own."""
    from jupyter_client.manager import KernelManager

    running = []

    def start(folder, *, arguments=(), ipython_dir=None):
        manager = KernelManager(kernel_name="python3")
        env = os.environ | {
            "IPYTHONDIR": str(ipython_dir or tmp_path / "ipython"),
            "PYTHONPATH": os.pathsep.join([str(SRC), os.environ.get("PYTHONPATH", "")]),
            "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        }
        manager.kernel_spec.argv[0] = sys.executable
        manager.start_kernel(cwd=str(folder), env=env, extra_arguments=list(arguments))
        client = manager.blocking_client()
        client.start_channels()
        client.wait_for_ready(timeout=60)
        running.append((manager, client))
        return Kernel(client)

    yield start
    for manager, client in running:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
