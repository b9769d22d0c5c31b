"""How a store fails."""

from __future__ import annotations

from ipyproject.errors import HistoryError


class HistoryWarning(UserWarning):
    """Something of a session could not be recorded where it belongs; the session itself goes on."""


class StoreBusyError(HistoryError):
    """Other processes kept the store locked for longer than we wait."""


class StoreLostError(HistoryError):
    """The store that was opened is no longer there: deleted, moved, replaced or found to be corrupt."""


class UnknownRecordError(HistoryError):
    """The store has no session or run of that id."""
