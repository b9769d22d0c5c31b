"""Sessions: the life cycle of runs, and opening a project anew in a live process."""

from ipyproject.session.origin import Origin
from ipyproject.session.reload import reload_project
from ipyproject.session.result import RunResult
from ipyproject.session.session import Session, SessionState
from ipyproject.session.store import open_history

__all__ = ["Origin", "RunResult", "Session", "SessionState", "open_history", "reload_project"]
