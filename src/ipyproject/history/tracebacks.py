"""The traceback of an exception as a record keeps it: without our own frames, masked, of limited length."""

from __future__ import annotations

import os
import traceback
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING

from ipyproject.masking import masked_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LIMIT_CHARACTERS = 8_000
LOOKED_AT = 500_000  # characters; of a longer text the front is cut off before it is masked
FRAMES = 60  # of each exception, the innermost ones

_OWN_FOLDER = str(Path(__file__).parent.parent) + os.sep
_MACHINERY = ("/IPython/", "/ipykernel/", "/click/", "/asyncio/", "<frozen ")  # what stands around a cell or a command


def trimmed_traceback(
    error: BaseException, *, limit_chars: int = LIMIT_CHARACTERS, mask: Callable[[str], str] = masked_text
) -> str:
    """Return the traceback of an exception and of those that led to it; never raises.

    Our own frames are left out, but for the very one that raised, and those of IPython and the like at the beginning.
    What is too long loses its front, since the end tells most.

    Args:
        error: The exception.
        limit_chars: How long the text may be.
        mask: Hides secrets in a text.
    """
    try:
        told = traceback.TracebackException.from_exception(error, limit=-FRAMES, compact=True)
        for each in _chain(told):
            each.stack = traceback.StackSummary.from_list(_project_frames(each.stack))
        text = mask("".join(told.format())[-LOOKED_AT:]).rstrip("\n")
    except Exception:  # noqa: BLE001 - exceptions may be the user's own, and their texts raise
        return type(error).__name__
    return text if len(text) <= limit_chars else f"...{text[3 - limit_chars :]}"


def _chain(told: traceback.TracebackException) -> Iterator[traceback.TracebackException]:
    """Yield the exception and all that are shown with it: causes, contexts, members of groups."""
    left = [told]
    while left:
        each = left.pop()
        yield each
        left += [other for other in (each.__cause__, each.__context__, *(each.exceptions or ())) if other is not None]


def _project_frames(frames: list[traceback.FrameSummary]) -> Iterable[traceback.FrameSummary]:
    return dropwhile(_is_machinery, [frame for frame in frames if frame is frames[-1] or not _is_ours(frame)])


def _is_ours(frame: traceback.FrameSummary) -> bool:
    return frame.filename.startswith(_OWN_FOLDER)


def _is_machinery(frame: traceback.FrameSummary) -> bool:
    name = frame.filename.replace(os.sep, "/")
    return any(part in name for part in _MACHINERY)
