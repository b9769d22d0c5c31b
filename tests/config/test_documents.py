"""Reading one configuration file."""

from __future__ import annotations

import json
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ipyproject.config.documents import load_yaml, read_document
from ipyproject.errors import ConfigError

NUMBERS = st.from_regex(r"[-+]?[0-9._]{0,4}([eE][-+]?[0-9_]{0,2})?(:[0-9]{1,2})?(\.[0-9]?)?", fullmatch=True)
WORDS = st.from_regex(r"[a-zA-Z~.][a-zA-Z0-9 ./@-]{0,8}", fullmatch=True)
KNOWN = (
    st.sampled_from(
        [
            "",
            "~",
            "null",
            "yes",
            "No",
            "on",
            "OFF",
            "y",
            "<<",
            "=",
            "- x",
            "a b",
            "1.2.3",
            "'quoted'",
            '"a\\tb"',
            "!!str 1",
        ]
    )
    | st.sampled_from(
        # numbers, nearly numbers, dates and times
        [
            "1e-3",
            "1e3",
            "1e",
            "e5",
            ".5",
            "1.",
            ".inf",
            "-.INF",
            ".nan",
            "0x1F",
            "0b11",
            "0o17",
            "007",
            "08",
            "!!int '3'",
        ]
    )
    | st.sampled_from(
        ["1_000", "1_0e2", "1__0", "_1", "+1", "2024-01-31", "2024-01-31T10:00:00Z", "12:30", "1:30:00.5"]
    )
)
SCALARS = NUMBERS | WORDS | KNOWN


@st.composite
def yaml_texts(draw, depth=2, indent=""):
    """Write a block mapping with unique text keys: scalars, nested mappings, lists, flow style and anchors."""
    lines = []
    for key in draw(st.lists(st.from_regex("k[a-z]{1,3}", fullmatch=True), min_size=1, max_size=4, unique=True)):
        shape = draw(st.sampled_from(["scalar", "scalar", "list", "flow", "mapping"]))
        if shape == "scalar":
            lines.append(f"{indent}{key}: {draw(SCALARS)}")
        elif shape == "list":
            lines.append(f"{indent}{key}:")
            lines.extend(f"{indent}  - {item}" for item in draw(st.lists(SCALARS, min_size=1, max_size=3)))
        elif shape == "flow":
            lines.append(f"{indent}{key}: [{', '.join(draw(st.lists(NUMBERS | WORDS, max_size=3)))}]")
        elif depth:
            lines.append(f"{indent}{key}:\n{draw(yaml_texts(depth=depth - 1, indent=indent + '  '))}")
    return "\n".join(lines)


@given(yaml_texts())
def test_yaml_reads_as_omegaconf_reads_it(text):
    """Every scalar has the value and type that OmegaConf's own reader gives it; what that refuses is refused."""
    try:
        expected = OmegaConf.to_container(OmegaConf.create(text or "{}"))
    except Exception:  # noqa: BLE001 - whatever it says, it can't read the text
        with pytest.raises(ConfigError):
            read_document(text.encode(), "x.yml")
        return
    assert repr(read_document(text.encode(), "x.yml")) == repr(expected)


@given(SCALARS)
def test_a_scalar_in_a_list_reads_as_omegaconf_reads_it(text):
    """The same holds where a value stands in a block list."""
    try:
        expected = OmegaConf.to_container(OmegaConf.create(f"a:\n  - {text}"))
    except Exception:  # noqa: BLE001 - as above
        return
    assert repr(read_document(f"a:\n  - {text}".encode(), "x.yml")) == repr(expected)


def test_anchors_and_merge_keys():
    """Aliases repeat a value; `<<` fills a mapping in, and the mapping's own keys win."""
    text = b"""
    _base: &base {type: csv, sep: ",", deep: {a: 1}}
    _more: &more {sep: ";", more: yes}
    one: {<<: *base, sep: "|"}
    two: {<<: [*more, *base]}
    three: *base
    """
    read = read_document(text, "catalog.yml")
    assert read["one"] == {"type": "csv", "sep": "|", "deep": {"a": 1}}
    assert read["two"] == {"type": "csv", "sep": ";", "deep": {"a": 1}, "more": True}
    assert read["three"] == read["_base"]


@pytest.mark.parametrize(
    ("content", "name"), [("", "a.yml"), ("# note\n", "a.yaml"), (" \n", "a.json"), ("", "a.toml")]
)
def test_an_empty_file_is_an_empty_mapping(content, name):
    """A file with nothing, or only comments, holds no keys."""
    assert read_document(content.encode(), name) == {}


