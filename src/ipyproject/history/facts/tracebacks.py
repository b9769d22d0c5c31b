"""An exception as a record keeps it and the command line shows it: few lines, masked, whatever the exception does."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipyproject.errors import LOOKED_AT, message_of, type_name
from ipyproject.masking import masked_text

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

    Frames = list[tuple[FrameType, int]]
    Mask = Callable[[str], str]

LIMIT_CHARACTERS = 8_000
LIMIT_LINES = 12
LIMIT_LINE = 2_000  # characters
MEMBERS = 3  # of a group
MESSAGE_LINES, NOTE_LINES = 4, 2

_OWN_FOLDER = str(Path(__file__).parents[2]) + os.sep
_MACHINERY = (  # what stands around a cell or a command
    *(f"{os.sep}{library}{os.sep}" for library in ("IPython", "ipykernel", "click", "asyncio")),
    "<frozen ",
)
_HEADER = "Traceback (most recent call last):"
_CAUSE = "The above exception was the direct cause of the following exception:"
_CONTEXT = "During handling of the above exception, another exception occurred:"


def trimmed_traceback(
    error: BaseException,
    *,
    limit_chars: int = LIMIT_CHARACTERS,
    limit_line: int = LIMIT_LINE,
    mask: Mask = masked_text,
) -> str:
    """Return what an exception says, where it was raised and what led to it, in at most twelve lines; never raises.

    Our own frames are left out, but for the very one that raised, and those of IPython and the like at the beginning.
    Where there is more than fits, the innermost and the outermost frame, the first cause and the exception itself are
    told, and how much is left out. What has too many characters loses its front, since the end tells most.

    Args:
        error: The exception.
        limit_chars: How long the text may be.
        limit_line: How long each line may be; what is longer loses its end.
        mask: Hides secrets in a text.
    """
    try:
        lines = _told(error, mask)
    except Exception:  # noqa: BLE001 - exceptions may be the user's own and do anything
        return type_name(error)
    lines = [line if len(line) <= limit_line else f"{line[: limit_line - 4]} ..." for line in lines]
    text = "\n".join(lines)
    return text if len(text) <= limit_chars else f"...{text[3 - limit_chars :]}"


def _told(error: BaseException, mask: Mask) -> list[str]:
    chain, frames = _chain(error), _frames(error)
    said = _said(error, mask, MESSAGE_LINES) + _members(error, mask) + _notes(error, mask)
    room = LIMIT_LINES - len(said)
    if len(chain) == 1:
        lines = _shown(frames, max(2, room - 1), mask)
        return [*([_HEADER] if 0 < len(lines) < room else []), *lines, *said]
    link = _CAUSE if _held(chain[-2], "__cause__") is chain[-1] else _CONTEXT
    if between := len(chain) - 2:
        link = f"... {between:,} more exception{'s' if between > 1 else ''}, then:"
    room -= 2  # for the link, and what the first cause says
    first = _shown(_frames(chain[-1]), max(room // 2, room - 2 * len(frames)), mask)
    last = _shown(frames, room - len(first), mask)
    blank = [""] if len(first) + len(last) + 2 <= room else []
    return [*first, *_said(chain[-1], mask, 1), *blank, link, *blank, *last, *said]


def _chain(error: BaseException) -> list[BaseException]:
    """Return an exception and those that led to it, the first cause last."""
    chain = {id(error): error}
    while True:
        cause, context, hidden = (_held(error, name) for name in ("__cause__", "__context__", "__suppress_context__"))
        error = context if cause is None and not hidden else cause
        if error is None or id(error) in chain:
            return [*chain.values()]
        chain[id(error)] = error


def _held(error: BaseException, name: str, kind: type[BaseException] = BaseException) -> Any:
    """Return what an exception holds; a class of the project's own may have other attributes of that name."""
    return vars(kind)[name].__get__(error)


def _frames(error: BaseException) -> Frames:
    """Return the frames that matter, the outermost first."""
    frames = list(traceback.walk_tb(_held(error, "__traceback__")))
    kept = [each for each in frames if each is frames[-1] or not each[0].f_code.co_filename.startswith(_OWN_FOLDER)]
    return list(dropwhile(lambda each: any(part in each[0].f_code.co_filename for part in _MACHINERY), kept))


def _shown(frames: Frames, room: int, mask: Mask) -> list[str]:
    """Return the lines of as many frames as there is room for: the innermost, then the outermost, then others."""
    if 2 * len(frames) <= room:
        return _lines(frames, mask)
    count = (room - 1) // 2  # a line says how many are left out
    if count < 1:
        return _lines(frames[-1:], mask) if room == 2 else []  # noqa: PLR2004
    outer, left_out = int(count > 1), len(frames) - count
    told = f"  ... {left_out:,} more frame{'s' if left_out > 1 else ''} ..."
    return [*_lines(frames[:outer], mask), told, *_lines(frames[left_out + outer :], mask)]


def _lines(frames: Frames, mask: Mask) -> list[str]:
    stack = traceback.StackSummary.extract(iter(frames))
    return [line for each in stack for line in mask(stack.format_frame_summary(each)).rstrip("\n").split("\n")]


def _said(error: BaseException, mask: Mask, most: int) -> list[str]:
    text = _title(error)
    if len(text) > LOOKED_AT:  # half a line may hold half a secret; of a single one only the front is shown
        text = text[:LOOKED_AT].rpartition("\n")[0] or text[:LOOKED_AT]
    return _shortened(mask(text).split("\n"), most)


def _title(error: BaseException) -> str:
    """Return the exception's class and message; a broken file's line is said as the interpreter says it."""
    kind = type(error)
    name: str = type.__dict__["__qualname__"].__get__(kind)
    module = type.__dict__["__module__"].__get__(kind)
    if isinstance(module, str) and module not in ("builtins", "__main__"):
        name = f"{module}.{name}"
    message = message_of(error)
    if issubclass(kind, SyntaxError):
        file, line, said = (_held(error, each, SyntaxError) for each in ("filename", "lineno", "msg"))
        if isinstance(file, str) and isinstance(said, str):
            return f'  File "{file}", line {line}\n{name}: {said}'
    return f"{name}: {message}" if message else name


def _members(error: BaseException, mask: Mask) -> list[str]:
    """Return a line for each of the first members of a group, those of groups in it included."""
    if not issubclass(type(error), BaseExceptionGroup):
        return []
    leaves, left = [], [error]
    while left:
        each = left.pop()
        if issubclass(type(each), BaseExceptionGroup):
            left += reversed(_held(each, "exceptions", BaseExceptionGroup))
        else:
            leaves.append(each)
    lines = [f"  | {_said(leaf, mask, 1)[0]}" for leaf in leaves[:MEMBERS]]
    more = len(leaves) - len(lines)
    return [*lines, f"  | ... and {more} more"] if more else lines


def _notes(error: BaseException, mask: Mask) -> list[str]:
    notes: object = None
    with suppress(BaseException):
        notes = object.__getattribute__(error, "__dict__").get("__notes__")
    texts = [str.__str__(note) for note in notes if isinstance(note, str)] if isinstance(notes, (list, tuple)) else []
    return _shortened([line for text in texts for line in mask(text[:LOOKED_AT]).split("\n")], NOTE_LINES)


def _shortened(lines: list[str], most: int) -> list[str]:
    """Return at most so many lines: the first ones, and the last."""
    if len(lines) > most:
        lines = [line for line in lines if line.strip()] or lines[:1]
    if len(lines) <= most:
        return lines
    if most == 1:
        return [f"{lines[0]} ..."]
    return [*lines[: most - 2], f"{lines[most - 2]} ...", lines[-1]]
