from __future__ import annotations

import sys

import pytest

from ipyproject.catalog import Catalog
from ipyproject.catalog.dataset import reason
from ipyproject.errors import format_error
from ipyproject.history import ErrorRecord
from ipyproject.history.facts.tracebacks import LIMIT_LINES, LOOKED_AT, trimmed_traceback
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


def chained(length: int, *, link: str = "__cause__") -> BaseException:
    error: BaseException | None = None
    for number in range(length):
        next_one = ValueError(str(number))
        setattr(next_one, link, error)
        error = caught(raised, next_one)
    return error


def raised(error: BaseException) -> None:
    raise error


def mutual(count: int) -> None:
    other(count + 1)


def other(count: int) -> None:
    mutual(count)


def deep(count: int) -> None:
    if not count:
        fail("\n".join(f"line {number}" for number in range(1000)))
    deep(count - 1)


def in_a_group() -> BaseException:
    group: BaseException = caught(fail, "inner")
    for number in range(20):
        group = ExceptionGroup(f"level {number}", [group, KeyError(number)])
    return caught(raised, group)


def noted() -> BaseException:
    error = caught(fail)
    for number in range(100):
        error.add_note(f"note {number}\n" * 5)
    return error


class OddText(str):
    __slots__ = ()

    def split(self, *_):
        raise ValueError

    __len__ = __getitem__ = __format__ = __str__ = __iter__ = splitlines = strip = split


def raising(*_: object) -> str:
    raise ValueError


def exits(*_: object) -> str:
    raise SystemExit(0)


def interrupts(*_: object) -> str:
    raise KeyboardInterrupt


def endless(self: object) -> str:
    return str(self)


RAISING = property(raising)
LINKS = ("__cause__", "__context__", "__suppress_context__", "__traceback__", "__notes__", "args")


def odd(bases=(Exception,), metaclass=type, **attributes):
    """An exception whose class has other attributes than exceptions have."""
    arguments = ("x", [ValueError("y")]) if issubclass(bases[0], BaseExceptionGroup) else ("x",)
    return lambda: metaclass("OddError", bases, attributes)(*arguments)


# Made in the test: pytest itself can't look at them.
ODD = {
    "str raises": odd(__str__=raising),
    "str gives nothing": odd(__str__=lambda self: None),
    "str exits": odd(__str__=exits),
    "str is interrupted": odd(__str__=interrupts),
    "str never ends": odd(__str__=endless),
    "str of a class of its own": odd(__str__=lambda self: OddText("of its own")),
    "every attribute raises": odd(__getattribute__=raising),
    "its class raises": odd(__class__=RAISING),
    "links raise": odd(**dict.fromkeys(LINKS, RAISING)),
    "links are nonsense": odd(**dict.fromkeys(LINKS, 3)),
    "members raise": odd((ExceptionGroup,), exceptions=RAISING),
    "name raises": odd(metaclass=type("Meta", (type,), {"__name__": RAISING, "__module__": RAISING})),
    "slots": odd(__slots__=("a",)),
    "syntax": lambda: SyntaxError("x", ("f.py", "no line", "nor column", 3)),
    "syntax without text": lambda: SyntaxError(3),
    "bytes": lambda: UnicodeDecodeError("utf-8", b"\xff", 0, 1, "x"),
    "surrogates": lambda: ValueError("\udc80\x00\x1b[31m"),
    "empty": ValueError,
    "blank": lambda: ValueError("\n" * 100),
    "exit": lambda: GeneratorExit("x"),
    "interrupts": lambda: BaseExceptionGroup("x", [KeyboardInterrupt(), SystemExit(3)]),
}


@pytest.mark.parametrize("name", ODD)
def test_exceptions_that_do_anything(name: str) -> None:
    """Each is told by its class, with the line that raised it, and kept; none raises on the way."""
    error = ODD[name]()
    try:
        raised(error)
    except BaseException:  # noqa: BLE001
        text = trimmed_traceback(error)
    assert "in raised\n    raise error" in text
    kind = type.__dict__["__name__"].__get__(type(error))
    assert kind in text
    assert len(text.splitlines()) <= LIMIT_LINES
    record = ErrorRecord.of(error, text)
    assert (record.type, type(record.message)) == (kind, str)
    assert format_error(error).startswith(kind)
    assert reason(error).startswith(kind)


@pytest.mark.parametrize(
    ("error", "shown"),
    [
        (
            caught(recurse),
            ["in caught", "more frames", "in recurse", "RecursionError: maximum recursion depth exceeded"],
        ),
        (caught(mutual, 0), ["in caught", "more frames", "in mutual", "RecursionError: maximum recursion depth"]),
        (caught(deep, 50), ["in caught", "50 more frames", "in deep", "in fail", "ValueError: line 0", "\nline 999"]),
        (chained(2000), ["ValueError: 0\n", "1,998 more exceptions, then:", "in raised", "ValueError: 1999"]),
        (chained(3, link="__context__"), ["ValueError: 0\n", "1 more exception, then:", "ValueError: 2"]),
        (in_a_group(), ["ExceptionGroup: level 19", "| ValueError: inner", "| KeyError: 0", "and 18 more"]),
        (ExceptionGroup("many", [chained(2), *map(ValueError, "abc" * 20)]), ["many (61", "ValueError: 1", "58 more"]),
        (noted(), ["ValueError: bad", "note 0", "note 99"]),
        (caught(fail, "x\n" * 1_000_000), ["raise ValueError(text)", "ValueError: x\n"]),
    ],
)
def test_never_more_than_twelve_lines(error: BaseException, shown: list[str]) -> None:
    """What tells most is told: the line that raised, the outermost one, the first cause, and what it says."""
    text = trimmed_traceback(error)
    assert len(text.splitlines()) <= LIMIT_LINES
    for part in shown:
        assert part in text


def test_one_long_line() -> None:
    """A line that is too long loses its end, and the others stay."""
    text = trimmed_traceback(caught(fail, "x" * 10_000_000), limit_line=100)
    assert text.splitlines()[0] == "Traceback (most recent call last):"
    assert text.splitlines()[-1] == f"ValueError: {'x' * 84} ..."


def test_half_a_secret_is_not_shown() -> None:
    """A text that is cut off is cut where no part of what would be hidden stays."""
    secret = "swordfish9" * 3
    for fill in range(LOOKED_AT - 80, LOOKED_AT, 3):
        for text in ("-" * fill + secret, "-" * fill + "\n" + secret, "-\n" * (fill // 2) + "--" + secret):
            assert "sword" not in trimmed_traceback(ValueError(text), mask=Masker([secret]).text)
