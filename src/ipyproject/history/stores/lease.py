"""Whether the process of a session that was not closed is still there."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ipyproject.history.facts.process import host_name, is_gone, process_token

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
    lives = _lives(record.host, record.pid, record.process)
    return datetime.now(UTC) - max(record.start, seen) > LEASE if lives is None else not lives


def _lives(host: str, pid: int, token: str | None) -> bool | None:
    """Return whether a process lives; None where that can't be told from here."""
    if is_gone(host, pid, token):
        return False
    if host != host_name() or token is None or pid <= 0:
        return None
    now = process_token(pid)
    if token == now:
        return True
    return False if now and token.partition(":")[0] != now.partition(":")[0] else None
