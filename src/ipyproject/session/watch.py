"""Tells whether the files of the open project are still those that it was opened with."""

from __future__ import annotations

from ipyproject import current
from ipyproject.reloading import LoadedCode, Snapshot
from ipyproject.session.session import Session


class Watch:
    """Compares the open project's files with those that the last reload has seen, without executing anything."""

    def __init__(self) -> None:
        self._tried: Snapshot | None = None

    def calls_for_reload(self) -> bool:
        """Whether a file of the project has changed since the last reload, and since the last time that this said so.

        A reload that failed need not be tried again before another edit.
        """
        session, code = current.current_session(), current.loaded_code()
        if not isinstance(session, Session) or not isinstance(code, LoadedCode) or session.snapshot is None:
            return False
        if session.project != code.project:
            return False
        now = Snapshot.take(session.project, session.conf_source, previous=self._tried or session.snapshot)
        changes = code.changes(now)
        is_code = changes.code or changes.other or changes.metadata
        if not is_code and not now.changes_since(session.snapshot).conf:
            self._tried = None
            return False
        is_new = self._tried is None or bool(now.changes_since(self._tried))
        self._tried = now
        return is_new
