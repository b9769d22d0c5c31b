"""The record of sessions and runs: what was opened, with what, what ran, and how it ended."""

from ipyproject.history.capture import process_facts
from ipyproject.history.ids import new_id
from ipyproject.history.opening import open_store
from ipyproject.history.recorder import BaseRecorder, NullRecorder, Recorder
from ipyproject.history.records import (
    ErrorRecord,
    MetricRecord,
    NodeRecord,
    RunRecord,
    SessionRecord,
    StartedBy,
    Status,
)
from ipyproject.history.store import HistoryWarning, SessionFilter, Store

__all__ = [
    "BaseRecorder",
    "ErrorRecord",
    "HistoryWarning",
    "MetricRecord",
    "NodeRecord",
    "NullRecorder",
    "Recorder",
    "RunRecord",
    "SessionFilter",
    "SessionRecord",
    "StartedBy",
    "Status",
    "Store",
    "new_id",
    "open_store",
    "process_facts",
]
