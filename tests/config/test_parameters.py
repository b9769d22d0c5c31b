"""The parameter string and the deep merge."""

from __future__ import annotations

import json
import re
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.config import PARAMS_HELP, merge_params, parse_conditions, parse_params
from ipyproject.config.parameters import SIGNS
from ipyproject.errors import ConfigError

KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,5}", fullmatch=True)
# JSON writes what lies beyond U+FFFF as two halves, which YAML does not take; written as itself it is tested below.
TEXTS = st.text(st.characters(max_codepoint=0xFFFF, exclude_categories=["Cs"]), max_size=8)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | TEXTS
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
PARAMS = st.recursive(
    st.dictionaries(KEYS, VALUES, min_size=1, max_size=3),
    lambda inner: st.dictionaries(KEYS, inner, min_size=1, max_size=3),
    max_leaves=4,
)


def assignments(params, prefix=""):
    """Write nested parameters as ``key=value`` pieces; an empty mapping and anything but a mapping is a JSON value."""
    for key, value in params.items():
        if isinstance(value, dict) and value and all(re.fullmatch(r"[A-Za-z0-9_-]+", inner) for inner in value):
            yield from assignments(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}={json.dumps(value)}"


@given(PARAMS, st.sampled_from([",", ", ", " ,"]))
def test_a_string_of_json_values_reads_back(params, comma):
    """Whatever is written as JSON values comes back, values and types alike."""
    read = parse_params(comma.join(assignments(params)))
    assert read == params
    assert json.dumps(read, sort_keys=True) == json.dumps(params, sort_keys=True)


@pytest.mark.parametrize(
    ("text", "params"),
    [
        ('a.b=1,c=[1,2],d="x, y",e=null', {"a": {"b": 1}, "c": [1, 2], "d": "x, y", "e": None}),
        ("a.b=1,c=[1,2],d=x, y,e=null", {"a": {"b": 1}, "c": [1, 2], "d": "x, y", "e": None}),
        ("", {}),
        ("  ", {}),
        ("a=1,", {"a": 1}),
        ("a=1, b=2", {"a": 1, "b": 2}),
        ("a = 1 , b = x y ", {"a": 1, "b": "x y"}),
        ("a=1,b=1.0,c=1e-3,d=-2.5E3,e=true,f=~", {"a": 1, "b": 1.0, "c": 0.001, "d": -2500.0, "e": True, "f": None}),
        ("a=yes,b=off,c=007,d=1_000,e=12:30", {"a": True, "b": False, "c": 7, "d": 1000, "e": 750}),
        ("a='yes',b='007'", {"a": "yes", "b": "007"}),
        ("day=2024-01-31", {"day": "2024-01-31"}),
        ("a=", {"a": None}),
        ("a=''", {"a": ""}),
        ("url=postgres://h?a=b", {"url": "postgres://h?a=b"}),
        ("path=C:\\data", {"path": "C:\\data"}),
        ("a={a: 1, 'b, c': [x, \"]\"]}", {"a": {"a": 1, "b, c": ["x", "]"]}}),
        ("a=it's,b=2", {"a": "it's", "b": 2}),
        ("a='it''s, too',b=2", {"a": "it's, too", "b": 2}),
        (r'a="say \"x, y\"",b=2', {"a": 'say "x, y"', "b": 2}),
        ("a=x[1,2]", {"a": "x[1,2]"}),
        ("a=http://x/#y", {"a": "http://x/#y"}),
        ("a='#fff'", {"a": "#fff"}),
        ('a="\N{SNAKE}"', {"a": "\N{SNAKE}"}),
        ("a-b_1.2=x", {"a-b_1": {"2": "x"}}),
        ("a.b=1,a.c=2", {"a": {"b": 1, "c": 2}}),
        ("a=${b}", {"a": "${b}"}),
    ],
)
def test_values_read_as_in_a_parameters_file(text, params):
    """A string of assignments gives real Python values, nested by the dots in the keys."""
    read = parse_params(text)
    assert read == params
    assert repr(read) == repr(params)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("=1", "'=1' has no key"),
        ("a..b=1", "'a..b=1' has no key: 'a..b' is not one"),
        ("a b=1", "'a b' is not one"),
        ("a", "'a' has no `=`"),
        ("a=1, b", "'b' has no `=`"),
        ("a=x,b", "'b' has no `=`"),
        ('a="x", b', "'b' has no `=`"),
        ('a="x', "A quote is never closed"),
        ("b=1,a='x", 'in "a=\'x"'),
        ("a=[1,2", "A bracket is never closed (] missing) in 'a=[1,2'"),
        ("a=1]", "An unbalanced ]"),
        ("a=[1}", "An unbalanced }"),
        ("a=1,a=2", "'a' is given twice"),
        ("a.b=1,a.b=2", "'a.b' is given twice"),
        ("a=1,a.b=2", "'a' and 'a.b' contradict"),
        ("a.b.c=1,a=2", "'a.b.c' and 'a' contradict"),
        ("a=b: c", "a=b: c can't be read as YAML"),
        ("a=*.csv", "a=*.csv can't be read as YAML"),
        ('a="x" y', "can't be read as YAML"),
        ("a={b: 1, b: 2}", "the key 'b' is there twice"),
        ("color=#fff", "`#` would begin a comment"),
        ("a=x #y", "`#` would begin a comment"),
        ("a=1\nb: 2", "more than one value"),
    ],
)
def test_a_mistake_is_named(text, said):
    """What can't be read is an error that names the piece and says what to write instead."""
    with pytest.raises(ConfigError) as caught:
        parse_params(text)
    assert said in caught.value.message
    assert caught.value.hint


