"""Loaders that share a memo: each gives what it would give without it, and reads no more than it must."""

from __future__ import annotations

import gc
import json
import os
import tempfile
import weakref
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ipyproject.config import ConfigLoader, layers, loader
from ipyproject.config.lookups import GlobalsLookup
from ipyproject.config.paths import is_same_data
from ipyproject.config.source import FolderSource
from ipyproject.errors import ConfigError
from ipyproject.memo import Memo

KINDS = ("parameters", "catalog", "credentials", "globals", "spark")
VARIABLE = "IPYPROJECT_TEST_OF_CONFIG"

# -- the oracle

FILES = [
    "parameters.yml",
    "parameters/more.json",
    "sub/parameters_x.yml",
    "catalog.yml",
    "catalog/more.yml",
    "globals.yml",
    "credentials.yml",
    "spark.yml",
]
FOLDERS = ["base", "local", "prod"]
LEAVES = st.sampled_from(
    [
        1, True, 1.0, 0, False, None, "text", "???", [1, {"x": 1}], [True, {"x": 1}], {"x": 1}, {"x": {"y": [2]}}, {},
        "${b}", "${a.x}", "${_t}", "pre ${_t.x} post", r"\${b}", "${oc.env:" + VARIABLE + "}", "${tick:}", "${globals:g}",
        "${globals:g.x,7}", "${runtime_params:r,5}", "${runtime_params:r}", "${nope:1}", "${${_t}}", "${oc.select:b,1}",
        ["${_t}", "${globals:g,0}"], {"type": "${runtime_params:r,pandas.CSVDataset}"}, "${.x}", {"x": 2, "y": "${.x}"},
    ]
)  # fmt: skip
CONTENTS = st.one_of(
    st.dictionaries(st.sampled_from(["a", "b", "c", "d", "_t", "g"]), LEAVES, max_size=4).map(json.dumps),
    st.sampled_from(
        [
            "a: [1",
            "- 1",
            "",
            "b: 2\na: 1",
            "a: 1\nb: 2",
            "a: .nan\nb: -0.0\n1: x",
            "a: 0.0\nb: 0.0\ntrue: x",
            "a: &l [1, 2]\nb: {l: *l}\nc: *l",
            'a: "\\x24{b}"\nb: 1',
            "a: !!set {x, y}\nb: !!pairs [x: [1], x: [2]]",
        ]
    ),
)
EXTRA = st.sampled_from([{}, {}, {"a": {"x": 5}}, {"r": 1}, {"r": True}, {"b": "${_t}"}, {"r": "${tick:}"}])
EDITS = st.one_of(
    st.tuples(st.just("write"), st.sampled_from(FOLDERS), st.sampled_from(FILES), CONTENTS),
    st.tuples(st.just("write"), st.sampled_from(FOLDERS), st.sampled_from(FILES), CONTENTS),
    st.tuples(st.just("remove"), st.sampled_from(FOLDERS), st.sampled_from(FILES)),
    st.tuples(
        st.just("move"),
        st.tuples(st.sampled_from(FOLDERS), st.sampled_from(FILES)),
        st.tuples(st.sampled_from(FOLDERS), st.sampled_from(FILES)),
    ),
    st.tuples(st.just("env"), st.sampled_from([None, "local", "prod", "base"])),
    st.tuples(st.just("extra"), EXTRA),
    st.tuples(st.just("variable"), st.sampled_from(["1", "2"])),
    st.tuples(st.just("tick"), st.sampled_from([1, True, "x", [1]])),
    st.tuples(st.just("nothing")),
)
STEPS = st.lists(
    st.tuples(EDITS, st.lists(st.sampled_from(KINDS), unique=True), st.booleans()), min_size=2, max_size=12
)


