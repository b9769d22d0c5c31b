"""Splitting a magic's line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from IPython.core.error import UsageError

from ipyproject.notebook.arguments import split_line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", []),
        ("path --env=local", ["path", "--env=local"]),
        ("  -e  local ", ["-e", "local"]),
        ('"a folder/with spaces" -e x', ["a folder/with spaces", "-e", "x"]),
        (r"C:\data\shop", [r"C:\data\shop"]),
        ('--params a=1,d="x, y",e=null', ["--params", 'a=1,d="x, y",e=null']),
        ('--params=a=1,d="x y"', ['--params=a=1,d="x y"']),
        ("""--params 'a=1,d="x y"' b""", ["--params", 'a=1,d="x y"', "b"]),
        ("""--params='a=1, b=2'""", ["--params=a=1, b=2"]),
        ('--conf-source "a b"/c', ["--conf-source", "a b/c"]),
    ],
)
def test_split(line, expected):
    """White space splits, quotes hold together, and inside parameters they stay."""
    assert split_line(line, keep_quotes_of=("--params",)) == expected


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="'"), min_size=1)))
def test_quoted_words_come_back(words):
    """Any words without a single quote come back when each is put in single quotes."""
    assert split_line(" ".join(f"'{word}'" for word in words)) == words


@pytest.mark.parametrize("line", ['"open', "a 'b", 'x "y" "z'])
def test_open_quote(line):
    """A quote that is not closed is an error of usage, which names it."""
    with pytest.raises(UsageError, match="A quote is not closed"):
        split_line(line)
