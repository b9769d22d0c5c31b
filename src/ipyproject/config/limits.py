"""How large configuration may be: far above what projects have, and small enough to be refused at once."""

from __future__ import annotations

from typing import Any

MAX_FILE = 20_000_000  # bytes of one file
MAX_ARCHIVE = 100_000_000  # bytes of an archive, unpacked
MAX_ENTRIES = 10_000  # of an archive, files and folders
MAX_PARAMS = 1_000_000  # characters of a parameter string
MAX_DEPTH = 150  # mappings and lists within each other; what walks through them needs several calls for each
MAX_DIGITS = 1_000  # of a whole number
MAX_REPEATED = (
    1_000_000  # values that references put in place of themselves; aliases as many, and one more for each character
)
MAX_REFERENCES = 1_000  # in one text
MAX_REFERRING = 100_000  # characters of a text with references
MAX_INNER = 20  # references within each other
MAX_REFERENCE = 2_000  # characters of one reference, up to the first `}`
MAX_CHAIN = 100  # references that lead to references
MAX_TEXT = 100_000_000  # characters that references put together
MAX_EVALUATIONS = 2_000  # of references that only OmegaConf can resolve, for one value

TOO_DEEP = f"nested more than {MAX_DEPTH} levels deep"
TOO_LONG_NUMBER = f"a whole number of more than {MAX_DIGITS:,} digits"
_LARGEST = 10**MAX_DIGITS


def excess(data: Any, levels: int = MAX_DEPTH) -> str | None:
    """Say what is too deep or too long in some data that was read, or return None."""
    if isinstance(data, (dict, list)):
        if not levels:
            return TOO_DEEP
        for value in data.values() if isinstance(data, dict) else data:
            if isinstance(value, (dict, list, int)) and (found := excess(value, levels - 1)):
                return found
    return TOO_LONG_NUMBER if isinstance(data, int) and not -_LARGEST < data < _LARGEST else None


class ExcessError(Exception):
    """References that come to more than is allowed; the message says to what."""


class Allowance:
    """What resolving references may still make."""

    def __init__(self) -> None:
        self._values = MAX_REPEATED
        self._text = MAX_TEXT
        self.evaluations = MAX_EVALUATIONS
        self.is_watched = False  # whether looking at a text is resolving it

    def take(self, values: int = 0, text: int = 0, evaluations: int = 0) -> None:
        """Take some of it.

        Raises:
            ExcessError: Nothing is left.
        """
        self._values -= values
        self._text -= text
        self.evaluations -= evaluations
        if (said := self.exceeded()) is not None:
            raise ExcessError(said)

    def exceeded(self) -> str | None:
        """Say which limit was exceeded, if one was."""
        if self._values < 0:
            return f"references come to more than {MAX_REPEATED:,} values"
        if self._text < 0:
            return f"references come to more than {MAX_TEXT:,} characters"
        return f"more than {MAX_EVALUATIONS:,} references to resolve for one value" if self.evaluations < 0 else None
