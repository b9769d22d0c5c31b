"""Characters that are not seen."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.errors import HistoryError, Interrupted
from ipyproject.visible import visible, visible_lines


def is_unseen(character: str) -> bool:
    """What Unicode calls a control, a format or a surrogate, and its separators of lines: the oracle."""
    return unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} or unicodedata.bidirectional(character) in {
        *("LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI", "BN"),
    }


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, naïve, 日本, 🐧", "plain, naïve, 日本, 🐧"),
        ("\x1b]0;title\x07\x9b2J", r"\x1b]0;title\x07\x9b2J"),
        ("a\r\n\tb\x7f", r"a\r\n\tb\x7f"),
        ("\u202egnp.exe\u2066\u200b\u061c\ufeff", r"\u202egnp.exe\u2066\u200b\u061c\ufeff"),
        ("\u2028\u2029\ud800\U000e0041", r"\u2028\u2029\ud800\U000e0041"),
    ],
)
def test_escapes(text, shown) -> None:
    """Each stands there as in a literal of Python's; what can be seen stays."""
    assert visible(text) == shown


def test_every_character() -> None:
    """Of all that Unicode has, the unseen ones are escaped; letters, marks, numbers and emojis are not."""
    everything = [*map(chr, range(sys.maxunicode + 1))]
    assert [each for each in everything if is_unseen(each) and visible(each) == each] == []
    letters = [each for each in everything if unicodedata.category(each) in {"Ll", "Lu", "Nd", "Mn", "Sc", "Sm", "Po"}]
    assert {each for each in letters if visible(each) != each} == {"\u17b4", "\u17b5"}  # which are not to be seen


@given(st.text())
def test_whatever_the_text(text) -> None:
    """No control, no change of direction, no half of a pair is left; ends of lines and tabs where they may stay."""
    assert not any(map(is_unseen, visible(text)))
    assert {each for each in visible_lines(text) if is_unseen(each)} <= {"\n", "\t"}
    assert visible(visible(text)) == visible(text)


def test_messages() -> None:
    """What an error says of a value can't do anything to a terminal, nor can its hint and its notes."""
    error = HistoryError("no \x1b[2J", "but \u202eb")
    error.add_note("\x1b]0;x\x07")
    assert error.full_message() == "no \\x1b[2J\nbut \\u202eb\n\\x1b]0;x\\x07"
    assert error._render_traceback_() == [f"HistoryError: {error.full_message()}"]
    assert Interrupted("\x1b[2J")._render_traceback_() == ["KeyboardInterrupt: \\x1b[2J"]