class World:
    """A conf folder, what else its configuration depends on, and loaders of it, each made after the one before."""

    def __init__(self, folder: Path) -> None:
        self.conf = folder / "conf"
        for name in FOLDERS:
            (self.conf / name).mkdir(parents=True)
        self.env: str | None = None
        self.extra: dict = {}
        self.tick: object = 1
        self.memo = Memo()
        self.files = object()
        self.values: dict[str, object] = {}
        self.told: dict[str, str] = {}
        self.shared: list[tuple[object, str]] = []

    def edit(self, what: str, *how: object) -> bool:
        """Do an edit; tell whether files were changed."""
        if what == "write":
            folder, name, content = how
            file = self.conf / folder / name
            file.parent.mkdir(exist_ok=True)
            file.write_text(content)
        elif what == "remove":
            self.conf.joinpath(*how).unlink(missing_ok=True)
        elif what == "move":
            start, end = (self.conf.joinpath(*place) for place in how)
            if start.exists():
                end.parent.mkdir(exist_ok=True)
                start.rename(end)
        elif what == "variable":
            os.environ[VARIABLE] = how[0]
        elif what != "nothing":
            setattr(self, what, how[0])
        return what in ("write", "remove", "move")

    def loader(self, **options: object) -> ConfigLoader:
        resolvers = {"tick": lambda: self.tick}
        return ConfigLoader(self.conf, env=self.env, extra_params=self.extra, resolvers=resolvers, **options)

    def check(self, kinds: list[str], *, files_unchanged: bool) -> None:
        """Compare a loader made after the last one with one made of nothing."""
        if not files_unchanged:
            self.files = object()
        self.memo.begin()
        loader = self.loader(memo=self.memo, files=self.files)
        fresh = self.loader()
        told: dict[str, str] = {}
        for kind in kinds:
            expected = outcome(fresh, kind)
            assert outcome(loader, kind) == expected
            if expected.startswith("Error"):
                continue
            values = loader.resolved(kind)
            told[kind] = repr(values)
            if kind in self.told:
                assert (values is self.values[kind]) == (self.told[kind] == told[kind])
            self.values[kind] = values
            self.shared.append((values, told[kind]))
            spoil(loader[kind])
        self.told = told
        assert all(repr(values) == then for values, then in self.shared)


def outcome(loader: ConfigLoader, kind: str) -> str:
    """Write down everything that a loader tells of a kind; a repr shows types and order."""
    try:
        values = loader[kind]
        origins = {key: loader.origin(kind, key) for key in values}
        assert all(loader.origins(kind).get(key) == origin for key, origin in origins.items())
        return repr((values, origins, loader.file_hashes(kind)))
    except ConfigError as error:
        return f"Error {error.message} {error.hint}"


def spoil(data: object) -> None:
    """Change all that can be changed of some data."""
    for inner in (
        list(data.values()) if isinstance(data, dict) else list(data) if isinstance(data, (list, tuple)) else ()
    ):
        spoil(inner)
    if isinstance(data, (dict, list, set)):
        data.clear()


@settings(deadline=None)
@given(STEPS)
def test_it_gives_what_a_loader_without_it_gives(steps):
    """After any edits, kind by kind: values, types, order, origins, hashes and the texts of errors are the same."""
    before = os.environ.get(VARIABLE)
    with tempfile.TemporaryDirectory() as folder:
        world = World(Path(folder))
        os.environ[VARIABLE] = "0"
        try:
            unread = True  # edits since the last loader was made
            for edit, kinds, told in steps:
                unread |= world.edit(*edit)
                world.check(kinds, files_unchanged=told and not unread)
                unread = False
        finally:
            os.environ.pop(VARIABLE)
            if before is not None:
                os.environ[VARIABLE] = before


# -- what is taken over

SAME = "the files as they were"


@pytest.fixture
def memo():
    """What the loaders of a test share."""
    return Memo()


@pytest.fixture
def load(write_conf, memo):
    """Write files below ``conf/`` and open them."""
    return lambda files: ConfigLoader(write_conf(files), memo=memo, files=SAME)


