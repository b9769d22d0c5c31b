from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.masking import masked_text

S = "hunter2zz"

CASES = {
    f"password={S}": "password=***",
    f"'password': '{S}', 'a': 1": "'password': '***', 'a': 1",
    f"login failed, password: {S}.": "login failed, password: ***.",
    f"connect(user='bob', password='it''s {S}', host='h')": "connect(user='bob', password='***', host='h')",
    f"connect(user=bob, password={S}, host=h)": "connect(user=bob, password=***, host=h)",
    f'{{"token": "{S}", "a": 1}}': '{"token": "***", "a": 1}',
    f'{{\\"token\\": \\"{S}\\", \\"a\\": 1}}': '{\\"token\\": \\"***\\", \\"a\\": 1}',
    f"os.environ['DB_PASSWORD'] = '{S}'": "os.environ['DB_PASSWORD'] = '***'",
    f"Db(password=SecretStr('{S}'), port=1)": "Db(password=***, port=1)",
    f"got: tokens = ['{S}', 'b {S}'] and more": "got: tokens = *** and more",
    f"password='{S} was never closed": "password='***",
    f"rate: 1\npassword: {S} and {S}\nport: 2": "rate: 1\npassword: ***\nport: 2",
    f"API key: {S}": "API key: ***",
    "unknown key: rate": "unknown key: rate",
    f"Command '['psql', '--password', '{S}']' returned 1": "Command '['psql', '--password', '***']' returned 1",
    f"tool --token {S} --env prod": "tool --token *** --env prod",
    f"postgresql://bob:{S}@host:5/db": "postgresql://bob:***@host:5/db",
    f"at postgresql://bob:{S}@host/db now": "at postgresql://bob:***@host/db now",
    f"postgresql://bob:p@{S}/x@host/db": "postgresql://bob:***@host/db",
    f"redis://:{S}@host/0": "redis://:***@host/0",
    "https://ghp0123456789abcdef@github.com/a": "https://***@github.com/a",
    "ssh://git@github.com/a": "ssh://git@github.com/a",
    "https://host:8080/@scope/package": "https://host:8080/@scope/package",
    "abfss://box@account.net/a": "abfss://box@account.net/a",
    f"https://host/?a=1&token={S}&sig={S}": "https://host/?a=1&token=***&sig=***",
    f"Server=x;Password=a {S};Database=d": "Server=x;Password=***;Database=d",
    f"can't open Server=x;Password=a {S};Database=d": "can't open Server=x;Password=***;Database=d",
    f"AccountName=n;AccountKey={S}==;EndpointSuffix=core": "AccountName=n;AccountKey=***;EndpointSuffix=core",
    f"Authorization: Bearer {S}": "Authorization: Bearer ***",
    f"curl -H 'authorization: Basic {S}' x": "curl -H 'authorization: Basic ***' x",
    f"sent Bearer {S} to x": "sent Bearer *** to x",
    "Basic usage of bearer authentication": "Basic usage of bearer authentication",
    f"Cookie: a={S}; b={S}": "Cookie: ***",
    "AKIAIOSFODNN7EXAMPLE was refused": "*** was refused",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY----- x": "*** x",
    "max_tokens=5, primary_key: id": "max_tokens=5, primary_key: id",
    "12:30, a=1, C:\\data, s3://bucket/a": "12:30, a=1, C:\\data, s3://bucket/a",
    "": "",
}


@pytest.mark.parametrize("text", CASES)
def test_secrets_in_a_text(text) -> None:
    """Secrets are hidden where a text shows them, and the rest stays as it is."""
    assert masked_text(text) == CASES[text]


@pytest.mark.parametrize("text", CASES)
def test_masking_again_changes_nothing(text) -> None:
    """A masked text is left alone."""
    assert masked_text(CASES[text]) == CASES[text]


ALPHABET = st.characters(codec="ascii", exclude_characters="\n\r", exclude_categories=["Cc"])


@given(
    st.text(ALPHABET, min_size=5),
    st.sampled_from(["{!r}", "password={!r}", "{{'a': 1, 'password': {!r}}}", "C(token={!r})"]),
)
def test_quoted_secrets_of_any_characters(secret, form) -> None:
    """Whatever a secret is made of, its repr beside a secret name shows nothing of it."""
    secret = f"a1{secret}z9"
    text = "password: " + form.format(secret)
    assert secret not in masked_text(text)
    assert repr(secret)[1:-1] not in masked_text(text)


@given(st.text(st.characters(codec="utf-8"), max_size=300))
def test_any_text(text) -> None:
    """Any text can be masked, and one without separators is left alone."""
    masked = masked_text(text)
    assert isinstance(masked, str)
    if not set(text) & set(":=-"):
        assert masked == text


@pytest.mark.parametrize(
    "piece", ["a", "://", "a://b@", "password=", "password=[", "password='", "a: b = c ", "--token a ", "\\", "eyJ."]
)
def test_long_texts_take_linear_time(piece) -> None:
    """Texts of a million characters, made to go wrong, are done at once (a quadratic search would take hours)."""
    masked_text(piece * (1_000_000 // len(piece)))
