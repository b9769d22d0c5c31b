"""The record of sessions and runs: what was opened, with what, what ran, and how it ended."""

from .capture import process_facts
from .ids import new_id
from .opening import open_store
from .recorder import BaseRecorder, NullRecorder, Recorder
from .records import ErrorRecord, MetricRecord, NodeRecord, RunRecord, SessionRecord, StartedBy, Status
from .store import HistoryWarning, SessionFilter, Store

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
