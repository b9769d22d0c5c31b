"""References that need no parser: what they resolve to is what OmegaConf makes of them, or they are left to it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException

from ipyproject.config.paths import leaves
from ipyproject.config.simple_references import SimpleReferences, UnusualReferenceError, named_keys

NAMES = st.sampled_from(["c-d.x", "b.x", "c-d", "b", "_t.y", "_t", "null", "a"])
PLAIN = st.builds(
    "{}${{{}}}{}".format, st.sampled_from(["", "x", " {", "??", "?"]), NAMES, st.sampled_from(["", "é\n}", "?"])
)
# Around and within a reference stands what changes its meaning, or nearly does.
EDGES = st.sampled_from(["", " ", "$", "\\", "\\\\", "}", "{", "'", "???"])
PADDING = st.sampled_from(["", " ", "\t", "."])
ODD_NAMES = NAMES | st.sampled_from(["a.x", "b.x.y", "_t.null", "b.l.0", "b..x", "nope"])
ODD = st.builds("{}${{{}{}{}}}{}".format, EDGES, PADDING, ODD_NAMES, PADDING, EDGES) | st.sampled_from(
    ["\\???", "a???", "\\${a}", "${${a}}", "${oc.decode:a}", "${a", "${a:1}"]
)
TEXTS = st.one_of(NAMES.map("${{{}}}".format), PLAIN, st.tuples(PLAIN, PLAIN).map("".join), PLAIN, ODD)
SCALARS = st.sampled_from(
    [None, True, False, 0, 1, -7, 10**30, 1.0, -0.0, 1e-7, math.inf, math.nan, b"x", b"\xff", "", "$", "{a}", "\\", "?"]
)
VALUES = st.recursive(
    TEXTS | SCALARS | SCALARS,
    lambda inner: (
        st.lists(inner, max_size=2)
        | st.dictionaries(st.sampled_from(["x", "y", "null"]), inner, min_size=1, max_size=2)
    ),
    max_leaves=3,
)
DATA = st.fixed_dictionaries(
    {"a": TEXTS, "b": st.fixed_dictionaries({"x": VALUES}) | VALUES, "c-d": st.fixed_dictionaries({"x": SCALARS})},
    optional={"_t": st.fixed_dictionaries({"y": SCALARS | TEXTS}), "null": VALUES},
)


def resolved_by_omegaconf(data, key):
    config = OmegaConf.create(data, flags={"allow_objects": True})
    value = config[key]
    return OmegaConf.to_container(value, resolve=True, throw_on_missing=True) if OmegaConf.is_config(value) else value


@given(DATA)
@settings(deadline=None, max_examples=400)  # the first example loads OmegaConf's parser
def test_what_is_resolved_is_what_omegaconf_resolves(data):
    """Values, their types and the texts made of them; nothing that OmegaConf refuses is resolved."""
    plain = SimpleReferences(data)
    for key, value in data.items():
        if any(isinstance(text, str) and "${" not in text and text.endswith("???") for _, text in leaves(value)):
            continue  # a text that refers to nothing means itself, also what OmegaConf takes for an escape
        try:
            found = plain.resolved(value)
        except UnusualReferenceError:
            continue
        assert repr(found) == repr(resolved_by_omegaconf({name: well_formed(data[name]) for name in data}, key))


def well_formed(value):
    """Leave out the texts that OmegaConf's parser refuses; it would refuse the whole for one that nothing leads to."""
    if isinstance(value, dict):
        return {key: well_formed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [well_formed(item) for item in value]
    try:
        OmegaConf.create({"value": value}, flags={"allow_objects": True})
    except OmegaConfBaseException:
        return None
    return value


DOCUMENT = {
    "text": "data",
    "number": 1e-5,
    "yes": True,
    "nothing": None,
    "chain": "${text}/${number}",
    "inner": {"deep-er": {"list": [1, "${chain}"]}, "empty": {}},
    1: "a number",
}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("${text}", "data"),
        ("${ text }", "data"),
        ("${number}", 1e-5),
        ("${yes}", True),
        ("${nothing}", None),
        ("${yes} ${nothing} ${number}", "True None 1e-05"),
        ("s3://${chain}.csv", "s3://data/1e-05.csv"),
        ("${inner.deep-er.list}", [1, "data/1e-05"]),
        ("${inner}", {"deep-er": {"list": [1, "data/1e-05"]}, "empty": {}}),
        ({"k": ["{${text}}", 1]}, {"k": ["{data}", 1]}),
    ],
)
def test_plain_references(text, value):
    """Alone a reference is the value itself, a copy if it can be changed; within a text it is written as text."""
    plain = SimpleReferences(DOCUMENT)
    found = plain.resolved(text)
    assert repr(found) == repr(value)
    assert plain.resolved(text) is not found or not isinstance(found, (dict, list))


@pytest.mark.parametrize(
    "text",
    [
        "${1}", "${.text}", "${inner.list.0}", "${text.x}", "${nope}", "${inner.nope}", "${oc.env:HOME}", "${${text}}",
        r"\${text}", r"\\${text}", "$${text}", "${text} costs 5$", "${text", "${inner} as text", "${text}${1}",
        "${inner[empty]}", "${itself}", "${circle}", "${above}", "${missing}", "${missing}!", "${keys}", "${when}",
        "??${mark}", "${dollar}{text}",
    ],
)  # fmt: skip
def test_what_is_left_to_omegaconf(text):
    """What is not plain, leads nowhere or in a circle, or to what OmegaConf does not take as it is."""
    unusual = {
        "itself": "${itself}",
        "circle": ["${circle.x}", "${circle}"],
        "above": {"b": {"c": "${above}"}},
        "missing": "???",
        "keys": {1: 2},
        "when": {"x": object()},
        "mark": "?",
        "dollar": "$",
    }
    with pytest.raises(UnusualReferenceError):
        SimpleReferences({**DOCUMENT, **unusual}).resolved(text)


def test_one_failure_does_not_spoil_the_next():
    """A reference met on the way to a failure is not taken for a circle afterwards."""
    plain = SimpleReferences({"a": "${b}", "b": {"x": "${c}", "y": 1}, "c": "${nope}"})
    for _ in range(2):
        with pytest.raises(UnusualReferenceError):
            plain.resolved("${a}")
    assert plain.resolved("${b.y}") == 1


@pytest.mark.parametrize(
    ("text", "keys"),
    [("${a.b}/${c}x", ["a", "c"]), ("no reference", []), ("${a} ${.b}", None), (r"\${a}", None), ("${a:b}", None)],
)
def test_named_keys(text, keys):
    """The first steps of plain references tell which top-level keys a text depends on."""
    assert named_keys(text) == keys
