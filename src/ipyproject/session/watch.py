"""Tells whether the files of the open project are still those that it was opened with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ipyproject import current
from ipyproject.reloading import LoadedCode

if TYPE_CHECKING:
    from ipyproject.reloading import Snapshot


class Watch:
    """Compares the open project's files with those that the last reload has seen, without executing anything."""

    def __init__(self) -> None:
        self._tried: Snapshot | None = None

    def calls_for_reload(self) -> bool:
        """Whether a file of the project has changed since the last reload, and since the last time that this said so.

        A reload that failed need not be tried again before another edit.
        """
        code = current.loaded_code()
        if not isinstance(code, LoadedCode):
            return False
        now = code.look(previous=self._tried)
        if not code.changes(now):
            self._tried = None
            return False
        is_new = self._tried is None or bool(now.changes_since(self._tried))
        self._tried = now
        return is_new