@pytest.fixture
def counts(monkeypatch):
    """How often files were read, parsed and listed, and kinds and globals resolved, since the last look."""
    seen = dict.fromkeys(["read", "parsed", "listed", "resolved", "looked up"], 0)

    def counted(what, function):
        def wrapper(*args):
            seen[what] += 1
            return function(*args)

        return wrapper

    monkeypatch.setattr(layers, "sha256", counted("read", layers.sha256))
    monkeypatch.setattr(layers, "read_document", counted("parsed", layers.read_document))
    monkeypatch.setattr(FolderSource, "files", counted("listed", FolderSource.files))
    monkeypatch.setattr(loader, "resolve_references", counted("resolved", loader.resolve_references))
    monkeypatch.setattr(GlobalsLookup, "__call__", counted("looked up", GlobalsLookup.__call__))

    def look():
        result = {what: number for what, number in seen.items() if number}
        seen.update(dict.fromkeys(seen, 0))
        return result

    return look


def read(loader: ConfigLoader, *kinds: str) -> list:
    return [loader.resolved(kind) for kind in kinds or KINDS[:-1]]


MANY = {
    **{f"base/parameters/{number}.yml": f"p{number}: {{x: 1, y: [1]}}\n" for number in range(5)},
    **{f"base/catalog/{number}.yml": f"d{number}: {{type: MemoryDataset}}\n" for number in range(5)},
    "local/credentials.yml": "db: {password: x}\n",
}


def test_the_same_files_are_parsed_once(load, counts, memo):
    """They are read to see that they are the same; what they come to is the very object."""
    first = load(MANY)
    before = read(first)
    assert counts() == {"read": 11, "parsed": 11, "listed": 2}
    second = ConfigLoader(first.conf_source, memo=memo)
    assert all(one is other for one, other in zip(read(second), before, strict=True))
    assert counts() == {"read": 11, "listed": 2}
    assert all(second.resolved(kind) is first.resolved(kind) for kind in KINDS[:-1])


def test_what_nothing_has_changed_is_still_known_by_the_next_edit(load, write_conf, counts, memo):
    """However many openings found everything unchanged, and so looked at no file: one edit, one file parsed."""
    memo.begin()
    first = load(MANY)
    read(first)
    counts()
    for _ in range(3):
        memo.begin()
        read(ConfigLoader(first.conf_source, memo=memo, files=SAME))
    assert counts() == {}
    write_conf({"base/parameters/3.yml": "p3: {x: 2, y: [1]}\n"})
    memo.begin()
    read(ConfigLoader(first.conf_source, memo=memo))
    assert counts()["parsed"] == 1


def test_one_file_edited(load, write_conf, counts, memo):
    """That file is parsed; other kinds, and other values of its kind, are the very objects."""
    first = load(MANY)
    parameters, catalog, *_ = read(first)
    counts()
    write_conf({"base/parameters/3.yml": "p3: {x: 2, y: [1]}\n"})
    second = ConfigLoader(first.conf_source, memo=memo)
    assert read(second)[1] is catalog
    assert counts()["parsed"] == 1
    assert second.resolved("parameters") is not first.resolved("parameters")
    assert second.resolved("catalog") is first.resolved("catalog")
    now = second.resolved("parameters")
    assert [key for key in now if now[key] is not parameters[key]] == ["p3"]
    write_conf({"base/parameters/3.yml": "# a comment\np3: {x: 2, y: [1]}\n"})
    third = ConfigLoader(first.conf_source, memo=memo)
    assert third.resolved("parameters") is second.resolved("parameters")
    assert third.file_hashes("parameters") != second.file_hashes("parameters")


def test_another_env_reads_the_base_once(load, counts, memo):
    """Files of the base are not parsed again for another env, nor in another place of the same content."""
    first = load({**MANY, "prod/parameters.yml": "p1: {x: 9}"})
    read(first)
    counts()
    second = ConfigLoader(first.conf_source, env="prod", memo=memo)
    assert second["parameters"]["p1"] == {"x": 9, "y": [1]}
    assert counts() == {"read": 6, "parsed": 1, "listed": 2}
    (first.conf_source / "base/parameters/4.yml").rename(first.conf_source / "base/parameters/moved.yml")
    third = ConfigLoader(first.conf_source, env="prod", memo=memo)
    assert third.resolved("parameters") is second.resolved("parameters")
    assert third.origin("parameters", "p4") == "conf/base/parameters/moved.yml"
    assert "parsed" not in counts()


