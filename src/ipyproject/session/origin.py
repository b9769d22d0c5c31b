"""Where a session comes from: what opened it, and which one it repeats."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ipyproject.history import StartedBy


def _script() -> dict[str, Any]:
    return {"script": sys.argv[0]} if sys.argv and sys.argv[0] not in {"", "-c"} else {}


@dataclass(frozen=True, slots=True)
class Origin:
    """How a session was opened, for its record.

    Attributes:
        started_by: The command line, a notebook or a script.
        invocation: The script's path; the magic's line and the notebook's name; the command and its flags, each with
            its value and whether it was given.
        replay_of: Id of the session that this one repeats.
    """

    started_by: StartedBy = "script"
    invocation: Mapping[str, Any] = field(default_factory=_script)
    replay_of: str | None = None
