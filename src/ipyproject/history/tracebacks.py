"""An exception as a record keeps it and the command line shows it: few lines, masked, whatever the exception does."""

from __future__ import annotations

import os
import traceback
from contextlib import suppress
from dataclasses import dataclass
from itertools import dropwhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ipyproject.errors import message_of, type_name
from ipyproject.masking import masked_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    Mask = Callable[[str], str]

LIMIT_CHARACTERS = 8_000
LIMIT_LINES = 12
LIMIT_LINE = 2_000  # characters
LOOKED_AT = 500_000  # characters of a message; the rest is cut off before it is masked
FRAMES = 8  # of each exception that are looked at: the outermost, and the innermost ones
MEMBERS = 3  # of a group
MESSAGE_LINES, NOTE_LINES = 4, 2

_OWN_FOLDER = str(Path(__file__).parent.parent) + os.sep
_MACHINERY = ("/IPython/", "/ipykernel/", "/click/", "/asyncio/", "<frozen ")  # what stands around a cell or a command
_LINKS = {
    "cause": "The above exception was the direct cause of the following exception:",
    "context": "During handling of the above exception, another exception occurred:",
}


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


@dataclass(slots=True)
class _Block:
    """One exception of a chain: its frames, outermost first, each as its lines, and what it says."""

    frames: list[list[str]]
    skipped: int  # frames between the outermost and the others
    said: list[str]
    link: str | None = None  # how the next one came of it

    @classmethod
    def of(cls, error: BaseException, mask: Mask, *, most_said: int) -> _Block:
        stack, skipped = _stack(error)
        said = _said(error, mask, most_said) + _members(error, mask)
        return cls([mask(_shown(frame)).split("\n") for frame in stack], skipped, said)

    def lines(self, kept: Collection[int], *, header: bool) -> Iterator[str]:
        """Yield its lines, with those of its frames that are kept."""
        if kept and header:
            yield "Traceback (most recent call last):"
        left_out = 0
        for position, frame in enumerate(self.frames):
            left_out += self.skipped if position == 1 else 0
            if position in kept:
                if left_out:
                    yield f"  ... {left_out:,} more frame{'s' if left_out > 1 else ''} ..."
                yield from frame
                left_out = 0
            else:
                left_out += 1
        yield from self.said


def _told(error: BaseException, mask: Mask) -> list[str]:
    chain, links = _chain(error)
    last = _Block.of(error, mask, most_said=MESSAGE_LINES)
    last.said += _shortened([line for note in _notes(error) for line in mask(note[:LOOKED_AT]).split("\n")], NOTE_LINES)
    if len(chain) == 1:
        return _fitted([last])
    first = _Block.of(chain[-1], mask, most_said=1)
    first.link = _LINKS[links[-1]]
    if len(chain) > 2:  # noqa: PLR2004
        between = len(chain) - 2
        first.link = f"... {between:,} more exception{'s' if between > 1 else ''}, then:"
    return _fitted([first, last])


def _fitted(blocks: list[_Block]) -> list[str]:
    """Return the lines of the blocks with as many frames as there is room for, the ones that tell most first."""
    everything = [range(len(block.frames)) for block in blocks]
    for dense in (False, True):
        lines = _joined(blocks, everything, dense=dense)
        if len(lines) <= LIMIT_LINES:
            return lines
    dense = len(blocks) > 1
    kept: list[set[int]] = [set() for _ in blocks]
    for block, position in _by_weight(blocks):
        kept[block].add(position)
        if len(_joined(blocks, kept, dense=dense)) > LIMIT_LINES:
            kept[block].discard(position)
    return _joined(blocks, kept, dense=dense)


def _joined(blocks: list[_Block], kept: Sequence[Collection[int]], *, dense: bool) -> list[str]:
    lines: list[str] = []
    for block, positions in zip(blocks, kept, strict=True):
        lines += block.lines(positions, header=not dense)
        if block.link is not None:
            lines += [block.link] if dense else ["", block.link, ""]
    return lines


def _by_weight(blocks: list[_Block]) -> Iterator[tuple[int, int]]:
    """Yield the places of frames: the innermost of the last exception and of the first, the outermost, the rest."""
    order = list(reversed(range(len(blocks))))
    for block in order:
        if blocks[block].frames:
            yield block, len(blocks[block].frames) - 1
    for block in order:
        if len(blocks[block].frames) > 1:
            yield block, 0
    for block in order:
        for position in range(len(blocks[block].frames) - 2, 0, -1):
            yield block, position


def _chain(error: BaseException) -> tuple[list[BaseException], list[str]]:
    """Return an exception and those that led to it, the first cause last, and how each came of the next."""
    chain, seen = [error], {id(error)}
    links: list[str] = []
    while True:
        cause, context, hidden = (
            _held(chain[-1], name) for name in ("__cause__", "__context__", "__suppress_context__")
        )
        link, other = ("cause", cause) if cause is not None else ("context", None if hidden else context)
        if other is None or id(other) in seen:
            return chain, links
        seen.add(id(other))
        chain.append(other)
        links.append(link)


def _held(error: BaseException, name: str, kind: type[BaseException] = BaseException) -> Any:
    """Return what an exception holds; a class of the project's own may have other attributes of that name."""
    return vars(kind)[name].__get__(error)


def _stack(error: BaseException) -> tuple[list[traceback.FrameSummary], int]:
    """Return the frames to tell, the outermost first, and how many lie between that and the others."""
    frames = list(traceback.walk_tb(_held(error, "__traceback__")))
    kept = [each for each in frames if each is frames[-1] or not each[0].f_code.co_filename.startswith(_OWN_FOLDER)]
    kept = list(dropwhile(lambda each: _is_machinery(each[0].f_code.co_filename), kept))
    told = kept if len(kept) <= FRAMES else [kept[0], *kept[1 - FRAMES :]]
    return list(traceback.StackSummary.extract(iter(told))), len(kept) - len(told)


def _shown(frame: traceback.FrameSummary) -> str:
    place = f'  File "{frame.filename}", line {frame.lineno}, in {frame.name}'
    return f"{place}\n    {frame.line}" if frame.line else place


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


def _notes(error: BaseException) -> list[str]:
    notes: object = None
    with suppress(BaseException):
        notes = object.__getattribute__(error, "__dict__").get("__notes__")
    return [str.__str__(note) for note in notes if isinstance(note, str)] if isinstance(notes, (list, tuple)) else []


def _shortened(lines: list[str], most: int) -> list[str]:
    """Return at most so many lines: the first ones, and the last."""
    if len(lines) > most:
        lines = [line for line in lines if line.strip()] or lines[:1]
    if len(lines) <= most:
        return lines
    if most == 1:
        return [f"{lines[0]} ..."]
    return [*lines[: most - 2], f"{lines[most - 2]} ...", lines[-1]]


def _is_machinery(filename: str) -> bool:
    name = filename.replace(os.sep, "/")
    return any(part in name for part in _MACHINERY)