def test_files_known_to_be_unchanged_are_not_looked_at(load, counts, memo):
    """Nothing is listed and nothing read, also not by the loader after next; what was not read yet is when asked for."""
    first = load(MANY)
    read(first, "parameters")
    counts()
    ConfigLoader(first.conf_source, memo=memo, files=SAME)
    third = ConfigLoader(first.conf_source, memo=memo, files=SAME)
    assert third.resolved("parameters") is first.resolved("parameters")
    assert len(third.file_hashes("parameters")) == 5
    assert counts() == {}
    assert len(third["catalog"]) == 5
    assert counts() == {"read": 5, "parsed": 5}


def test_it_is_not_enough_that_the_last_step_changed_nothing(load, write_conf, memo):
    """What a loader between has not read, and did not know to be unchanged, is read again."""
    first = load(MANY)
    read(first)
    write_conf({"base/parameters/3.yml": "p3: changed\n"})
    ConfigLoader(first.conf_source, memo=memo, files="others")
    third = ConfigLoader(first.conf_source, memo=memo, files="others")
    assert third["parameters"]["p3"] == "changed"


def test_files_unchanged_says_nothing_of_another_conf_source(load, tmp_path, memo):
    """It is about the files that were read then: another folder, or another base, is read."""
    first = load({"base/parameters.yml": "a: 1", "other/parameters.yml": "a: 2"})
    assert first["parameters"] == {"a": 1}
    (tmp_path / "new/base").mkdir(parents=True)
    (tmp_path / "new/base/parameters.yml").write_text("a: 3")
    assert ConfigLoader(tmp_path / "new", memo=memo, files=SAME)["parameters"] == {"a": 3}
    other = ConfigLoader(first.conf_source, base_env="other", memo=memo, files=SAME)
    assert other["parameters"] == {"a": 2}
    patterns = {"parameters": ["nothing*"]}
    assert ConfigLoader(first.conf_source, patterns=patterns, memo=memo, files=SAME)["parameters"] == {}


def test_an_archive(load, tmp_path, memo):
    """An archive known to be unchanged is not opened; otherwise it is, and its files are compared one by one."""

    def pack(text: str) -> Path:
        with zipfile.ZipFile(tmp_path / "conf.zip", "w") as archive:
            archive.writestr("conf/base/parameters.yml", text)
            archive.writestr("conf/base/catalog.yml", "d: {type: MemoryDataset}")
        return tmp_path / "conf.zip"

    first = ConfigLoader(pack("a: 1"), memo=memo)
    read(first)
    pack("a: 2")
    second = ConfigLoader(tmp_path / "conf.zip", memo=memo, files=SAME)
    assert second["parameters"] == {"a": 2}
    assert second.resolved("catalog") is first.resolved("catalog")
    (tmp_path / "conf.zip").unlink()
    pack("a: 3").chmod(0o600)
    third = ConfigLoader(tmp_path / "conf.zip", memo=memo, files=SAME)
    assert third["parameters"] == {"a": 2}
    assert third["globals"] == {}


def test_references_are_resolved_anew_where_a_resolver_answers(load, counts, monkeypatch, memo):
    """What an environment variable gives may change; plain references, and those to the same globals, can't."""
    monkeypatch.setenv(VARIABLE, "1")
    steady = "a: {x: 1}\nb: ${a.x}\nc: ${globals:g}\n"
    first = load(
        {
            "base/parameters.yml": steady,
            "base/globals.yml": "g: 1\n",
            "base/catalog.yml": "d: ${oc.env:" + VARIABLE + "}",
        }
    )
    read(first)
    counts()
    second = ConfigLoader(first.conf_source, memo=memo, files=SAME)
    assert second.resolved("parameters") is first.resolved("parameters")
    assert second.resolved("catalog") is first.resolved("catalog")
    assert counts() == {"resolved": 1}
    monkeypatch.setenv(VARIABLE, "2")
    third = ConfigLoader(first.conf_source, memo=memo, files=SAME)
    assert third["catalog"] == {"d": "2"}
    (first.conf_source / "base/globals.yml").write_text("g: 2\n")
    fourth = ConfigLoader(first.conf_source, memo=memo)
    assert fourth["parameters"] == {"a": {"x": 1}, "b": 1, "c": 2}


