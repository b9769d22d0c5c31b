"""The order of keys: an overridden key keeps its place, new ones follow as written; also after a reload."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from ipyproject.config import ConfigLoader, merge_params, parse_params
from ipyproject.memo import Memo

KINDS = ("parameters", "catalog", "credentials", "globals", "spark")


def toml(data):
    """Write data as TOML in inline tables, which may stand in any order."""
    if isinstance(data, dict):
        return "{" + ", ".join(f"{key} = {toml(value)}" for key, value in data.items()) + "}"
    return f"[{', '.join(map(toml, data))}]" if isinstance(data, list) else str(data)


WRITERS = {
    "yml": lambda data: yaml.safe_dump(data, sort_keys=False),
    "json": json.dumps,
    "toml": lambda data: "\n".join(f"{key} = {toml(value)}" for key, value in data.items()),
}


def ordered(data):
    """Return mappings as lists of pairs, so that their order counts."""
    if isinstance(data, dict):
        return [(key, ordered(value)) for key, value in data.items()]
    return [ordered(value) for value in data] if isinstance(data, list) else data


def specified(lower, upper, *, deep):
    """The rule: the keys of the lower mapping in their places, then what the upper one has beside."""
    keys = [*lower, *(key for key in upper if key not in lower)]
    return {
        key: specified(lower[key], upper[key], deep=True)
        if deep and isinstance(lower.get(key), dict) and isinstance(upper.get(key), dict)
        else upper.get(key, lower.get(key))
        for key in keys
    }


VALUES = st.recursive(
    st.integers(0, 9) | st.just([1, {"y": 1, "x": 2}]),
    lambda inner: st.dictionaries(st.sampled_from("abcde"), inner, max_size=4),
    max_leaves=8,
)
MAPPINGS = st.dictionaries(st.sampled_from("abcde"), VALUES, max_size=5)
SUFFIXES = st.sampled_from(sorted(WRITERS))


@given(MAPPINGS, MAPPINGS, MAPPINGS, SUFFIXES, SUFFIXES, st.sampled_from(KINDS))
def test_keys_keep_their_place(base, env, extra, base_suffix, env_suffix, kind):
    """In every kind and format, deep or whole, with parameters given at run time over all."""
    deep = kind == "parameters"
    with tempfile.TemporaryDirectory() as folder:
        conf = Path(folder)
        for name, suffix, data in (("base", base_suffix, base), ("local", env_suffix, env)):
            (conf / name).mkdir()
            (conf / name / f"{kind}.{suffix}").write_text(WRITERS[suffix](data))
        loader = ConfigLoader(conf, extra_params=extra)
        found = loader[kind]
        more = loader.with_extra_params(env)["parameters"] if deep else None
    of_files = specified(base, env, deep=deep)
    assert ordered(found) == ordered(specified(of_files, extra, deep=True) if deep else of_files)
    if deep:
        assert ordered(more) == ordered(specified(of_files, specified(extra, env, deep=True), deep=True))


@given(MAPPINGS, MAPPINGS)
def test_merged_parameters_keep_their_place(base, override):
    """The merge itself does, and leaves both mappings as they were."""
    before = ordered(base), ordered(override)
    assert ordered(merge_params(base, override)) == ordered(specified(base, override, deep=True))
    assert (ordered(base), ordered(override)) == before


BASE = {
    "yml": "b: {y: 1, x: 2}\na: 1\nc: {z: {q: 1, p: 2}, y: 3}\n",
    "json": '{"b": {"y": 1, "x": 2}, "a": 1, "c": {"z": {"q": 1, "p": 2}, "y": 3}}',
    "toml": "b = {y = 1, x = 2}\na = 1\n[c]\nz = {q = 1, p = 2}\ny = 3\n",
}
ENV = {
    "yml": "d: 9\nc: {w: 9, z: {p: 9, o: 9}}\nb: {x: 9, v: 9}\n",
    "json": '{"d": 9, "c": {"w": 9, "z": {"p": 9, "o": 9}}, "b": {"x": 9, "v": 9}}',
    "toml": "d = 9\n[c]\nw = 9\nz = {p = 9, o = 9}\n[b]\nx = 9\nv = 9\n",
}


@pytest.mark.parametrize("suffix", ["yml", "json", "toml"])
def test_each_format_written_out(load, suffix):
    """Parameters, merged deeply, and the catalog, whole entries, in the order of the base."""
    files = {f"base/{kind}.{suffix}": BASE[suffix] for kind in KINDS}
    loader = load({**files, **{f"local/{kind}.{suffix}": ENV[suffix] for kind in KINDS}})
    assert json.dumps(loader["parameters"]) == (
        '{"b": {"y": 1, "x": 9, "v": 9}, "a": 1, "c": {"z": {"q": 1, "p": 9, "o": 9}, "y": 3, "w": 9}, "d": 9}'
    )
    for kind in KINDS[1:]:
        assert json.dumps(loader[kind]) == (
            '{"b": {"x": 9, "v": 9}, "a": 1, "c": {"w": 9, "z": {"p": 9, "o": 9}}, "d": 9}'
        )


def test_several_files_and_templates(load):
    """Files of a layer follow each other by name; templates, references and globals change no place."""
    files = {
        "base/parameters_b.yml": "e: ${_t}\nd: {l: 1, k: '${globals:g}'}",
        "base/parameters.yml": "_t: {n: 1, m: 2}\nz: 1\ny: ${_t.n}",
        "base/parameters/a.json": '{"x": {"r": 1, "q": 2}}',
        "base/globals.yml": "g: {v: 1, u: 2}\nf: 1",
        "local/globals.yml": "f: 2\ng: {u: 3, t: 4}",
        "local/parameters_z.yml": "x: {p: 3, q: 3}\nw: 1\nz: 2",
        "local/parameters_a.toml": "v = 1\ny = 2\n_t = {m = 5, k = 6}",
    }
    loader = load(files, extra_params={"new": 1, "d": {"k": {"u": 0}, "i": 1}, "z": 3})
    assert json.dumps(loader["globals"]) == '{"g": {"u": 3, "t": 4}, "f": 2}'
    assert json.dumps(loader["parameters"]) == (
        '{"z": 3, "y": 2, "x": {"r": 1, "q": 3, "p": 3}, "e": {"n": 1, "m": 5, "k": 6}, '
        '"d": {"l": 1, "k": {"u": 0}, "i": 1}, "v": 1, "w": 1, "new": 1}'
    )


def test_a_string_of_parameters_keeps_the_order_it_is_written_in():
    """Dotted keys join the mapping that the first of them began."""
    assert (
        json.dumps(parse_params("b.y=1,a={q: 1, p: 2},b.x=2,c=3"))
        == '{"b": {"y": 1, "x": 2}, "a": {"q": 1, "p": 2}, "c": 3}'
    )


ORDERS = [
    ("a: 1\nb: 2", "b: 2\na: 1"),
    ("a: {x: 1, y: 2}\nb: 2", "a: {y: 2, x: 1}\nb: 2"),
    ("a: [{x: 1, y: {p: 1, q: 2}}]", "a: [{x: 1, y: {q: 2, p: 1}}]"),
    ("_t: {x: 1, y: 2}\na: ${_t}", "_t: {y: 2, x: 1}\na: ${_t}"),
    ("_t: {x: 1, y: 2}\na: {<<: &m {p: 1, q: 2}}", "_t: {x: 1, y: 2}\na: {<<: &m {q: 2, p: 1}}"),
    ("a: '${oc.create:${b}}'\nb: {x: 1, y: 2}", "a: '${oc.create:${b}}'\nb: {y: 2, x: 1}"),
]


@pytest.mark.parametrize(("before", "after"), ORDERS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("folder", ["base", "local"])
def test_a_change_of_order_alone_is_a_change(write_conf, kind, folder, before, after):
    """A loader made after another one has the new order, as one made alone has."""
    conf = write_conf({f"base/{kind}.yml": "z: 0", f"{folder}/{kind}_x.yml": before})
    memo = Memo()
    first = ConfigLoader(conf, memo=memo)
    old = json.dumps(first[kind])
    write_conf({f"{folder}/{kind}_x.yml": after})
    second = ConfigLoader(conf, memo=memo)
    assert json.dumps(second[kind]) == json.dumps(ConfigLoader(conf)[kind]) != old
    assert second.resolved(kind) is not first.resolved(kind)


def test_a_change_of_order_in_what_is_referred_to(write_conf):
    """The order of globals, and of parameters given at run time, reaches those who refer to them."""
    conf = write_conf(
        {
            "base/globals.yml": "g: {x: 1, y: 2}",
            "base/spark.yml": "a: ${globals:g}\nb: ${runtime_params:r}",
            "base/parameters.yml": "r: {y: 0, z: 0}",
        }
    )
    memo = Memo()
    first = ConfigLoader(conf, extra_params={"r": {"x": 1, "y": 2}}, memo=memo)
    assert json.dumps(first["spark"]) == '{"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}}'
    assert json.dumps(first["parameters"]) == '{"r": {"y": 2, "z": 0, "x": 1}}'
    write_conf({"base/globals.yml": "g: {y: 2, x: 1}"})
    second = ConfigLoader(conf, extra_params={"r": {"y": 2, "x": 1}}, memo=memo)
    assert json.dumps(second["spark"]) == '{"a": {"y": 2, "x": 1}, "b": {"y": 2, "x": 1}}'


def test_files_renamed_so_that_they_sort_otherwise(write_conf):
    """The same files under other names give the order of the new names."""
    conf = write_conf({"base/parameters_a.yml": "a: 1", "base/parameters_b.yml": "b: 1"})
    memo = Memo()
    first = ConfigLoader(conf, memo=memo)
    assert list(first["parameters"]) == ["a", "b"]
    (conf / "base/parameters_a.yml").rename(conf / "base/parameters_c.yml")
    assert list(ConfigLoader(conf, memo=memo)["parameters"]) == ["b", "a"]
