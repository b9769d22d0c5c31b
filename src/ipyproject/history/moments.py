"""Times as people write them."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from ipyproject.errors import HistoryError

_AGE = re.compile(r"(\d+)\s*(m|h|d|w)")
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def moment(meant: str | date) -> datetime:
    """Return the moment that is meant, aware and in UTC.

    Args:
        meant: A text such as ``2026-01-31`` or ``2026-01-31T09:30``, an age such as ``7d``, a date or a datetime; where
            no time zone is named it is local time, and a date is its beginning.

    Raises:
        HistoryError: It means none.
    """
    try:
        if isinstance(meant, date):
            # By its text: what other libraries call a datetime does not convert as one.
            return datetime.fromisoformat(meant.isoformat()).astimezone(UTC)
        if age := _AGE.fullmatch(meant.strip()):
            return datetime.now(UTC) - int(age[1]) * _UNITS[age[2]]
        return datetime.fromisoformat(meant.strip()).astimezone(UTC)
    except (AttributeError, TypeError, ValueError, OverflowError):
        raise HistoryError(
            f"{meant!r} is no time.", "Give 2026-01-31, 2026-01-31T09:30, or an age: 90m, 12h, 7d, 2w."
        ) from None
