"""References: what they resolve to, and how a wrong one is told."""

from __future__ import annotations

import json
import tempfile
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from ipyproject.config import ConfigLoader
from ipyproject.errors import ConfigError

KEYS = ["a", "b", "c-d", "e@f", "_t"]
PATHS = st.sampled_from([*KEYS, "a.x", "b.x.y", "b.l[0]", "c-d.l.1.x", "_t.x", ".x", "..a", "...b", "..x", ".l[0]"])
REFERENCES = st.one_of(
    PATHS.map(lambda path: f"${{{path}}}"),
    PATHS.map(lambda path: f"pre ${{{path}}}/post"),
    st.tuples(PATHS, PATHS).map(lambda pair: f"${{oc.select:{pair[0]},7}} and ${{ {pair[1]} }}"),
    st.sampled_from(
        [r"\${a}", r"\${a} ${b}", r"C:\x\\${a}", "${${_t.name}}", "${oc.decode:'${a}'}", "${oc.dict.keys:b}"]
    ),
    st.sampled_from(["$", "{}", "${", "${a", "$a", "${nope:1}", "plain", 1, 2.5, None, True]),
)
ITEMS = st.recursive(
    REFERENCES,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=2).map(lambda items: {"l": items})
        | st.dictionaries(st.sampled_from(["x", "y", "name"]), inner, min_size=1, max_size=2)
    ),
    max_leaves=4,
)
DATA = st.dictionaries(st.sampled_from(KEYS), ITEMS, min_size=1, max_size=5)


@given(DATA)
@settings(deadline=None)  # the first reference imports OmegaConf
def test_references_resolve_as_omegaconf_resolves_all_at_once(data):
    """Handing OmegaConf only what references reach gives what it gives for the whole; what fails there fails here."""
    try:
        expected = OmegaConf.to_container(OmegaConf.create(data), resolve=True)
    except Exception:  # noqa: BLE001 - an unused template may be broken, all else may not
        expected = None
    with tempfile.TemporaryDirectory() as folder:
        base = Path(folder, "conf", "base")
        base.mkdir(parents=True)
        (base / "parameters.json").write_text(json.dumps(data))
        loader = ConfigLoader(Path(folder, "conf"))
        if expected is None and "_t" not in data:
            with pytest.raises(ConfigError, match=r"^conf/base/parameters\.json: "):
                loader["parameters"]
        elif expected is not None:
            assert loader["parameters"] == {key: value for key, value in expected.items() if key != "_t"}


def test_an_env_value_flows_into_the_references_of_the_base(load):
    """References are resolved after merging, those of the base with the env's values."""
    files = {
        "base/parameters.yml": "size: {n: 1, m: 2}\ntwice: ${size.n}${size.n}\n",
        "local/parameters.yml": "size: {n: 5}\n",
    }
    assert load(files)["parameters"] == {"size": {"n": 5, "m": 2}, "twice": "55"}


def test_run_parameters_flow_into_references(load):
    """Extra parameters are merged before references are resolved, and may hold references."""
    loader = load({"base/parameters.yml": "a: {b: 1}\nc: ${a.b}\n"}, extra_params={"a": {"b": 2}, "d": {"e": "${c}"}})
    assert loader["parameters"] == {"a": {"b": 2}, "c": 2, "d": {"e": 2}}


def test_templates_are_seen_by_references_only(load):
    """Keys that begin with `_` are referred to and not in the result; a broken one that nobody uses is no error."""
    loader = load(
        {
            "base/catalog.yml": """
                _csv: {type: pandas.CSVDataset, filepath: "${root}/x.csv"}
                _unused: ${nothing}
                root: data
                cars: ${_csv}
                """
        }
    )
    assert loader["catalog"] == {"root": "data", "cars": {"type": "pandas.CSVDataset", "filepath": "data/x.csv"}}


