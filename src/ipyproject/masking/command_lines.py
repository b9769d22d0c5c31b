"""Hide the secrets in the arguments of a command and in the line of a magic."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from ipyproject.masking.names import is_secret_name
from ipyproject.masking.text import HIDDEN, hide, masked_text, secret_spans

if TYPE_CHECKING:
    from collections.abc import Sequence

_TOKEN = re.compile(r"""(\s+)|((?:[^\s"']|"[^"]*"|'[^']*'|["'].*$)+)""", re.DOTALL)
_QUOTED = re.compile(r"""(["'])(.*)\1""", re.DOTALL)


def masked_command_line(arguments: Sequence[str]) -> list[str]:
    """Return the arguments of a command with ``***`` for their secrets.

    The values of options with secret names are hidden (``--token x``, ``--token=x``), those of secret parameters
    (``--params db.password=x,rate=2``), passwords of URLs, and what else `masked_text` finds.
    """
    result: list[str] = []
    hide_next = False
    for argument in arguments:
        if hide_next and not argument.startswith("--"):
            result.append(HIDDEN)
            hide_next = False
            continue
        name, equals, value = argument.partition("=")
        is_secret_option = name.startswith("-") and is_secret_name(name)
        hide_next = is_secret_option and not equals
        if is_secret_option:
            result.append(f"{name}={HIDDEN}" if value else argument)
        elif name.startswith("-") and equals:
            result.append(f"{name}={_masked_value(value)}")
        else:
            result.append(_masked_value(argument))
    return result


def masked_line(text: str) -> str:
    """Return a line as typed, such as that of a magic, with ``***`` for its secrets; all else stays to the letter.

    The rules are those of `masked_command_line`; quotes keep a value together.
    """
    tokens = [match.group() for match in _TOKEN.finditer(text)]
    places = [place for place, token in enumerate(tokens) if not token.isspace()]
    for place, new in zip(places, masked_command_line([tokens[place] for place in places]), strict=True):
        tokens[place] = new
    return masked_text("".join(tokens))


def _masked_value(text: str) -> str:
    if quoted := _QUOTED.fullmatch(text):
        return f"{quoted[1]}{_masked_value(quoted[2])}{quoted[1]}"
    return hide(text, secret_spans(text, whole=True))
