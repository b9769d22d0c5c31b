from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from hypothesis import assume, given
from hypothesis import strategies as st

from ipyproject.masking import Masker
from ipyproject.memo import Memo


def test_known_secrets_are_hidden_wherever_they_stand() -> None:
    """What credentials and secret parameters hold is found again in any text, also as a URL, JSON or repr writes it."""
    masker = Masker()
    masker.learn_credentials({"dev": {"user": "bobby", "password": 's3 cr"t/x', "con": "pg://bobby:p4ssw0rd@h"}})
    masker.learn({"pin": 1234, "db": {"token": 987654, "url": "https://a:t0psecret@h"}})
    told = 's3 cr"t/x ' + quote('s3 cr"t/x', safe="") + " " + json.dumps('s3 cr"t/x')
    assert masker.text(told) == '*** *** "***"'
    assert masker.text("bobby p4ssw0rd 987654 t0psecret 1234") == "bobby *** *** *** 1234"
    assert masker.data({"a": ["it is p4ssw0rd"], "b": 987654}) == {"a": ["it is ***"], "b": 987654}
    assert masker.line("%run p4ssw0rd") == "%run ***"
    assert masker.command_line(["x", "--a=p4ssw0rd"]) == ["x", "--a=***"]


def test_short_and_common_values() -> None:
    """A short secret is only hidden as a word of its own, and a word that protects nothing is not hidden at all."""
    masker = Masker(["share", "abc", "postgres"])
    assert masker.text("test_share: share, reshared abc postgres") == "test_***: ***, reshared abc postgres"


def test_private_keys() -> None:
    """Each line of a secret of many lines is hidden."""
    masker = Masker(["-----BEGIN X-----\nMIIEvQIBADANBgkqhkiG9w0BAQ\n-----END X-----"])
    assert masker.text("bad line 'MIIEvQIBADANBgkqhkiG9w0BAQ'") == "bad line '***'"


NAMES = st.sampled_from(
    ["password", "dbPassword", "DB_PASSWORD", "api-key", "apiKey", "API_KEY", "access_token", "client_secret", "key",
     "credentials", "connection_string", "dsn", "auth", "private_key", "pwd", "db.passphrase", "Authorization"]
)  # fmt: skip
# A secret is told from all else by its first letters.
SECRETS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=1, max_size=20).map("ZQJX7".__add__)
OTHERS = st.none() | st.integers() | st.booleans() | st.text("abcd :=/@,", max_size=10)


def leaf(secret: str) -> st.SearchStrategy[Any]:
    """Some data in which the secret stands under a secret name, or in a URL."""
    url = f"postgresql://bob:{quote(secret, safe='')}@host/db"
    shapes = st.sampled_from([secret, [secret], {"a": secret}, (secret, 1), {"x": [{"y": secret}]}, secret.encode()])
    return st.builds(lambda name, value: {name: value}, NAMES, shapes) | st.sampled_from([[url], {"url": url}])


def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "model", "b c", "rate"])
    return (
        st.tuples(st.lists(OTHERS, max_size=3), inner).map(lambda pair: [*pair[0], pair[1]])
        | st.tuples(st.dictionaries(names, OTHERS, max_size=3), names, inner).map(lambda it: it[0] | {it[1]: it[2]})
        | st.tuples(OTHERS, inner)
    )


@given(st.data())
def test_no_secret_survives_at_any_depth(data) -> None:
    """Under every style of name, in every shape and at every depth, nothing of a secret reaches the JSON."""
    secret = data.draw(SECRETS)
    tree = data.draw(st.recursive(leaf(secret), nested, max_leaves=8))
    dump = json.dumps(Masker().data(tree), default=repr, ensure_ascii=False)
    assert "ZQJX7" not in dump


@given(st.data())
def test_what_was_masked_is_known_in_texts(data) -> None:
    """An error that quotes a secret parameter, in any way, shows nothing of it."""
    secret = data.draw(SECRETS)
    assume(len(secret.strip()) >= 8)
    masker = Masker()
    masker.learn({"model": {"a": 1}, "db": data.draw(st.builds(lambda name: {name: [secret]}, NAMES))})
    for text in (secret, repr(secret), json.dumps(secret), ascii(secret), quote(secret), f"can't log in: {secret}!"):
        assert "ZQJX7" not in masker.text(text)


def test_a_masker_made_after_another() -> None:
    """It looks only through what is new, and knows the secrets of its own data, not those of the data before."""
    same, old, new = {"token": "t0psecret-1"}, {"password": "0ld-secret"}, {"password": "n3w-secret"}
    memo = Memo()
    first = Masker(memo=memo)
    first.learn({"a": same, "b": old}, fixed=True)
    assert first.data({"a": same, "b": old}) == {"a": {"token": "***"}, "b": {"password": "***"}}
    second = Masker(memo=memo)
    assert second.text("t0psecret-1") == "t0psecret-1"
    second.learn({"a": same, "b": new}, fixed=True)
    second.learn_credentials({"c": {"key": ["cr3d"]}}, fixed=True)
    assert second.text("t0psecret-1 0ld-secret n3w-secret cr3d") == "*** 0ld-secret *** ***"
    third = Masker(memo=memo)
    third.learn_credentials({"c": {"key": ["cr3d"]}}, fixed=True)
    assert third.text("n3w-secret cr3d") == "n3w-secret ***"


def test_fixed_data_is_masked_anew_when_more_is_known() -> None:
    """What was masked once is masked again as soon as another secret is known, and kept as it is otherwise."""
    data = {"a": {"note": "about t0psecret-1"}, "b": {"x": 1}}
    memo = Memo()
    masker = Masker(memo=memo)
    masker.learn(data, fixed=True)
    assert masker.data(data) is data
    masker.learn({"token": "t0psecret-1"})
    masked = masker.data(data)
    assert masked == {"a": {"note": "about ***"}, "b": {"x": 1}}
    assert masker.data(data)["a"] is masked["a"]
    assert Masker(memo=memo).data(data) == data


@given(
    st.dictionaries(st.sampled_from(["a", "token", "value", "name"]), nested(OTHERS) | st.just("password"), max_size=4)
)
def test_fixed_data_is_learned_and_masked_as_any_other(data: dict[str, Any]) -> None:
    """Going through it value by value finds and hides what going through the whole does."""
    fixed, plain = Masker(), Masker()
    fixed.learn(data, fixed=True)
    plain.learn(data)
    assert fixed.data(data) == plain.data(data)
    assert fixed.data({**data, "more": data}) == plain.data({**data, "more": data})
