"""The record of sessions and runs: what was opened, with what, what ran, and how it ended."""

from ipyproject.history.facts.process import process_info
from ipyproject.history.ids import new_id
from ipyproject.history.moments import moment
from ipyproject.history.questions.asking import SessionHistory, SessionList, compare, session, sessions
from ipyproject.history.questions.comparison import ABSENT, Difference, compare_sessions
from ipyproject.history.questions.project import open_history, store_location
from ipyproject.history.recording.recorder import NullRecorder, Recorder
from ipyproject.history.records import (
    ErrorRecord,
    MetricRecord,
    NodeRecord,
    RunRecord,
    SessionRecord,
    StartedBy,
    Status,
    as_document,
)
from ipyproject.history.stores.failures import HistoryWarning
from ipyproject.history.stores.opening import open_store
from ipyproject.history.stores.search import Comparison, SessionFilter
from ipyproject.history.stores.store import Store
from ipyproject.history.values import flattened

__all__ = [
    "ABSENT",
    "Comparison",
    "Difference",
    "ErrorRecord",
    "HistoryWarning",
    "MetricRecord",
    "NodeRecord",
    "NullRecorder",
    "Recorder",
    "RunRecord",
    "SessionFilter",
    "SessionHistory",
    "SessionList",
    "SessionRecord",
    "StartedBy",
    "Status",
    "Store",
    "as_document",
    "compare",
    "compare_sessions",
    "flattened",
    "moment",
    "new_id",
    "open_history",
    "open_store",
    "process_info",
    "session",
    "sessions",
    "store_location",
]
