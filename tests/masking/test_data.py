from __future__ import annotations

from collections import OrderedDict, namedtuple
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.masking import masked

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text("abc ", max_size=5) | st.dates()
HARMLESS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.sampled_from("abcdefg"), inner),
    max_leaves=30,
)


@given(HARMLESS)
def test_harmless_data_is_the_very_same(data) -> None:
    """Where there is nothing to hide nothing is copied or changed."""
    assert masked(data) is data


def test_all_below_a_secret_name_is_hidden() -> None:
    """Values of any type, and whole structures, go; what tells nothing stays, and so does all beside them."""
    data = {
        "db": {"password": "x", "host": "h", "port": 1},
        "token": 5,
        "credentials": {"dev": [1, {"user": "bob"}]},
        "api_keys": ["a", "b"],
        "use_auth": True,
        "secret": None,
    }
    assert masked(data) == {
        "db": {"password": "***", "host": "h", "port": 1},
        "token": "***",
        "credentials": "***",
        "api_keys": "***",
        "use_auth": True,
        "secret": None,
    }
    assert data["token"] == 5


def test_the_name_of_the_value_itself() -> None:
    """A value can be masked by the name that it is kept under."""
    assert masked(["x"], name="tokens") == "***"
    assert masked(["x"], name="letters") == ["x"]


def test_texts_in_all_places() -> None:
    """Texts in lists, tuples, sets and keys lose their secrets, and the containers keep their kind."""
    url, hidden = "s3://a:hunter2@h", "s3://a:***@h"
    data = [(url, 1), {url}, frozenset({url}), {url: 1}, [b"password=x"], Path("a/password=x")]
    assert masked(data) == [
        (hidden, 1),
        {hidden},
        frozenset({hidden}),
        {hidden: 1},
        [b"password=***"],
        "PosixPath('a/password=***')",
    ]


def test_names_beside_their_values() -> None:
    """Lists of names and values, command lines, named tuples and odd keys are understood."""
    login = namedtuple("login", "user password")  # noqa: PYI024
    assert masked({"env": [{"name": "API_KEY", "value": "q"}, {"name": "A", "value": "q"}]}) == {
        "env": [{"name": "API_KEY", "value": "***"}, {"name": "A", "value": "q"}]
    }
    assert masked(["tool", "--token", "x", "--env", "y"]) == ["tool", "--token", "***", "--env", "y"]
    assert masked(login("bob", "x")) == ("bob", "***")
    assert masked({b"pwd": 1, ("db", "password"): 2, 3: 4}) == {b"pwd": "***", ("db", "password"): "***", 3: 4}
    assert masked(OrderedDict(password=1)) == masked(MappingProxyType({"password": 1})) == {"password": "***"}


@dataclass
class Login:
    user: str
    password: str


class Broken:
    def __repr__(self):
        raise ValueError

    __str__ = __len__ = __iter__ = __getattr__ = __repr__


class BrokenDict(dict):
    def items(self):
        raise ValueError


def test_objects() -> None:
    """An object stays as it is, unless its repr shows a secret; one that can't be looked at does no harm."""
    broken, harmless = Broken(), object()
    assert masked({"a": Login("bob", "x")}) == {"a": "Login(user='bob', password='***')"}
    assert masked([broken, harmless]) == [broken, harmless]
    assert masked(BrokenDict(password=1)) == "***"


def test_data_within_itself() -> None:
    """Cycles and structures of any depth or breadth are done, and nothing in them is shown."""
    cycle = {"password": "x"}
    cycle["again"] = [cycle]
    assert masked(cycle) == {"password": "***", "again": ["***"]}
    deep = broad = {"password": "hunter2"}
    for _ in range(5000):
        deep = [deep]
    for _ in range(90):
        broad = [broad, broad]
    assert "hunter2" not in repr(masked(deep))
    top = masked(broad)
    assert top[0] is top[1]


@pytest.mark.parametrize("name", ["password", "db.dsn", "apiKey"])
@given(value=st.text(min_size=1) | st.integers() | st.binary() | st.lists(st.text()) | st.floats())
def test_any_value_under_a_secret_name(name, value) -> None:
    """Whatever stands under a secret name is hidden."""
    assert masked({"a": [{name: value}]}) == {"a": [{name: "***"}]}
