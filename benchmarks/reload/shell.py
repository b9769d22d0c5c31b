"""An IPython shell that does what standard input says, a line of JSON at a time, and answers how long it took.

Executed by ``kernels.py`` in a process of its own: ``shell.py CLOCK``, a function of ``time`` that counts seconds. What
cells print goes nowhere.
"""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from typing import Any

from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config


def main() -> None:
    """Answer until there are no more questions."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    config = Config()
    config.HistoryManager.enabled = False
    shell = InteractiveShell.instance(config=config)
    for line in sys.stdin:
        question = json.loads(line)
        answer = _value(shell, question["value"]) if "value" in question else _cells(shell, question["cells"])
        print(json.dumps(answer), file=answers, flush=True)


def _cells(shell: InteractiveShell, cells: list[str]) -> dict[str, Any]:
    """Run cells as a notebook does."""
    gc.collect()
    clock = getattr(time, sys.argv[1])
    begun = clock()
    results = [shell.run_cell(cell, store_history=True) for cell in cells]
    milliseconds = (clock() - begun) * 1000
    errors = [repr(error) for result in results if (error := result.error_before_exec or result.error_in_exec)]
    return {"milliseconds": milliseconds, "errors": errors}


def _value(shell: InteractiveShell, expression: str) -> dict[str, Any]:
    """Evaluate an expression in the notebook's names."""
    try:
        return {"value": shell.ev(expression), "errors": []}
    except Exception as error:  # noqa: BLE001 - said by the process that asked
        return {"value": None, "errors": [repr(error)]}


main()