def test_json_and_toml_give_their_own_values():
    """JSON and TOML files read as the same data as YAML; a byte order mark is no part of it."""
    data = {"a": {"b": [1, 2.5, True, "x"]}}
    assert read_document(json.dumps(data).encode("utf-8-sig"), "a.json") == data
    assert read_document(b'[a]\nb = [1, 2.5, true, "x"]\n', "a.toml") == data


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.yml", b"a: 1\nb: 2\na: 3\n", "a.yml, line 3: the key 'a' is there twice (first on line 1)."),
        ("a.yml", b"a:\n  b: 1\n  'b': 3\n", "a.yml, line 3: the key 'b' is there twice (first on line 2)."),
        ("a.yml", b"a: [{x: 1, x: 2}]", "a.yml, line 1: the key 'x' is there twice (first on line 1)."),
        ("a.yml", b"_b: &b {x: 1}\na:\n  <<: *b\n  y: 1\n  y: 2\n", "a.yml, line 5: the key 'y' is there twice"),
        (
            "a.yml",
            b"a: 1\nb: [1,\nc: 2\n",
            "a.yml, line 3: did not find expected ',' or ']', in what begins on line 2.",
        ),
        ("a.yml", b"a: 1\nb: c: d\n", "a.yml, line 2: mapping values are not allowed"),
        ("a.yml", b"a:\n\tb: 1\n", "a.yml, line 2: found character"),
        ("a.yml", b"a: 1\n---\nb: 1\n", "a.yml, line 2: but found another document"),
        ("a.yml", b"a: 1\nb: \xff\n", "a.yml, line 2: not UTF-8 text"),
        ("a.yml", b"a: 1\nb: \x00\n", "a.yml, line 2: "),
        ("a.yml", b"a: &a {b: *a}", "a.yml, line 1: an alias (*name) inside the value that it stands for"),
        ("a.yml", b"a: &a [*a]", "a.yml, line 1: an alias (*name) inside the value that it stands for"),
        ("a.yml", b"a: !!python/object:os.system {}", "a.yml, line 1: could not determine a constructor"),
        ("a.yml", b"a: !!int x", "a.yml: a value that is not of its type"),
        ("a.yml", b"{[a]: 1}", "a.yml, line 1: found unhashable key"),
        ("a.yml", b"- a\n", "a.yml: the file holds a list"),
        ("a.yml", b"text\n", "a.yml: the file holds a single value"),
        ("a.json", b"[]", "a.json: the file holds a list"),
        ("a.json", b'{\n"a": 1,\n"a": 2}', "a.json, line 3: the key 'a' is there twice (first on line 2)."),
        ("a.json", b'{"a": "\\ud83d\\ude00", "b": {"x": 1, "x": 2}}', "a.json"),
        # Where a comma is too many: Python 3.13 and newer see it themselves, older ones what comes after it.
        ("a.json", b'{\n"a": 1,\n}', "a.json, line 2: " if sys.version_info >= (3, 13) else "a.json, line 3: "),
        ("a.toml", b"a = 1\nb = \n", "a.toml, line 2: "),
        ("a.toml", b"a = 1\na = 2\n", "a.toml, line 2: "),
    ],
)
def test_what_cannot_be_read_names_file_and_line(name, content, said):
    """A broken text is one short error with the file, the line and the parser's reason."""
    with pytest.raises(ConfigError) as caught:
        read_document(content, name)
    assert caught.value.message.startswith(said)
    assert "\n" not in caught.value.message


def test_tabs_are_told():
    """Indenting YAML with a tab says that spaces are needed."""
    with pytest.raises(ConfigError, match="indented with spaces"):
        read_document(b"a:\n\tb: 1\n", "a.yml")


@pytest.mark.parametrize(("name", "depth"), [("a.yml", 151), ("a.yml", 5_000), ("a.json", 100_000)])
def test_absurd_nesting_is_refused(name, depth):
    """Nesting beyond what Python can walk is an error about the file, not a crash."""
    with pytest.raises(ConfigError):
        read_document(b'{"a": ' * depth + b"1" + b"}" * depth, name)


def test_the_pure_python_parser_reads_the_same():
    """Where PyYAML was built without its C parser, reading gives the same values and errors."""
    import subprocess

    code = (
        "import yaml; del yaml.CSafeLoader\n"
        "from ipyproject.config.documents import read_document\n"
        "print(read_document(b'a: 1e-3\\nb: 2024-01-31\\nc: &c {x: 1}\\nd: {<<: *c, y: 0x1F}', 'a.yml'))\n"
        "try: read_document(b'a: 1\\na: 2', 'a.yml')\n"
        "except Exception as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    values, error, hint = done.stdout.splitlines()
    assert values == "{'a': 0.001, 'b': '2024-01-31', 'c': {'x': 1}, 'd': {'x': 1, 'y': 31}}"
    assert error == "a.yml, line 2: the key 'a' is there twice (first on line 1)."
    assert hint == "Mend the file and try again."


def test_load_yaml_keeps_dates_as_text():
    """A date or a time is text, as in OmegaConf."""
    assert load_yaml("2024-01-31") == "2024-01-31"
