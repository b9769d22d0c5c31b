from __future__ import annotations

import sys

import pytest

from ipyproject.catalog import Catalog
from ipyproject.history.tracebacks import trimmed_traceback
from ipyproject.masking import Masker


def caught(function, *arguments) -> BaseException:
    with pytest.raises(BaseException) as info:
        function(*arguments)
    return info.value


class Failing:
    def load(self):
        fail()

    def save(self, data):
        fail()


def fail(text: str = "bad") -> None:
    raise ValueError(text)


def test_our_frames_are_left_out() -> None:
    """Frames of the project stand there, those of ours between them do not."""
    catalog = Catalog()
    catalog["x"] = Failing()
    text = trimmed_traceback(caught(catalog.load, "x"))
    cause, _, last = text.partition("\nThe above exception")
    assert "in load\n    fail()" in cause
    assert cause.endswith("ValueError: bad")
    assert "ipyproject/catalog" not in cause
    assert last.count("ipyproject/catalog") == 1  # where it was raised
    assert "DatasetError" in last


def test_causes_and_groups() -> None:
    """What led to an error is told with it."""
    try:
        try:
            fail("first")
        except ValueError as error:
            raise ExceptionGroup("many", [KeyError("second"), OSError("third")]) from error
    except ExceptionGroup as error:
        text = trimmed_traceback(error)
    for part in ("ValueError: first", "KeyError: 'second'", "OSError: third", "direct cause"):
        assert part in text


def test_secrets_are_hidden() -> None:
    """Secrets in messages and source lines are hidden, known ones too."""
    error = caught(lambda: fail("can't log in with swordfish9 at pg://u:s3cr3t@h"))
    text = trimmed_traceback(error, mask=Masker(["swordfish9"]).text)
    assert "swordfish9" not in text
    assert "s3cr3t" not in text
    assert "can't log in with *** at pg://u:***@h" in text


def recurse() -> None:
    recurse()


def test_length() -> None:
    """A long traceback, or a message of any length, loses its front."""
    text = trimmed_traceback(caught(recurse), limit_chars=500)
    assert text.endswith("RecursionError: maximum recursion depth exceeded")
    assert len(text) <= 500
    text = trimmed_traceback(caught(fail, "x" * 10_000_000), limit_chars=500)
    assert len(text) == 500
    assert text.startswith("...x")


class UnprintableError(Exception):
    def __str__(self):
        raise ValueError


def test_odd_errors() -> None:
    """Errors without a traceback, in cycles, or that can't be printed are no reason to fail."""
    error = ValueError("a")
    error.__cause__ = KeyError("b")
    error.__cause__.__cause__ = error
    assert "ValueError: a" in trimmed_traceback(error)
    assert "UnprintableError" in trimmed_traceback(caught(lambda: (_ for _ in ()).throw(UnprintableError())))
    assert trimmed_traceback(SyntaxError("x", ("f.py", 1, 1, None))).endswith("SyntaxError: x")
    assert sys.exc_info() == (None, None, None)
