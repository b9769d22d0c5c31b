"""Values as short texts on one line."""

from __future__ import annotations

from datetime import date, time
from itertools import islice
from os.path import commonprefix
from typing import TYPE_CHECKING, Any

from ipyproject.history.values import flattened, is_type_and_repr, key_text, named
from ipyproject.visible import visible

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

MOST = 200  # characters of a value
MOST_PARAMETERS = 400  # characters of several in a line
BEFORE = 40  # characters before the place where two long values begin to differ


def format_value(value: Any) -> str:
    """A value as a short text; texts stand as they are."""
    return _shortened(_plain(value), value)


def format_pair(one: Any, other: Any) -> tuple[str, str]:
    """Two values that differ, so that it is seen what differs, however long they are."""
    shown = format_value(one), format_value(other)
    if shown[0] != shown[1]:
        return shown
    texts = [_within(value, most=None) for value in (one, other)]
    first = max(0, len(commonprefix(texts)) - BEFORE)  # noqa: RUF071 - no paths
    return (
        _shortened(f"...{texts[0][first:]}" if first else texts[0], one),
        _shortened(f"...{texts[1][first:]}" if first else texts[1], other),
    )


def params_in_short(params: Mapping[Any, Any]) -> str:
    """Nested parameters as ``a.b=1, c=x``."""
    flat = flattened(params)
    text = ""
    for name, value in flat.items():
        if len(text) > MOST_PARAMETERS:
            return f"{text[:MOST_PARAMETERS]}... ({len(flat):,} parameters)"
        is_list = isinstance(value, (list, tuple))
        shown = _shortened(",".join(map(_plain, value[:MOST])), value) if is_list else format_value(value)
        text += f"{', ' if text else ''}{visible(name)}={shown}"
    return text


def local_time(moment: datetime) -> str:
    """A moment in the reader's own time zone, to the second."""
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}"


def _shortened(text: str, value: Any) -> str:
    shown = visible(text[: MOST + 1])
    if len(text) <= MOST:
        return shown
    if isinstance(value, (str, list, tuple, dict)) and not is_type_and_repr(value):
        return f"{shown[:MOST]}... ({len(value):,} {'characters' if isinstance(value, str) else 'items'})"
    return f"{shown[:MOST]}..."


def _plain(value: Any) -> str:
    if isinstance(value, str):
        return value
    return f"{value:.4g}" if isinstance(value, float) else _within(value)


def _within(value: Any, most: int | None = MOST) -> str:
    """A value as it stands within others; of those of a large one no more than fit."""
    if is_type_and_repr(value):
        return str(value["$repr"])
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(_within(item, most) for item in islice(value, most))}]"
    if isinstance(value, dict):
        items = (f"{_key(name, key)}: {_within(item, most)}" for name, key, item in islice(named(value), most))
        return f"{{{', '.join(items)}}}"
    return repr(value)


def _key(name: str, key: Any) -> str:
    return repr(name) if isinstance(key, str) else key_text(key)
