"""Split a magic's line into arguments."""

from __future__ import annotations

import re

from IPython.core.error import UsageError

from ipyproject.visible import visible

_TOKEN = re.compile(r"""(?:[^\s"']|"[^"]*"|'[^']*')+""")
_QUOTED = re.compile(r"""(?P<option>--?[\w-]+=)?(?P<quote>["'])(?P<text>(?:(?!(?P=quote)).)*)(?P=quote)""")
_QUOTED_PART = re.compile(r""""([^"]*)"|'([^']*)'""")


def split_line(line: str, *, keep_quotes_of: tuple[str, ...] = ()) -> list[str]:
    """Split a line at white space outside quotes.

    A shell's rules but for two things: a backslash is an ordinary character (Windows paths), and for the options in
    ``keep_quotes_of`` quotes inside the value stay, since the value's own grammar needs them:
    ``--params name="x, y"``.

    Args:
        line: What stands behind the magic's name.
        keep_quotes_of: Options whose values keep their inner quotes.

    Raises:
        UsageError: A quote is not closed.
    """
    arguments: list[str] = []
    end = 0
    for match in _TOKEN.finditer(line):
        _check_gap(line[end : match.start()])
        end = match.end()
        token = match.group()
        option = arguments[-1] if arguments else ""
        keeps = option in keep_quotes_of or token.partition("=")[0] in keep_quotes_of
        if whole := _QUOTED.fullmatch(token):
            arguments.append((whole["option"] or "") + whole["text"])
        elif keeps:
            arguments.append(token)
        else:
            arguments.append(_QUOTED_PART.sub(lambda part: part[1] if part[1] is not None else part[2], token))
    _check_gap(line[end:])
    return arguments


def _check_gap(gap: str) -> None:
    if gap.strip():
        raise UsageError(f"A quote is not closed: {visible(gap.strip())}")
