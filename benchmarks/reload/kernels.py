"""IPython shells in processes of their own, one per tool and project."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from types import TracebackType

_SHELL = Path(__file__).with_name("shell.py")

# The reference has a plug-in that reports on its users; it is off in every process, whatever asks it.
QUIET = {"DO_NOT_TRACK": "1", "KEDRO_DISABLE_TELEMETRY": "1"}


class Kernel:
    """A shell in its own process.

    Args:
        folder: Its working directory: a project's.
        clock: Name of the function of ``time`` that cells are timed by.
    """

    def __init__(self, folder: Path, clock: str) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", str(_SHELL), clock],
            cwd=folder,
            env={**os.environ, **QUIET, "IPYTHONDIR": tempfile.gettempdir()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            text=True,
        )
        self.value("0")  # the shell is there

    def run(self, *cells: str) -> float:
        """Run cells and return the milliseconds they took.

        Raises:
            SystemExit: One of them failed; a measurement that did not do its work is worse than none.
        """
        took: float = self._answer({"cells": cells})["milliseconds"]
        return took

    def value(self, expression: str) -> Any:
        """Return the value of an expression; what JSON can't hold is an error."""
        return self._answer({"value": expression})["value"]

    def _answer(self, question: dict[str, Any]) -> dict[str, Any]:
        answer = self._ask(question)
        if answer["errors"]:
            raise SystemExit(f"{question} failed: {'; '.join(answer['errors'])}\n{self._said()}")
        return answer

    def accepts(self, cell: str) -> bool:
        """Run a cell and tell whether it did without an error."""
        return not self._ask({"cells": [cell]})["errors"]

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        if self._process.stdin is None or self._process.stdout is None:
            raise RuntimeError("the process was started without pipes")
        print(json.dumps(question), file=self._process.stdin, flush=True)
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"The process died on {question}.\n{self._said()}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _said(self) -> str:
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace")[-3000:]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()
        self._errors.close()
