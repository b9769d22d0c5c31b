"""Sessions: the life cycle of runs, and opening a project anew in a live process."""

from ipyproject.session.origin import Origin
from ipyproject.session.reload import reload_project
from ipyproject.session.replay import Replay, open_replay
from ipyproject.session.result import RunResult
from ipyproject.session.session import Session, SessionState
from ipyproject.session.watch import Watch

__all__ = ["Origin", "Replay", "RunResult", "Session", "SessionState", "Watch", "open_replay", "reload_project"]
