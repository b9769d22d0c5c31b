"""The loader: layers, kinds, patterns, envs, duplicates, origins and what is cached."""

from __future__ import annotations

import os

import pytest

from ipyproject.config import ConfigLoader
from ipyproject.errors import ConfigError, UnknownEnvError

KINDS = ("parameters", "catalog", "credentials", "globals", "spark")


def test_parameters_merge_deeply_and_the_rest_whole(load):
    """Of parameters the env changes single values; of the catalog and all else it replaces whole entries."""
    base, env = "a: {x: 1, y: {z: 2}}\nb: 1\n", "a: {y: {w: 3}}\nc: [1]\n"
    files = {f"{folder}/{kind}.yml": text for folder, text in (("base", base), ("local", env)) for kind in KINDS}
    loader = load(files, extra_params={"a": {"x": 9}, "d": {"e": 5}})
    assert loader["parameters"] == {"a": {"x": 9, "y": {"z": 2, "w": 3}}, "b": 1, "c": [1], "d": {"e": 5}}
    for kind in ("catalog", "credentials", "globals", "spark"):
        assert loader[kind] == {"a": {"y": {"w": 3}}, "b": 1, "c": [1]}


@pytest.mark.parametrize("kind", KINDS)
def test_several_files_of_a_kind(load, kind):
    """All of `<kind>*`, `<kind>*/**` and `**/<kind>*` are read, in every format; nothing else is."""
    files = {
        f"base/{kind}.yml": "a: 1",
        f"base/{kind}_more.yaml": "b: 2",
        f"base/{kind}/deep/er/any.json": '{"c": 3}',
        f"base/{kind}_x/any.toml": "d = 4",
        f"base/sub/folder/{kind}_y.yml": "e: 5",
        f"base/other_{kind}.yml": "no: 1",
        f"base/{kind}.txt": "no: 2",
        f"base/{kind}.yml.bak": "no: 3",
        f"base/.hidden/{kind}.yml": "no: 4",
        f"base/.{kind}.yml": "no: 5",
        f"base/{kind}/.ipynb_checkpoints/{kind}-checkpoint.yml": "no: 6",
        f"prod/{kind}.yml": "no: 7",
    }
    loader = load(files)
    assert loader[kind] == {"a": 1, "b": 2, "c": 3, "d": 4, "e": 5}


def test_patterns_replace_those_of_a_kind(load):
    """A kind's own patterns say which files it has; other kinds keep theirs."""
    files = {
        "base/infra/db.yml": "a: 1",
        "base/infra/x/deep.yml": "b: 1",
        "base/database.yml": "c: 1",
        "base/q1.yml": "d: 1",
    }
    loader = load(files, patterns={"database": ["infra/*"], "q": ["q?.yml", "**/deep*"]})
    assert loader["database"] == {"a": 1}
    assert loader["q"] == {"b": 1, "d": 1}
    assert loader["infra"] == {"a": 1, "b": 1}


def test_the_same_key_in_two_files_of_one_env(load):
    """It is an error that names the key and both files; in two envs, and for templates, it is none."""
    loader = load({"base/catalog.yml": "cars: {}", "base/catalog/b.json": '{"cars": {}}'})
    with pytest.raises(ConfigError) as caught:
        loader["catalog"]
    assert caught.value.message == "The key 'cars' is in two files: conf/base/catalog.yml and conf/base/catalog/b.json."


def test_templates_may_repeat(load):
    """Keys that begin with `_` may be in several files and are in no result."""
    loader = load(
        {"base/catalog.yml": "_t: 1\na: 1", "base/catalog_b.yml": "_t: 2\nb: ${_t}", "local/catalog.yml": "a: 2"}
    )
    assert loader["catalog"] == {"a": 2, "b": 2}


def test_broken_file_of_another_kind_does_not_matter_until_read(load):
    """A kind's files are read when it is asked for, and named in the error when broken."""
    loader = load({"base/parameters.yml": "a: 1", "local/catalog.yml": "a: [1\n"})
    assert loader["parameters"] == {"a": 1}
    with pytest.raises(ConfigError, match=r"^conf/local/catalog\.yml, line 1: "):
        loader["catalog"]