def test_globals(load):
    """`globals` come from their own files, the env's over the base's, and may be reached into."""
    files = {
        "base/globals.yml": "paths: {raw: s3://raw, list: [1, '\\${x}']}\nname: ${paths.raw}/n\n",
        "local/globals.yml": "paths: {raw: data, list: [2, 'C:\\\\${x}']}\n",
        "base/catalog.yml": "a: ${globals:paths.raw}/a\nb: ${globals:nope,8}\nc: ${globals:paths}\nd: ${c.list[0]}\n",
        "base/parameters.yml": "n: ${globals:name}\nplain: ${globals:paths.list}\nnone: ${globals:nope,null}\n",
    }
    files["local/globals.yml"] = "paths: {raw: data, list: [2, '\\${x}']}\n"
    loader = load(files)
    assert loader["catalog"] == {"a": "data/a", "b": 8, "c": {"raw": "data", "list": [2, "${x}"]}, "d": 2}
    assert loader["parameters"] == {"n": "data/n", "plain": [2, "${x}"], "none": None}


def test_runtime_params(load):
    """`runtime_params` are the parameters given for the run, with defaults where none was given."""
    files = {"base/catalog.yml": "a: ${runtime_params:x.y,1}\nb: ${runtime_params:z,[1, 2]}\n"}
    loader = load(files)
    assert loader["catalog"] == {"a": 1, "b": [1, 2]}
    assert loader.with_extra_params({"x": {"y": [3]}})["catalog"] == {"a": [3], "b": [1, 2]}
    assert loader["catalog"] == {"a": 1, "b": [1, 2]}


def test_resolvers_of_the_project(load, monkeypatch):
    """The project's functions and OmegaConf's own answer references, also those that look at the tree."""
    monkeypatch.setenv("CONF_TEST_USER", "me")
    text = """
        who: ${oc.env:CONF_TEST_USER}
        sum: ${add:1,${size}}
        size: 2
        seen: ${keys:}
        largest: ${max:3,4}
        """

    def keys(_root_):
        return ",".join(_root_)

    resolvers = {"add": lambda a, b: a + b, "keys": keys, "max": max}
    read = load({"base/parameters.yml": text}, resolvers=resolvers)["parameters"]
    assert read == {"who": "me", "sum": 3, "size": 2, "seen": "who,sum,size,seen,largest", "largest": 4}


def test_annotated_resolvers_are_called_as_they_are(load):
    """A resolver's annotations are no business of the configuration, not even unknown ones."""

    def day(text: "Unknown") -> "Missing":  # noqa: F821, UP037 - names that do not exist, on purpose
        return text

    assert load({"base/parameters.yml": "a: ${day:x}\n"}, resolvers={"day": day})["parameters"] == {"a": "x"}


@pytest.mark.parametrize("text", ["a: ${globals:x}", "a: ${globals:nope}"])
def test_the_process_wide_table_of_resolvers_is_as_before(load, text):
    """Resolvers registered by somebody else under the same name work on, also after a failure."""
    OmegaConf.register_resolver("globals", lambda key: f"theirs {key}")
    try:
        loader = load({"base/parameters.yml": text, "base/globals.yml": "x: 1"}, resolvers={"ours": lambda: 1})
        try:
            assert loader["parameters"] == {"a": 1}
        except ConfigError:
            assert "nope" in text
        assert OmegaConf.create({"a": "${globals:x}"}).a == "theirs x"
        assert not OmegaConf.has_resolver("ours")
        assert not OmegaConf.has_resolver("runtime_params")
    finally:
        OmegaConf.clear_resolver("globals")