def test_only_what_an_edit_reaches_is_resolved(load, write_conf, counts, memo):
    """Of many entries that refer to the same values, those of the edited file are resolved, or all if the values are."""
    path = "'${globals:root}/${_file}'"
    entries = {f"base/catalog/{number}.yml": f"d{number}: {{type: X, filepath: {path}}}\n" for number in range(5)}
    first = load({"base/globals.yml": "root: data", "base/catalog_file.yml": "_file: f\n", **entries})
    read(first)
    for_all = counts()["looked up"]
    write_conf({"base/catalog/2.yml": f"d2: {{type: Y, filepath: {path}}}\n"})
    second = ConfigLoader(first.conf_source, memo=memo)
    assert second["catalog"]["d2"] == {"type": "Y", "filepath": "data/f"}
    assert counts()["looked up"] == for_all / 5
    write_conf({"base/globals.yml": "root: elsewhere"})
    third = ConfigLoader(first.conf_source, memo=memo)
    assert third["catalog"]["d4"]["filepath"] == "elsewhere/f"
    assert counts()["looked up"] == for_all
    write_conf({"base/catalog_file.yml": "_file: g\n"})
    fourth = ConfigLoader(first.conf_source, memo=memo)
    assert fourth["catalog"]["d4"]["filepath"] == "elsewhere/g"
    assert counts()["looked up"] == for_all


def test_what_was_taken_over_still_depends_on_the_globals(load, write_conf, memo):
    """Also where an edit beside it left nothing to resolve, so that nobody asked for them."""
    first = load({"base/globals.yml": "g: 1", "base/catalog.yml": "a: ${globals:g}"})
    read(first)
    write_conf({"base/catalog_more.yml": "b: 1"})
    second = ConfigLoader(first.conf_source, memo=memo)
    assert second["catalog"] == {"a": 1, "b": 1}
    write_conf({"base/globals.yml": "g: 2"})
    assert ConfigLoader(first.conf_source, memo=memo)["catalog"] == {"a": 2, "b": 1}


def test_a_value_reached_through_a_resolver(load, monkeypatch, memo):
    """A plain reference to a value that a resolver gives is resolved anew with it."""
    monkeypatch.setenv(VARIABLE, "1")
    first = load({"base/parameters.yml": "_t: ${oc.env:" + VARIABLE + "}\na: ${_t}\nb: ${c.x}\nc: {x: 1}\n"})
    assert first["parameters"] == {"a": "1", "b": 1, "c": {"x": 1}}
    monkeypatch.setenv(VARIABLE, "2")
    second = ConfigLoader(first.conf_source, memo=memo, files=SAME)
    assert second["parameters"] == {"a": "2", "b": 1, "c": {"x": 1}}


def test_globals_that_break(load, write_conf, memo):
    """The reference that asks for them is an error, as it is at first."""
    first = load({"base/parameters.yml": "a: ${globals:g}", "base/globals.yml": "g: 1"})
    read(first)
    write_conf({"base/globals.yml": "g: [1"})
    expected = outcome(ConfigLoader(first.conf_source), "parameters")
    assert expected.startswith("Error conf/base/parameters.yml: a: conf/base/globals.yml, line 1")
    assert outcome(ConfigLoader(first.conf_source, memo=memo), "parameters") == expected


def test_another_order_is_another_configuration(load, write_conf, memo):
    """Datasets are listed in the order of the files, so the order counts."""
    first = load({"base/catalog.yml": "a: {x: 1, y: 2}\nb: 1"})
    read(first)
    write_conf({"base/catalog.yml": "b: 1\na: {x: 1, y: 2}"})
    second = ConfigLoader(first.conf_source, memo=memo)
    assert second.resolved("catalog") is not first.resolved("catalog")
    assert list(second["catalog"]) == ["b", "a"]


def test_the_same_text_in_another_format(load, memo):
    """A file renamed from YAML to JSON is read as JSON."""
    first = load({"base/parameters.yml": "a: 1"})
    read(first)
    (first.conf_source / "base/parameters.yml").rename(first.conf_source / "base/parameters.json")
    with pytest.raises(ConfigError, match=r"conf/base/parameters\.json, line 1"):
        ConfigLoader(first.conf_source, memo=memo).resolved("parameters")