@given(st.text("ab.=,'\"[]{}:# \\1\n*&!|-", max_size=12))
def test_any_text_is_read_or_refused(text):
    """No text whatever gives anything but a dict or a ConfigError."""
    with suppress(ConfigError):
        assert isinstance(parse_params(text), dict)


def test_the_help_holds_what_it_says():
    """The examples in the help text read as it tells."""
    for example in ("007", "1_000", "12:30", "yes", "single quotes"):
        assert example in PARAMS_HELP


@given(PARAMS, PARAMS)
def test_merging_is_deep_and_shares_nothing(base, override):
    """Values of the override win at every depth; what is only in one of the two stays; neither is changed."""
    before = json.dumps([base, override])
    merged = merge_params(base, override)
    for key in {*base, *override}:
        if key not in override:
            assert merged[key] == base[key]
        elif isinstance(base.get(key), dict) and isinstance(override[key], dict):
            assert merged[key] == merge_params(base[key], override[key])
        else:
            assert merged[key] == override[key]
    spoil(merged)
    assert json.dumps([base, override]) == before


def spoil(data):
    """Change every mapping and list in nested data."""
    for value in list(data.values() if isinstance(data, dict) else data):
        if isinstance(value, (dict, list)):
            spoil(value)
    data.clear()


CONDITIONS = st.lists(
    st.tuples(
        st.from_regex(r"[A-Za-z0-9_-]{1,5}(\.[A-Za-z0-9_-]{1,5})?", fullmatch=True), st.sampled_from(SIGNS), VALUES
    ),
    max_size=4,
)


@given(CONDITIONS, st.sampled_from([",", ", ", " ,"]), st.sampled_from(["", " "]))
def test_conditions_of_json_values_read_back(conditions, comma, blank):
    """Whatever is asked with JSON values comes back: names, signs, values and their types, also of one key twice."""
    text = comma.join(f"{key}{blank}{sign}{blank}{json.dumps(value)}" for key, sign, value in conditions)
    read = parse_conditions(text)
    assert read == conditions
    assert json.dumps(read) == json.dumps(conditions)


@given(st.text(alphabet="ab.<>=!,'\"[]{}:1 #\n", max_size=12))
def test_any_text_is_read_as_conditions_or_refused(text):
    """A text is understood or refused with an error that says what to do; nothing else happens."""
    read, refused = [], None
    try:
        read = parse_conditions(text)
    except ConfigError as error:
        refused = error
    assert refused is None or refused.hint
    assert all(each.sign in SIGNS for each in read)


@pytest.mark.parametrize("text", ["a.b=1,c=[1,2]", 'd="x, y"', "a=x, y,b=2", "a = 1 , b = x y ", "a=it's"])
def test_conditions_of_equality_are_read_as_parameters(text):
    """Where only `=` stands, conditions are read as parameters are."""
    read = {}
    for key, sign, value in parse_conditions(text):
        assert sign == "="
        read = merge_params(read, parse_params(f"{key}={json.dumps(value)}"))
    assert read == parse_params(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("rate", "'rate' compares nothing.\nWrite it in quotes"),
        ("a=1,rate", "'rate' compares nothing"),
        ("rate=>3", "'rate=>3' compares by '=>', which is no comparison.\nKnown: = != < <= > >="),
        ("rate==3", "compares by '=='"),
        ("a b>3", "'a b' is not one"),
        (">3", "'>3' has no key"),
        ("a>[1", "never closed"),
        ("a<{b: }}", "unbalanced"),
        ("a>'x", "quote is never closed"),
    ],
)
def test_conditions_that_are_refused(text, message):
    """What is wrong names the piece."""
    with pytest.raises(ConfigError, match=re.escape(message)):
        parse_conditions(text)
