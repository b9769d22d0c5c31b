"""`<<` in YAML: which value wins and where a key stands, whatever PyYAML is installed."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ipyproject.config.documents import load_yaml, read_document
from ipyproject.errors import ConfigError

KEYS = ("k", "l", "m", "n", "1", "'1'")
SPELLED = {"1": 1, "'1'": "1"}


def ordered(data):
    """Return mappings as lists of pairs, so that their order counts."""
    if isinstance(data, dict):
        return [(key, ordered(value)) for key, value in data.items()]
    return [ordered(value) for value in data] if isinstance(data, list) else data


def specified(own, merged):
    """The specification, in its words: each pair is inserted "unless the key already exists", each in its turn.

    A key that is merged comes before the mapping's own keys, and keeps that place where the mapping has it, too.
    """
    result = {}
    for mapping in merged:
        for key, value in mapping.items():
            if key not in result:
                result[key] = value
    result.update(own)
    return result


@st.composite
def documents(draw):
    """Write mappings that merge those before them, in every way of writing it; gives the text and what it says."""
    lines, mappings = ["d0: &a0 {k: 0, x: 0}"], [{"k": 0, "x": 0}]
    for number in range(1, draw(st.integers(2, 7))):
        own = draw(st.dictionaries(st.sampled_from(KEYS), st.integers(0, 9), max_size=3))
        known = st.integers(0, number - 1)
        sources = draw(st.lists(known, max_size=3))
        values = {SPELLED.get(key, key): value for key, value in own.items()}
        pairs = [f"{key}: {value}" for key, value in own.items()]
        if draw(st.booleans()):  # a mapping inside, which merges as well
            inner = draw(st.lists(known, max_size=2))
            pairs.append("in: {<<: [" + ", ".join(f"*a{source}" for source in inner) + "], k: 0}")
            values["in"] = specified({"k": 0}, [mappings[source] for source in inner])
        merged = [mappings[source] for source in sources]
        written = [f"*a{source}" for source in sources]
        if draw(st.booleans()):  # a mapping that stands there itself
            written.append("{l: 7, z: 8}")
            merged.append({"l": 7, "z": 8})
        if merged:
            value = written[0] if len(written) == 1 and draw(st.booleans()) else f"[{', '.join(written)}]"
            pairs.insert(draw(st.integers(0, len(pairs))), f"<<: {value}")
        lines.append(f"d{number}: &a{number} {{{', '.join(pairs)}}}")
        mappings.append(specified(values, merged))
    return "\n".join(lines), {f"d{number}": mapping for number, mapping in enumerate(mappings)}


@given(documents())
@example(("a: &a {x: 1}\nb: {<<: [*a, {x: 2}]}", {"a": {"x": 1}, "b": {"x": 1}}))
def test_merges_are_those_of_the_specification(document):
    """Of merged mappings the earlier wins, a mapping's own keys win over all; nested, repeated, through each other."""
    text, expected = document
    assert ordered(read_document(text.encode(), "a.yml")) == ordered(expected)


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("{<<: *a}", {"x": 1, "y": 1}),
        ("{<<: [*a, *b]}", {"x": 1, "y": 1, "z": 2}),
        ("{<<: [*b, *a]}", {"y": 2, "z": 2, "x": 1}),
        ("{<<: [*a, *b, *a]}", {"x": 1, "y": 1, "z": 2}),
        ("{<<: [*b, *b]}", {"y": 2, "z": 2}),
        ("{<<: []}", {}),
        ("{<<: *a, <<: *b}", {"x": 1, "y": 1, "z": 2}),
        ("{<<: [*a, *b], z: 3, w: 3, x: 3}", {"x": 3, "y": 1, "z": 3, "w": 3}),
        ("{w: 3, y: 3, <<: [*a, *b]}", {"x": 1, "y": 3, "z": 2, "w": 3}),
        ("{<<: {<<: *b, w: 3}, y: 4}", {"y": 4, "z": 2, "w": 3}),
        ("{<<: [*c, *b]}", {"x": 1, "y": 3, "z": 2}),
        ("{<<: *c, in: {<<: [*b, *c]}}", {"x": 1, "y": 3, "in": {"y": 2, "z": 2, "x": 1}}),
        ("{? <<\n  : *a, =: 5}", {"x": 1, "y": 1, "=": 5}),
        ("{'<<': 1}", {"<<": 1}),
        ("{<<: *a, 1: one, true: yes}", None),
        ("{1: one, <<: {2: two, 3: three}, 2: zwei}", {2: "zwei", 3: "three", 1: "one"}),
    ],
)
def test_each_way_to_write_a_merge(written, expected):
    """The values and the order of keys, written out."""
    text = f"a: &a {{x: 1, y: 1}}\nb: &b {{y: 2, z: 2}}\nc: &c {{<<: *a, y: 3}}\nd:\n  {written}\n"
    if expected is None:
        with pytest.raises(ConfigError, match="there twice"):
            read_document(text.encode(), "a.yml")
        return
    assert ordered(read_document(text.encode(), "a.yml")["d"]) == ordered(expected)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a:\n  <<: 1", "a.yml, line 2: `<<` merges mappings, and this is none."),
        ("a: {<<: null}", "a.yml, line 1: `<<` merges mappings, and this is none."),
        ("a: {<<: [{x: 1},\n  [{y: 1}]]}", "a.yml, line 2: `<<` merges mappings, and this is none."),
        ("a: {<<: !!set {x}}", "a.yml, line 1: `<<` merges mappings, and this is none."),
        ("a: {<<: {x: 1, x: 2}}", "a.yml, line 1: the key 'x' is there twice (first on line 1)."),
        ("a: {<<: {x: 1},\n  =: 1,\n  =: 2}", "a.yml, line 3: the key '=' is there twice (first on line 2)."),
        ("a: &a {<<: *a}", "a.yml, line 1: an alias (*name) inside the value that it stands for."),
        ("a: &a {x: {<<: [*a]}}", "a.yml, line 1: an alias (*name) inside the value that it stands for."),
        ("a: {<<: {[1]: 1}}", "a.yml, line 1: found unhashable key."),
    ],
)
def test_what_can_not_be_merged(text, said):
    """One line says where it stands."""
    with pytest.raises(ConfigError) as caught:
        read_document(text.encode(), "a.yml")
    assert caught.value.message == said


def test_merges_of_merges_are_made_once():
    """Each mapping is put together once, however many others merge it: sixty levels of two are sixty mappings."""
    levels = [f"a{level}: &a{level} {{<<: [*a{level - 1}, *a{level - 1}], k{level}: 1}}" for level in range(1, 60)]
    data = load_yaml("\n".join(["a0: &a0 {k0: 1}", *levels]))
    assert list(data["a59"]) == [f"k{level}" for level in range(60)]


def test_the_pure_python_parser_merges_alike():
    """Where PyYAML was built without its C parser, the same comes out."""
    code = (
        "import yaml; del yaml.CSafeLoader\n"
        "from ipyproject.config.documents import load_yaml\n"
        "print(load_yaml('a: &a {x: 1}\\nb: &b {x: 2, y: 2}\\nc: {y: 3, z: 3, <<: [*a, *b]}')['c'])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "{'x': 1, 'y': 3, 'z': 3}\n"
