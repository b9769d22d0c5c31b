from __future__ import annotations

import json
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.errors import ConfigError, format_error
from ipyproject.masking import Masker, is_secret_name, masked, masked_text, put_in_force
from ipyproject.memo import Memo

SECRET_NAMES = """
password PASSWORD db_password DB-PASSWORD dbPassword password2 passwd passwords token hf_token accessToken secret
client_secret secrets api_key apiKey apikey x-api-key api_keys aws_secret_access_key accessKey private_key credential
credentials db.password services.maps.api_key credentials.dev.user db/password headers[token]
"""
OTHER_NAMES = """
key keys primary_key primaryKey batch_key keyboard tokenizer max_tokens tokens secretary compass author passwords_checked
bypass PWD OLDPWD pwd path rate user host env signature
"""


def test_names_of_secrets() -> None:
    """The short list counts as whole words, in any style and as a step of a path, plurals as the last word."""
    assert [name for name in SECRET_NAMES.split() if not is_secret_name(name)] == []
    assert [name for name in OTHER_NAMES.split() if is_secret_name(name)] == []


def test_only_texts_are_hidden() -> None:
    """Under a secret name texts and bytes go at any depth; numbers, truth, dates and what stands beside it stay."""
    data = {
        "db": {"password": "x", "host": "h", "port": 1},
        "token": 5,
        "credentials": {"dev": [1, 2.5, True, None, date(2024, 1, 1), {"user": "bob"}, b"x", Path("x")]},
        "key": 2024,
        "secret": "",
    }
    assert Masker().data(data) == {
        "db": {"password": "***", "host": "h", "port": 1},
        "token": 5,
        "credentials": {"dev": [1, 2.5, True, None, date(2024, 1, 1), {"user": "***"}, b"***", "***"]},
        "key": 2024,
        "secret": "",
    }
    assert data["db"]["password"] == "x"


LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text("abc ", max_size=5) | st.dates()
HARMLESS = st.recursive(
    LEAVES,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.sampled_from(["a", "key", "b c"]), inner),
    max_leaves=30,
)


@given(HARMLESS)
def test_harmless_data_is_the_very_same(data) -> None:
    """Where there is nothing to hide nothing is copied or changed."""
    assert Masker(["t0psecret-1"]).data(data) is data


@dataclass
class Login:
    user: str
    password: str


class Broken:
    def __repr__(self):
        raise ValueError

    __str__ = __len__ = __iter__ = __getattr__ = __eq__ = __repr__
    __hash__ = None


class BrokenDict(dict):
    def items(self):
        raise ValueError


def test_all_places_and_kinds() -> None:
    """Texts in lists, sets, keys and reprs lose their secrets, containers keep their kind, odd objects do no harm."""
    masker = Masker(["t0psecret-1"])
    assert masker.data([("t0psecret-1", 1), {"at0psecret-1"}, {"t0psecret-1": 1, ("t0psecret-1", 2): 3}]) == [
        ("***", 1),
        {"a***"},
        {"***": 1, ("***", 2): 3},
    ]
    broken, harmless = Broken(), object()
    found = masker.data([b"is t0psecret-1", Path("a/t0psecret-1"), Login("bob", "x"), broken, harmless])
    assert found[:3] == [b"is ***", "PosixPath('a/***')", "Login(user='bob', password='***')"]
    assert found[3] is broken
    assert found[4] is harmless
    assert masker.data(MappingProxyType({"password": "x"})) == {"password": "***"}
    assert masker.data(BrokenDict(password="x")) == "***"
    masker.learn({"a": BrokenDict(password="x"), "password": "0ther-secret"})
    assert masker.text("0ther-secret") == "***"


def test_data_within_itself() -> None:
    """Cycles and structures of any depth or breadth are done, and nothing in them is shown."""
    cycle: dict[str, Any] = {"password": "hunter2"}
    cycle["again"] = [cycle]
    assert Masker().data(cycle) == {"password": "***", "again": ["***"]}
    Masker().learn(cycle)
    deep = broad = {"password": "hunter2"}
    for _ in range(5000):
        deep = [deep]
    for _ in range(90):
        broad = [broad, broad]
    assert "hunter2" not in repr(Masker().data(deep))
    top = Masker().data(broad)
    assert top[0] is top[1]