def test_no_files_of_a_kind(load):
    """The four standard kinds are then empty; any other is an error with the patterns looked for."""
    loader = load({})
    assert all(loader[kind] == {} for kind in KINDS[:-1])
    with pytest.raises(ConfigError, match=r"kind 'spark' .*looked for spark\*, spark\*/\*\*, \*\*/spark\*"):
        loader["spark"]
    for name in ("../base", "", "*", "a/b"):
        with pytest.raises(ConfigError):
            loader[name]


def test_it_is_a_mapping_of_kinds(load):
    """Iteration gives the standard kinds and those of the patterns; `in` and `get` know every kind with a file."""
    loader = load({"base/spark.yml": "a: 1", "base/x.yml": "b: 1"}, patterns={"mine": ["x*"], "none": ["nothing*"]})
    assert list(loader) == [*KINDS[:-1], "mine"]
    assert len(loader) == 5
    assert "spark" in loader
    assert loader.get("spark") == {"a": 1}
    for absent in ("none", "dask", "../x", 1, None):
        assert absent not in loader
        assert loader.get(absent, "default") == "default"
    assert dict(loader)["mine"] == {"b": 1}
    assert "conf" in repr(loader)


def test_envs(load):
    """`env` names the folder over the base; the default one is in force without it, and may be missing."""
    files = {"base/parameters.yml": "a: base", "prod/parameters.yml": "a: prod", ".hidden/x.yml": ""}
    assert load(files)["parameters"] == {"a": "base"}
    assert load(files).env == "local"
    assert load(files, env="local")["parameters"] == {"a": "base"}
    assert load(files, env="prod")["parameters"] == {"a": "prod"}
    assert load(files, env="base")["parameters"] == {"a": "base"}
    assert load(files, base_env="prod", default_env="base")["parameters"] == {"a": "base"}
    assert load(files).known_envs() == ["prod"]


@pytest.mark.parametrize("env", ["..", "", ".", "../base", "base/sub", "/", ".hidden", "parameters.yml", "a\0b"])
def test_an_env_is_a_folder_of_the_conf_source(load, env):
    """Anything else is an unknown env, never a path to somewhere."""
    files = {"base/sub/parameters.yml": "a: 1", ".hidden/parameters.yml": "a: 2", "parameters.yml": "a: 3"}
    with pytest.raises(UnknownEnvError):
        load(files, env=env)
    if env != "parameters.yml":
        with pytest.raises(UnknownEnvError):
            load(files, default_env=env)


def test_an_unknown_env_lists_the_known_ones(load):
    """The closest env is proposed, else all are listed."""
    files = {"prod/parameters.yml": "", "staging/parameters.yml": ""}
    with pytest.raises(UnknownEnvError, match="Did you mean 'prod'"):
        load(files, env="prd")
    with pytest.raises(UnknownEnvError, match="Known envs: local, prod, staging"):
        load(files, env="xyz")


def test_a_missing_conf_source_or_base(tmp_path):
    """Each is an error that names the folder."""
    with pytest.raises(ConfigError, match=r"No configuration at .*nowhere"):
        ConfigLoader(tmp_path / "nowhere")
    (tmp_path / "conf").mkdir()
    with pytest.raises(ConfigError, match="has no folder 'base'"):
        ConfigLoader(tmp_path / "conf")


def test_origin_is_the_file_in_force(load):
    """A top-level key's origin is the file of the highest env that has it, from the conf folder on."""
    files = {"base/catalog.yml": "a: 1\nb: 1", "local/sub/catalog_x.yml": "b: 2"}
    loader = load(files, extra_params={"c": 1})
    assert loader.origin("catalog", "a") == "conf/base/catalog.yml"
    assert loader.origin("catalog", "b") == "conf/local/sub/catalog_x.yml"
    assert loader.origin("catalog", "nope") is None
    assert loader.origin("parameters", "c") is None


