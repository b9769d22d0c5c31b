"""Show the characters that are not seen themselves, and change how others are: in terminals, messages and displays."""

from __future__ import annotations

import re

# Controls (with them a terminal's escape sequences), what sets the direction of text, spaces without a width,
# separators of lines, tags, and halves of pairs, which no encoding takes.
_UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164\ufeff"
    r"\uffa0\ufff9-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def visible(text: str, *, keep: str = "") -> str:
    r"""Return a text with its invisible characters as their escapes: ``\x1b``, ``\u202e``, ``\n``.

    Args:
        text: Any text.
        keep: Characters that stay, such as the ends of lines.
    """
    if text.isascii() and text.isprintable():
        return text
    return _UNSEEN.sub(lambda found: found[0] if found[0] in keep else _escape(found[0]), text)


def visible_lines(text: str) -> str:
    """Return a text as `visible` does; ends of lines, and tabs, stay."""
    return visible(text, keep="\n\t")


def _escape(character: str) -> str:
    return character.encode("unicode_escape").decode()