S = "hunter2zz"
TEXTS = {
    f"password={S}": "password=***",
    f"connect(user='bob', password='{S}', host='h')": "connect(user='bob', password='***', host='h')",
    f"'password': '{S}', 'a': 1": "'password': '***', 'a': 1",
    f'{{"token": "{S}", "a": 1}}': '{"token": "***", "a": 1}',
    f'{{\\"token\\": \\"{S}\\", \\"a\\": 1}}': '{\\"token\\": \\"***\\", \\"a\\": 1}',
    f"os.environ['DB_PASSWORD'] = '{S}'": "os.environ['DB_PASSWORD'] = '***'",
    f"Db(password=SecretStr('a {S}'), port=1)": "Db(password=***), port=1)",
    f"Server=x;Password={S};Database=d": "Server=x;Password=***;Database=d",
    f"at postgresql://bob:{S}@host:5/db now": "at postgresql://bob:***@host:5/db now",
    f"postgresql://bob:p@{S}/x@host/db": "postgresql://bob:***@host/db",
    f"redis://:{S}@host/0": "redis://:***@host/0",
    "https://ghp0123456789abcdef@github.com/a": "https://***@github.com/a",
    f"https://h/?a=1&token=b&sig={S}&X-Amz-Signature={S}&key=id#c": (
        "https://h/?a=1&token=***&sig=***&X-Amz-Signature=***&key=id#c"
    ),
    **dict.fromkeys(
        [
            "'key'",
            "key: 2024, key=2024, token=2024, password: True",
            "max_tokens=5, primary_key='id', batch_key: x",
            "conf/credentials.yml: 'db' has no password: give one",
            "ssh://git@github.com/a https://host:8080/@scope/package abfss://box@account.net/a",
            "12:30, a=1, C:\\data, s3://bucket/a",
        ]
    ),
}


@pytest.mark.parametrize("text", TEXTS)
def test_what_a_text_shows_by_itself(text) -> None:
    """Values beside secret names and secrets in URLs are hidden, the rest stays; masking again changes nothing."""
    expected = TEXTS[text] or text
    assert masked_text(text) == expected
    assert masked_text(expected) == expected


COMMAND = ["x", "--params", "db.password=a b, c,rate=2,c.token='x, y'", "--token", "x", "--api-key=x", "--env", "prod"]


def test_commands() -> None:
    """Values of secret options and parameters are hidden, white space in them or not."""
    assert Masker().command_line(COMMAND) == [
        "x", "--params", "db.password=***,rate=2,c.token='***'", "--token", "***", "--api-key=***", "--env", "prod",
    ]  # fmt: skip
    assert Masker(["t0psecret-1"]).command_line(["t0psecret-1", "--a=t0psecret-1"]) == ["***", "--a=***"]


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ('%reload_project --params db.password="x, y",rate=2', '%reload_project --params db.password="***",rate=2'),
        ("%reload_project  --params 'a.token=x y,b=2' .", "%reload_project  --params 'a.token=***,b=2' ."),
        ("%reload_project --params=a.secret=x,b=[1,2] -e x", "%reload_project --params=a.secret=***,b=[1,2] -e x"),
        ('%reload_project --params password="x y', "%reload_project --params password=***"),
        ("%x --token 'a b'  --env prod t0psecret-1", "%x --token ***  --env prod ***"),
        ("%reload_project ../here --env=local", "%reload_project ../here --env=local"),
        ("", ""),
    ],
)
def test_lines_of_magics(line, expected) -> None:
    """A magic's line loses its secrets and nothing else, not even a blank."""
    assert Masker(["t0psecret-1"]).line(line) == expected


def test_credentials() -> None:
    """Every text in them is known from 8 characters on, of a URL its password, numbers and mere words are not."""
    masker = Masker()
    masker.learn_credentials(
        {
            "dev": {"user": "analytics", "short": "s3cr3t", "pin": 12345678, "host": "localhost"},
            "db": ["postgresql://me:p%40ssw0rd@db.example/x", {"hook": "https://example.com/T00/B00"}],
        }
    )
    told = "analytics s3cr3t 12345678 localhost p%40ssw0rd p@ssw0rd me db.example https://example.com/T00/B00"
    assert masker.text(told) == "*** s3cr3t 12345678 localhost *** *** me db.example ***"


def test_variables() -> None:
    """Secret are variables with secret names and those that credentials refer to; never where we are."""
    masker = Masker()
    environ = {"HF_TOKEN": "hf-0123456", "STAGE_PW": "pw-0123456", "HOME": "/home/someone", "PWD": "/home/someone/x"}
    masker.learn_variables(environ, ["STAGE_PW", "HOME", "PWD"])
    assert masker.text("hf-0123456 pw-0123456 /home/someone/x") == "*** *** /home/someone/x"
    assert masker.data(environ | {"STAGE_PW": "x"}) == environ | {"HF_TOKEN": "***", "STAGE_PW": "***"}


SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=3, max_size=20).map("ZQJX7".__add__)


@given(SECRETS, st.text(max_size=5), st.text("abc1_", max_size=4))
def test_every_form_of_a_known_secret(secret, around, user) -> None:
    """It is hidden as it stands, quoted for URLs, in JSON, in a repr, within other text and other base64."""
    masker = Masker()
    masker.learn({"model": {"a": 1}, "db": {"password": [secret]}})
    forms = [secret, quote(secret), quote(secret, safe=""), json.dumps(secret), repr(secret), ascii(secret)]
    for form in forms:
        assert "ZQJX7" not in masker.text(f"{around}{form}{around}")
        assert "ZQJX7" not in repr(masker.data({f"loss_{form}": [form]}))
    pair = f"{user}:{secret}".encode()
    for encoded in (b64encode(pair), urlsafe_b64encode(pair)):
        shown = masker.text(f"Basic {encoded.decode()}").removeprefix("Basic ")
        before, _, after = shown.partition("***")
        assert len(before) <= (len(user) + 1) * 8 // 6 + 1
        assert len(after.rstrip("=")) <= 1
    assert masker.text(b64encode(secret.encode()).decode()) == "***"