def test_sets_and_pairs_are_the_callers_own(load, memo):
    """Whatever YAML can hold is copied for the caller."""
    first = load({"base/parameters.yml": "a: !!set {x, y}\nb: !!pairs [x: [1]]\n"})
    spoil(first["parameters"])
    assert ConfigLoader(first.conf_source, memo=memo)["parameters"] == {"a": {"x", "y"}, "b": [("x", [1])]}


def test_errors_are_raised_each_time_and_the_mend_works(load, write_conf, memo):
    """A file that breaks gives the message that it gives at first; once it is mended, all is as it was."""
    first = load(MANY)
    before = read(first)
    write_conf({"base/parameters/3.yml": "p3: [1\n"})
    said = set()
    for _ in range(2):
        last = ConfigLoader(first.conf_source, memo=memo, files="others")
        for _ in range(2):
            with pytest.raises(ConfigError) as caught:
                last.resolved("parameters")
            said.add(str(caught.value))
    with pytest.raises(ConfigError) as caught:
        ConfigLoader(first.conf_source).resolved("parameters")
    assert said == {str(caught.value)}
    write_conf({"base/parameters/3.yml": MANY["base/parameters/3.yml"]})
    assert read(ConfigLoader(first.conf_source, memo=memo))[0] is before[0]


def test_a_run_with_extra_parameters_does_not_change_what_is_taken_over(load, memo):
    """The loader of a run shares what was read, and neither it nor its parameters reach the next loader."""
    first = load({"base/parameters.yml": "a: {x: 1}\nb: ${a.x}", "base/catalog.yml": "d: ${runtime_params:r,1}"})
    read(first)
    run = first.with_extra_params({"a": {"x": 2}, "r": 3})
    assert (run["parameters"], run["catalog"]) == ({"a": {"x": 2}, "b": 2, "r": 3}, {"d": 3})
    second = ConfigLoader(first.conf_source, memo=memo, files=SAME)
    assert second.resolved("parameters") is first.resolved("parameters")
    assert (second["parameters"], second["catalog"]) == ({"a": {"x": 1}, "b": 1}, {"d": 1})
    after_run = ConfigLoader(first.conf_source, memo=memo, files=SAME)
    assert (after_run["parameters"], after_run["catalog"]) == ({"a": {"x": 1}, "b": 1}, {"d": 1})


def test_no_loader_is_kept(load, write_conf, memo):
    """However many loaders were made after each other, only the last and what it holds stay in memory."""
    memo.begin()
    last = load({**MANY, "base/spark.yml": "a: ${b}\nb: 1\n"})
    read(last, *KINDS)
    gone = []
    sizes = []
    for number in range(6):
        write_conf({"base/parameters/3.yml": f"p3: {number}\n"})
        gone.append(weakref.ref(last))
        memo.begin()
        last = ConfigLoader(last.conf_source, memo=memo)
        read(last, *KINDS[: 1 + number % 5])
        gc.collect()
        sizes.append(sum(isinstance(each, (ConfigLoader, layers.Layers, FolderSource)) for each in gc.get_objects()))
    assert all(reference() is None for reference in gone)
    assert len(set(sizes)) == 1


def test_what_counts_as_the_same_data():
    """Values, their types and their order; of other objects only the very same one."""
    nan = float("nan")
    same = [({"a": [1, "x", None]}, {"a": [1, "x", None]}), (nan, float("nan")), ((1, [2]), (1, [2])), (b"x", b"x")]
    other = [
        (1, True), (1, 1.0), (0.0, -0.0), ("1", 1), ({"a": 1, "b": 2}, {"b": 2, "a": 1}), ({1: 0}, {True: 0}),
        ([1], (1,)), ([1], [1, 2]), ({}, {"a": 1}), ([], {}), (object(), object()), ({"a": None}, {}), ({1}, {1}),
    ]  # fmt: skip
    assert all(is_same_data(one, two) for one, two in same)
    assert not any(is_same_data(one, two) or is_same_data(two, one) for one, two in other)
