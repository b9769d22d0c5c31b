"""Secrets in exceptions on their way to the user."""

from __future__ import annotations

import pickle
import subprocess
import sys
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.errors import DatasetError
from ipyproject.masking import Masker
from ipyproject.masking.errors import MaskedErrors, mask_error

SECRET = "S3cr3tPassw0rd"


@pytest.fixture
def masker():
    masker = Masker()
    masker.learn({"db": {"password": SECRET}})
    return masker


def raised(error, cause=None):
    try:
        raise error from cause
    except type(error) as caught:
        return caught


class ComputedError(Exception):
    """Says what it was not given as arguments."""

    def __init__(self, told):
        super().__init__()
        self.told = told

    def __str__(self):
        return f"told {self.told}"


class SlottedError(Exception):
    """Has no attributes but these."""

    __slots__ = ("told",)

    def __init__(self, told):
        self.told = told

    def __str__(self):
        return self.told


ERRORS = [
    ValueError(f"bad {SECRET}"),
    ValueError("bad", {"login": [SECRET, 1]}, (SECRET,)),
    KeyError(SECRET),
    OSError(2, f"no {SECRET}", f"/data/{SECRET}"),
    ImportError(f"no {SECRET}", name=SECRET, path=SECRET),
    SyntaxError(f"at {SECRET}", (f"{SECRET}.py", 1, 1, f"x = {SECRET}")),
    StopIteration([SECRET]),
    SystemExit(f"leaving {SECRET}"),
    UnicodeDecodeError("utf-8", SECRET.encode(), 3, 4, f"near {SECRET}"),
    subprocess.CalledProcessError(1, ["psql", SECRET], SECRET, SECRET),
    ComputedError(SECRET),
    SlottedError(f"slot {SECRET}"),
    ConnectionError(OSError(1, SECRET)),
    DatasetError(f"Loading failed: {SECRET}", f"Not with {SECRET}."),
    BaseExceptionGroup("group", [ValueError(SECRET), KeyError(SECRET)]),
    ConnectionError("postgresql://me:other-one@host/db refused"),
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_every_kind_of_exception(masker, error):
    """Its text and its arguments lose the secret; it stays the same object of the same type."""
    kind = type(error)
    with pytest.raises(kind) as caught, MaskedErrors(masker):
        raise error
    assert caught.value is error
    assert type(error) is kind
    told = "".join(traceback.format_exception_only(error)) + str(error) + repr(list(error.args))
    assert SECRET not in told
    assert "other-one" not in told
    assert "***" in told or isinstance(error, BaseExceptionGroup)
    if isinstance(error, BaseExceptionGroup):
        assert SECRET not in "".join(traceback.format_exception(error)).replace(f"({SECRET})", "")


def test_the_whole_chain(masker):
    """Causes, contexts (also those that are not shown), and notes lose it, too; the traceback is that of before."""
    with pytest.raises(RuntimeError) as caught:
        fail_in_steps()
    where = caught.value.__traceback__
    mask_error(caught.value, masker)
    assert caught.value.__traceback__ is where
    hidden = caught.value.__context__
    assert (hidden.args, hidden.__notes__, hidden.__cause__.args) == (("***",), ["with ***"], ("cause ***",))
    assert hidden.__context__.args == ("first ***",)


def fail_in_steps():
    try:
        try:
            raise OSError(f"first {SECRET}")
        except OSError:
            raise KeyError(SECRET) from ValueError(f"cause {SECRET}")
    except KeyError as error:
        error.add_note(f"with {SECRET}")
        raise RuntimeError("last") from None


def test_nothing_to_hide(masker):
    """Exceptions without secrets keep the very arguments and attributes that they had."""
    data = {"rows": [1, 2]}
    error = ValueError("bad", data)
    error.data = data
    args = error.args
    mask_error(error, masker)
    assert error.args == args
    assert error.args[1] is data
    assert error.data is data
    assert not hasattr(error, "_render_traceback_")


def test_where_an_encoding_went_wrong(masker):
    """The bytes that the positions of an encoding error count stay, and it tells nothing of them but one."""
    error = UnicodeDecodeError("utf-8", SECRET.encode() + b"\xff", 14, 15, f"near {SECRET}")
    mask_error(error, masker)
    assert str(error) == "'utf-8' codec can't decode byte 0xff in position 14: near ***"


def test_a_text_that_is_made_of_something_else(masker):
    """Where the secret can't be taken out of the exception, what a notebook shows of it is masked, and it pickles."""
    error = raised(OddTextError())
    mask_error(error, masker)
    shown = "\n".join(error._render_traceback_())
    assert SECRET not in shown
    assert "told ***" in shown
    assert "Traceback" in shown
    assert type(pickle.loads(pickle.dumps(error))) is OddTextError


class OddTextError(Exception):
    """Tells a secret that it does not hold."""

    def __str__(self):
        return f"told {SECRET}"


class NastyError(Exception):
    """Fails in every way there is."""

    def __getattribute__(self, name):
        raise RuntimeError(name)

    def __setattr__(self, name, value):
        raise RuntimeError(name)

    def __str__(self):
        raise RuntimeError("no text")

    __repr__ = __str__


def test_odd_exceptions(masker):
    """Whatever an exception does, it is what arrives, and the others of its chain are masked."""
    around = raised(ValueError(SECRET), NastyError(SECRET))
    mask_error(around, masker)
    assert around.args == ("***",)
    with pytest.raises(NastyError), MaskedErrors(masker):
        raise NastyError(SECRET)
    circle = ValueError(SECRET)
    circle.args = ([circle, SECRET],)
    circle.__context__ = other = KeyError(SECRET)
    other.__context__ = circle
    mask_error(circle, masker)
    assert other.args == ("***",)
    assert SECRET not in str(circle)


def test_secrets_of_a_run():
    """Parameters that a run is given are known before anything can fail with them."""
    masker = Masker()
    with pytest.raises(ValueError, match=r"^bad \*\*\*$"), MaskedErrors(masker, {"api_token": SECRET}):
        raise ValueError(f"bad {SECRET}")


@given(
    st.recursive(st.just(SECRET) | st.integers() | st.text(max_size=5), lambda of: st.lists(of, max_size=3)), st.text()
)
def test_at_every_depth(value, around):
    """Wherever in the arguments it stands, and whatever is around it."""
    error = ValueError(value, f"{around} {SECRET} {around}")
    mask_error(error, Masker([SECRET]))
    assert SECRET not in repr(error.args)


def test_an_uncaught_exception_of_a_script(make_project):
    """A script that dies of what a node raised prints neither the known secrets nor the passwords of URLs."""
    project = make_project(
        {
            "conf/local/credentials.yml": f"db: {{password: {SECRET}}}",
            "conf/base/parameters.yml": "rate: 2\n",
            "src/shop/nodes.py": """
                import yaml
                def double(orders, rate):
                    password = yaml.safe_load(open("conf/local/credentials.yml"))["db"]["password"]
                    try:
                        raise OSError("refused: postgresql://me:" + "0ther" + "@host/db")
                    except OSError as error:
                        raise ValueError(f"bad {password}") from error
                def add_up(doubled): ...
                """,
        }
    )
    code = "from ipyproject import Session\nwith Session.create() as session: session.run()"
    done = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=False)
    assert "ValueError: bad ***" in done.stderr
    assert "me:***@host" in done.stderr
    assert SECRET not in done.stderr
    assert "0ther@" not in done.stderr
