"""The edit corpus of the benchmarks, with our magic alone."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

EDITS = Path(__file__).resolve().parents[2] / "benchmarks" / "edits"


def test_every_edit_is_right(tmp_path):
    """After each edit of the corpus %reload_project leaves a notebook with what a fresh kernel has.

    That the cases are right themselves does not depend on our code: ``python benchmarks/edits`` checks it.
    """
    result = tmp_path / "result.json"
    command = [sys.executable, str(EDITS), "--unchecked", "--tools", "ipyproject", "--json", str(result)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.exists(), done.stderr
    verdicts = json.loads(result.read_text())["results"]["ipyproject"]
    assert len(verdicts) > 100
    assert {name: why for name, (verdict, why) in verdicts.items() if verdict != "right"} == {}
