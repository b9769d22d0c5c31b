"""Whether the process of a session that was not closed is still there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ipyproject.history.facts.process import Liveness, liveness

if TYPE_CHECKING:
    from ipyproject.history.records import SessionRecord

LEASE = timedelta(minutes=10)  # its writer renews it every minute, also while a node runs for hours


def has_ended(record: SessionRecord, seen: datetime) -> bool:
    """Return whether a session has ended without having been closed.

    Where that can't be told from here (another machine, another container), it has when nothing was heard of it for as
    long as its lease.

    Args:
        record: As it was opened.
        seen: When its process said last that it is there (aware).
    """
    process = liveness(record.host, record.pid, record.process)
    if process is Liveness.UNKNOWN:
        return datetime.now(UTC) - max(record.start, seen) > LEASE
    return process is Liveness.GONE