def test_a_relative_conf_source(load, monkeypatch, tmp_path):
    """A path relative to the working directory is kept right when that changes."""
    load({"base/parameters.yml": "a: 1"})
    monkeypatch.chdir(tmp_path / "conf")
    loader = ConfigLoader(tmp_path.__class__())
    monkeypatch.chdir(tmp_path)
    assert loader["parameters"] == {"a": 1}
    assert loader.origin("parameters", "a") == "conf/base/parameters.yml"


def test_files_are_read_once_and_results_are_the_callers_own(load):
    """A loader does not see later edits, a new one does; changing a result changes nothing else."""
    loader = load({"base/parameters.yml": "a: {b: [1]}\nc: ${a}\n"}, extra_params={"x": {"y": [1]}})
    first = loader["parameters"]
    first["a"]["b"].append(2)
    first["x"]["y"].clear()
    loader.extra_params["x"]["y"].clear()
    (loader.conf_source / "base/parameters.yml").write_text("a: 7")
    assert loader["parameters"] == {"a": {"b": [1]}, "c": {"b": [1]}, "x": {"y": [1]}}
    assert ConfigLoader(loader.conf_source)["parameters"] == {"a": 7}


def test_with_extra_params(load):
    """It merges over the loader's own, shares the files read, and leaves the loader as it was."""
    loader = load({"base/parameters.yml": "a: {b: 1, c: 2}\nd: ${a.b}"}, extra_params={"a": {"c": 3}})
    assert loader["parameters"] == {"a": {"b": 1, "c": 3}, "d": 1}
    (loader.conf_source / "base/parameters.yml").unlink()
    other = loader.with_extra_params({"a": {"b": 9}})
    assert other["parameters"] == {"a": {"b": 9, "c": 3}, "d": 9}
    assert other.extra_params == {"a": {"b": 9, "c": 3}}
    assert loader["parameters"] == {"a": {"b": 1, "c": 3}, "d": 1}


def test_a_value_left_open_is_filled_by_a_run_parameter(load):
    """`???` in a file asks for a value; giving it is enough."""
    files = {"base/parameters.yml": "a: {b: '???'}\nc: ${a.b}"}
    assert load(files, extra_params={"a": {"b": 1}})["parameters"] == {"a": {"b": 1}, "c": 1}
    with pytest.raises(ConfigError, match=r"conf/base/parameters.yml: a.b has no value yet"):
        load(files)["parameters"]


def test_keys_of_other_types(load):
    """Numbers and null may be keys, also beside references."""
    assert load({"base/parameters.yml": "1: a\n2.5: b\nnull: c\nd: ${1}"})["parameters"] == {
        1: "a",
        2.5: "b",
        None: "c",
        "d": "a",
    }


def test_linked_folders_are_followed_but_not_in_circles(load, tmp_path):
    """A link to a folder or a file counts as what it leads to; one that leads back up is left out."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "parameters_x.yml").write_text("b: 2")
    loader = load({"base/parameters.yml": "a: 1"})
    base = loader.conf_source / "base"
    (base / "linked").symlink_to(elsewhere)
    (base / "up").symlink_to(base)
    (base / "parameters_dangling.yml").symlink_to(tmp_path / "nowhere")
    (elsewhere / "back").symlink_to(base)
    assert loader["parameters"] == {"a": 1, "b": 2}


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_is_named(load):
    """A file without read permission is an error with its name."""
    loader = load({"base/parameters.yml": "a: 1"})
    (loader.conf_source / "base/parameters.yml").chmod(0)
    with pytest.raises(ConfigError, match=r"conf/base/parameters.yml can't be read: Permission denied"):
        loader["parameters"]


def test_a_reference_written_with_an_escape(load):
    """It is one whether or not another file of the kind holds a reference."""
    assert load({"base/parameters.yml": 'a: "\\x24{b}"\nb: 1'})["parameters"] == {"a": 1, "b": 1}
