"""Sessions: the life cycle of runs, and opening a project anew in a live process.

Names are imported when first used: who opens a session needs no reload, and who imports it opens none yet.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ipyproject.session.origin import Origin
    from ipyproject.session.reload import reload_project
    from ipyproject.session.replay import Replay, open_replay
    from ipyproject.session.result import RunResult
    from ipyproject.session.session import Session, SessionState
    from ipyproject.session.watch import Watch

__all__ = ["Origin", "Replay", "RunResult", "Session", "SessionState", "Watch", "open_replay", "reload_project"]

_HOMES = {
    "Origin": "origin",
    "Replay": "replay",
    "RunResult": "result",
    "Session": "session",
    "SessionState": "session",
    "Watch": "watch",
    "open_replay": "replay",
    "reload_project": "reload",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = value
    return value
