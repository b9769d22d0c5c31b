"""Times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from ipyproject.errors import HistoryError

_AGE = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def moment(text: str) -> datetime:
    """Return the moment that a text means: ``2026-01-31``, ``2026-01-31T09:30`` (local time), or an age such as ``7d``.

    Raises:
        HistoryError: It means none.
    """
    try:
        if age := _AGE.fullmatch(text.strip()):
            return datetime.now(UTC) - int(age[1]) * _UNITS[age[2]]
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise HistoryError(
            f"{text!r} is no time.", "Write 2026-01-31, 2026-01-31T09:30, or an age: 90m, 12h, 7d, 2w."
        ) from None
