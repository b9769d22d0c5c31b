"""Identifiers of sessions and runs: sortable by time, unique over processes, safe as file names."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

from ipyproject.forks import fork_safe_lock

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def microseconds(moment: datetime) -> int:
    """Return an aware time as whole microseconds since 1970 (UTC)."""
    return (moment - EPOCH) // MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Return the aware UTC time that is `count` microseconds after 1970."""
    return EPOCH + count * MICROSECOND


class _Ticker:
    """The clock, made strictly increasing: two ids of one process never carry the same time."""

    def __init__(self) -> None:
        self._lock = fork_safe_lock()
        self._last = 0

    def tick(self) -> datetime:
        with self._lock:
            self._last = max(microseconds(datetime.now(UTC)), self._last + 1)
            return from_microseconds(self._last)


_ticker = _Ticker()


def new_id() -> str:
    """Return a new identifier such as ``2026-11-22T16.53.39.123456Z-4f7c2a``.

    The time is UTC with microseconds. Ids made by one process sort in the order in which they were made; the six
    random hexadecimal digits keep processes apart that ask in the same microsecond.
    """
    return f"{_ticker.tick():%Y-%m-%dT%H.%M.%S.%f}Z-{secrets.token_hex(3)}"