def leaf(name: str, secret: str) -> st.SearchStrategy[Any]:
    """Some data in which the secret stands under a secret name, or in a URL."""
    url = f"postgresql://bob:{quote(secret, safe='')}@host/db"
    values = [secret, [secret], {"a": secret}, (secret, 1), {"x": [{"y": secret}]}, secret.encode()]
    return st.sampled_from([*({name: value} for value in values), [url], {"url": url}])


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names, others = st.sampled_from(["a", "model", "b c", "rate"]), st.none() | st.integers() | st.text("ab:=/@,")
    lists = st.tuples(st.lists(others, max_size=3), inner).map(lambda pair: [*pair[0], pair[1]])
    return lists | st.dictionaries(names, inner, min_size=1, max_size=3)


@given(st.data(), st.sampled_from(["password", "dbPassword", "api-key", "HF_TOKEN", "credentials"]), SECRETS)
def test_no_secret_survives_at_any_depth(data, name, secret) -> None:
    """Under every style of name, in every shape and at every depth, also where it is fixed and masked by value."""
    tree = {"tree": data.draw(st.recursive(leaf(name, secret), nested, max_leaves=8)), name: secret}
    fixed, plain = Masker(), Masker()
    fixed.learn(tree, fixed=True)
    plain.learn(tree)
    assert "ZQJX7" not in json.dumps(Masker().data(tree), default=repr, ensure_ascii=False)
    assert fixed.data(tree) == plain.data(tree) == plain.data({**tree})


def test_a_masker_made_after_another() -> None:
    """It looks only through what is new, and knows the secrets of its own data, not those of the data before."""
    same, old, new = {"token": "t0psecret-1"}, {"password": "0ld-secret"}, {"password": "n3w-secret"}
    memo = Memo()
    first = Masker(memo=memo)
    data = {"a": same, "b": old}
    first.learn(data, fixed=True)
    assert first.data(data) == {"a": {"token": "***"}, "b": {"password": "***"}}
    assert first.data(data) is first.data(data)
    second = Masker(memo=memo)
    assert second.text("t0psecret-1") == "t0psecret-1"
    second.learn({"a": same, "b": new}, fixed=True)
    assert second.text("t0psecret-1 0ld-secret n3w-secret") == "*** 0ld-secret ***"


def test_fixed_data_is_masked_anew_when_more_is_known() -> None:
    """What was masked once is masked again as soon as another secret is known, and kept as it is otherwise."""
    data = {"a": {"note": "about t0psecret-1"}, "b": {"x": 1}}
    memo = Memo()
    masker = Masker(memo=memo)
    masker.learn(data, fixed=True)
    assert masker.data(data) is data
    masker.learn({"token": "t0psecret-1"})
    assert masker.data(data) == {"a": {"note": "about ***"}, "b": {"x": 1}}
    assert masker.data(data)["b"] is data["b"]
    assert Masker(memo=memo).data(data) == data


def test_our_own_messages() -> None:
    """They hide what the open sessions know, from their making on, before they are cut; what they tell of stays."""
    told = ValueError("x" * 395 + "t0psecret-1")
    put_in_force([Masker(["t0psecret-1"]), Masker(["0ther-secret"])])
    try:
        error = ConfigError("no t0psecret-1 at s3://a:b@h", "Give 0ther.")
        assert format_error(told) == f"ValueError: {'x' * 395}***"
        assert masked({"a": "0ther-secret"}) == {"a": "***"}
    finally:
        put_in_force([])
    assert str(error) == error.full_message() == "no *** at s3://a:***@h\nGive 0ther."
    assert told.args == ("x" * 395 + "t0psecret-1",)
    assert masked_text("t0psecret-1") == "t0psecret-1"


PIECES = [
    "a",
    "://",
    "a://b:",
    "a://b@",
    "password=",
    "password=[",
    "password='",
    "'token':",
    "?token=",
    "a=",
    "\\",
    "-a.",
]


@pytest.mark.parametrize("piece", PIECES)
def test_long_texts_take_linear_time(piece) -> None:
    """Texts of a million characters, made to go wrong, are done at once, however many secrets are known."""
    masker = Masker(f"{number}-secret-{piece}" for number in range(1000))
    assert len(masker.text(piece * (1_000_000 // len(piece)))) > 0


def test_a_long_argument_with_many_names():
    """Each of many names in one long word is looked at once; the one that is secret is found behind them all."""
    text = "/key=" * 100_000 + "token=hunter2"
    assert Masker().line(text) == text.replace("hunter2", "***")


def test_white_space_around_a_secret():
    """It belongs to the secret, which is hidden with it and without, from eight characters on."""
    masker = Masker(["hunter22x\n", "hunter2 "])
    assert masker.text("hunter22x was refused; 'hunter2 '") == "*** was refused; '***'"