def test_threads_do_not_mix_up_their_resolvers(write_conf):
    """Loaders with different globals and resolvers, read in many threads, each give their own."""
    conf = write_conf({"base/parameters.yml": "a: ${who:}\nb: ${runtime_params:n}\n"})
    results = {}

    def read(number):
        loader = ConfigLoader(conf, resolvers={"who": lambda: number}, extra_params={"n": number})
        results[number] = loader["parameters"]

    threads = [threading.Thread(target=read, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == {number: {"a": number, "b": number, "n": number} for number in range(12)}


@pytest.mark.parametrize(
    ("files", "message", "hint"),
    [
        (
            {"base/parameters.yml": "model: {share: '${modle.size}'}\nmodel2: {size: 1}"},
            "conf/base/parameters.yml: model.share refers to ${modle.size}, which does not exist.",
            "Did you mean 'model2.size'?",
        ),
        (
            {"base/parameters.yml": "a: {x: '${b}', y: 1}", "local/parameters.yml": "a: {y: 2}"},
            "conf/base/parameters.yml: a.x refers to ${b}, which does not exist.",
            "Known keys: a, a.x, a.y.",
        ),
        (
            {"base/parameters.yml": "a: ${b}", "local/parameters.yml": "b: ${..nope}"},
            "conf/local/parameters.yml: b refers to ${nope}, which does not exist.",
            None,
        ),
        (
            {"base/parameters.yml": "a: ['${_t}']\n_t: {x: '${nope}'}"},
            "conf/base/parameters.yml: _t.x refers to ${nope}, which does not exist.",
            None,
        ),
        (
            {"base/parameters.yml": "a: ${b}\nb: ${c.d}\nc: {d: '${a}'}"},
            "conf/base/parameters.yml: a refers to itself: a -> b -> c.d -> a.",
            None,
        ),
        (
            {"base/parameters.yml": "a: ${b}\nb: {c: '${a}'}"},
            "conf/base/parameters.yml: b.c refers to itself: b.c -> a -> b.",
            None,
        ),
        (
            {"base/parameters.yml": "a: ['${b}']\nb: ['${a}']"},
            "conf/base/parameters.yml: a[0] refers to itself: what it refers to holds itself.",
            None,
        ),
        ({"base/parameters.yml": "a: {b: '${a}'}"}, "conf/base/parameters.yml: a.b refers to itself: a.b -> a.", None),
        (
            {"base/parameters.yml": "b: 1\na: x${b"},
            "conf/base/parameters.yml: a: a reference in it is not well formed.",
            r"References look like ${key.inner}; write \${ for text that is none.",
        ),
        (
            {"base/parameters.yml": "a: ${glboals:b}"},
            "conf/base/parameters.yml: a: there is no resolver 'glboals' for ${glboals:...}.",
            "Did you mean 'globals'?",
        ),
        (
            {"base/parameters.yml": "a: ${globals:paths.rww}", "base/globals.yml": "paths: {raw: 1}"},
            "conf/base/parameters.yml: a: ${globals:paths.rww} is not in the globals.",
            "Did you mean 'paths.raw'?",
        ),
        (
            {"base/parameters.yml": "a: ${globals:x}", "base/globals.yml": "x: ${runtime_params:n}"},
            "conf/base/parameters.yml: a: conf/base/globals.yml: x: globals can't depend on the parameters of a run.",
            None,
        ),
        (
            {"base/parameters.yml": "a: ${globals:x}", "base/globals.yml": "x: ${globals:y}"},
            (
                "conf/base/parameters.yml: a: conf/base/globals.yml: x: globals refer to each other by ${key}, "
                "not ${globals:key}."
            ),
            None,
        ),
        (
            {"base/parameters.yml": "a: ${runtime_params:x.y}"},
            "conf/base/parameters.yml: a: ${runtime_params:x.y} was not given for this run.",
            "Give it with --params x.y=..., or write a default: ${runtime_params:x.y,default}.",
        ),
        (
            {"base/parameters.yml": "a: ${b.c}\nb: {c: '${oc.env:CONF_TEST_UNSET}'}"},
            (
                "conf/base/parameters.yml: b.c: its reference can't be resolved: "
                "Environment variable 'CONF_TEST_UNSET' not found."
            ),
            "Set CONF_TEST_UNSET, or write a default: ${oc.env:CONF_TEST_UNSET,default}.",
        ),
        (
            {"base/parameters.yml": "a: ${fail:1}"},
            "conf/base/parameters.yml: a: its reference can't be resolved: ZeroDivisionError: division by zero.",
            None,
        ),
        (
            {"base/parameters.yml": "a: ${_b}\n_b: '???'"},
            "conf/base/parameters.yml: a refers to ${_b}, which has no value yet ('???').",
            "Give _b a value.",
        ),
        (
            {"base/parameters.yml": "a: ${_b}\n_b: {c: ['???']}"},
            "conf/base/parameters.yml: _b.c[0] has no value yet ('???').",
            None,
        ),
        (
            {"base/parameters.yml": "a: {b: [1, '???']}"},
            "conf/base/parameters.yml: a.b[1] has no value yet ('???').",
            "Give it one in a file of the env in force, or, for a parameter, with --params.",
        ),
        (
            {"base/parameters.yml": "a: ${b}\nb: {null: 1}"},
            "conf/base/parameters.yml: b: a key in it is none that can be referred to.",
            None,
        ),
    ],
)
def test_a_reference_that_cannot_be_resolved(load, files, message, hint):
    """The error names the file and the key where the mistake stands, the reference, and the closest key."""
    loader = load(files, resolvers={"fail": lambda value: value / 0})
    with pytest.raises(ConfigError) as caught:
        loader["parameters"]
    assert caught.value.message == message
    assert hint is None or caught.value.hint == hint


def test_an_error_tells_no_more_of_a_text_than_its_reference(load):
    """What stands beside a reference in the same text, as a password in an address, is not shown."""
    loader = load({"base/credentials.yml": "db: {con: 'postgres://me:hunter2@${host}/x'}"})
    with pytest.raises(ConfigError) as caught:
        loader["credentials"]
    assert "${host}" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "catalog",
    [
        "x: {type: '${runtime_params:t.name}', filepath: a}",
        "x: {type: 'pandas.${runtime_params:t.name}', filepath: a}",
        "x: {type: partitions.PartitionedDataset, dataset: {type: '${runtime_params:t.name}'}}",
        "x: {type: partitions.PartitionedDataset, dataset: '${runtime_params:t.name}'}",
        "x: ${runtime_params:entry}",
        "x: {type: csv, more: '${runtime_params:entry}'}",
        "x: {type: '${_t.name}'}\n_t: ${runtime_params:t}",
        "x: ${_t}\n_t: {type: '${runtime_params:t.name}'}",
        "x: ${oc.decode:${runtime_params:text}}",
        "x: ${oc.create:${oc.decode:${runtime_params:text}}}",
    ],
)
def test_run_parameters_never_choose_what_is_imported(load, catalog):
    """However it is written, a run's parameter can't become a dataset's type."""
    extra = {"t": {"name": "os.system"}, "entry": {"type": "os.system"}, "text": "{type: os.system}"}
    loader = load({"base/catalog.yml": catalog}, extra_params=extra)
    with pytest.raises(ConfigError, match=r"^conf/base/catalog\.yml: x.*: parameters given at run time can't choose"):
        loader["catalog"]


def test_run_parameters_may_choose_the_rest(load):
    """Paths and arguments may depend on a run's parameters; a type may keep the default that the file gives."""
    text = "x: ${_t}\n_t: {type: '${runtime_params:none,csv}', filepath: '${runtime_params:p}/x.csv'}"
    loader = load({"base/catalog.yml": text}, extra_params={"p": "data"})
    assert loader["catalog"] == {"x": {"type": "csv", "filepath": "data/x.csv"}}


def test_plain_references_need_no_omegaconf(write_conf):
    """OmegaConf is not even imported for configuration whose references all lead to plain values of the same kind."""
    import subprocess
    import sys

    catalog = "_data: {root: data, user: '${oc.env:USER}'}\nx: {type: csv, filepath: '${_data.root}/x.csv'}"
    conf = write_conf({"base/parameters.yml": "a: 1", "base/catalog.yml": catalog})
    code = (
        "import sys, pathlib\nfrom ipyproject.config import ConfigLoader\n"
        "loaded = {'yaml', 'omegaconf', 'tomli'} & set(sys.modules)\n"
        f"loader = ConfigLoader(pathlib.Path({str(conf)!r}), resolvers={{'a': print}}, extra_params={{'b': 1}})\n"
        "loader['parameters'], loader['catalog']\n"
        "print(loaded, 'omegaconf' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set() False"


def test_values_that_yaml_does_not_have_pass_through(load):
    """Dates of TOML files stay dates, also beside references."""
    import datetime as dt

    loader = load({"base/parameters.toml": 'day = 2024-01-31\nsame = "${day}"\n'})
    assert loader["parameters"] == {"day": dt.date(2024, 1, 31), "same": dt.date(2024, 1, 31)}
