"""What a context is made of, and what the next one takes over."""

from __future__ import annotations

from textwrap import dedent

import pytest

from ipyproject.config import ConfigLoader
from ipyproject.context import FrozenParams, build_catalog
from ipyproject.errors import FrozenContextError
from ipyproject.memo import Memo

ENTRIES = """
    _csv: &csv {type: pandas.CSVDataset, load_args: {usecols: [a, b]}}
    cars: {<<: *csv, filepath: cars.csv}
    boats: {<<: *csv, filepath: boats.csv, credentials: store}
    cache: {type: MemoryDataset}
"""


@pytest.fixture
def conf(tmp_path):
    """Write files below ``conf/`` and return that folder."""
    folder = tmp_path / "conf"

    def write(**files: str):
        for name, text in files.items():
            file = folder / f"base/{name}.yml"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(dedent(text))
        return folder

    write(catalog=ENTRIES, credentials="store: {key: [x]}", parameters="a: {b: [1]}")
    return write


def test_frozen_params_share_no_list():
    """What a user does to a list of the parameters stays there: the configuration is as the files have it."""
    given = {"a": {"b": [1, {"c": [2]}]}, "d": [3], "e": 4}
    params = FrozenParams(given)
    params["a"]["b"][1]["c"].append(0)
    params["d"].clear()
    assert given == {"a": {"b": [1, {"c": [2]}]}, "d": [3], "e": 4}
    with pytest.raises(TypeError, match="read-only"):
        params["a"]["x"] = 1


def test_the_catalog_of_the_same_configuration_takes_over_the_definitions(conf, tmp_path):
    """None is read again, and its parameters are the very ones; an edit makes only what it says anew."""
    memo = Memo()
    first = ConfigLoader(conf(), memo=memo)
    live = build_catalog(first, tmp_path)
    live["cache"].save(1)
    second = ConfigLoader(first.conf_source, memo=memo)
    again = build_catalog(second, tmp_path, live=live)
    assert again.load("cache") == 1
    assert read_anew(again, live) == set()
    conf(catalog=ENTRIES.replace("cars.csv", "new.csv"))
    third = ConfigLoader(first.conf_source, memo=memo)
    assert read_anew(build_catalog(third, tmp_path, live=again), again) == {"cars"}


def test_credentials_and_origins_count(conf, tmp_path):
    """Definitions are read again with other credentials, and name the file where they stand now."""
    memo = Memo()
    first = ConfigLoader(conf(), memo=memo)
    live = build_catalog(first, tmp_path)
    conf(credentials="store: {key: [y]}")
    second = ConfigLoader(first.conf_source, memo=memo)
    other = build_catalog(second, tmp_path, live=live)
    assert "boats" in read_anew(other, live)
    assert other._definitions["boats"].arguments["credentials"] == {"key": ["y"]}  # noqa: SLF001 - hidden all over
    (first.conf_source / "base/catalog.yml").rename(first.conf_source / "base/catalog_new.yml")
    third = ConfigLoader(first.conf_source, memo=memo)
    moved = build_catalog(third, tmp_path, live=other)
    assert third.resolved("catalog") is second.resolved("catalog")
    assert moved._definitions["cars"].origin == "conf/base/catalog_new.yml"  # noqa: SLF001


def test_a_deleted_dataset_is_back(conf, tmp_path):
    """The catalog is what the files say, whatever was done to the one before."""
    memo = Memo()
    first = ConfigLoader(conf(), memo=memo)
    live = build_catalog(first, tmp_path)
    del live["cars"]
    second = ConfigLoader(first.conf_source, memo=memo, files=1)
    assert list(build_catalog(second, tmp_path, live=live).definitions) == ["cars", "boats", "cache"]


def test_what_is_done_to_a_dataset_does_not_reach_its_definition(conf, tmp_path):
    """Neither a dataset nor the shown definitions share lists with the configuration."""
    memo = Memo()
    first = ConfigLoader(conf(), memo=memo)
    live = build_catalog(first, tmp_path)
    live["cars"]._load_args["usecols"].append("spoilt")  # noqa: SLF001 - as a dataset's own code may
    live.definitions["cars"]["load_args"]["usecols"].append("spoilt")
    second = ConfigLoader(first.conf_source, memo=memo)
    definitions = build_catalog(second, tmp_path, live=live).definitions
    assert definitions["cars"]["load_args"] == {"usecols": ["a", "b"]}
    assert second["catalog"]["cars"]["load_args"] == {"usecols": ["a", "b"]}


def test_a_change_of_order_alone_reaches_the_datasets(conf, tmp_path):
    """A dataset whose definition says the same in another order is made anew, as a fresh kernel makes it."""
    entry = "cars: {{type: pandas.CSVDataset, filepath: cars.csv, save_args: {{header: {{{}}}}}}}"
    memo = Memo()
    first = ConfigLoader(conf(catalog=entry.format("a: 1, b: 2")), memo=memo)
    live = build_catalog(first, tmp_path)
    assert list(live.definitions["cars"]["save_args"]["header"]) == ["a", "b"]
    before = live["cars"]
    conf(catalog=entry.format("b: 2, a: 1"), parameters="c: 0\na: {b: [1]}")
    second = ConfigLoader(first.conf_source, memo=memo)
    again = build_catalog(second, tmp_path, live=live)
    assert again["cars"] is not before
    assert list(again.definitions["cars"]["save_args"]["header"]) == ["b", "a"]
    assert list(FrozenParams(second.resolved("parameters"))) == ["c", "a"]
    conf(catalog=entry.format("b: 2, a: true"))
    third = build_catalog(ConfigLoader(first.conf_source, memo=memo), tmp_path, live=again)
    assert third["cars"] is not again["cars"], "1 equals True, and is another value"


def read_anew(catalog, live) -> set[str]:
    """Return the names whose definition is not the very object of the catalog before."""
    before = live._definitions  # noqa: SLF001 - what is shown of them are copies
    return {name for name, definition in catalog._definitions.items() if before.get(name) is not definition}  # noqa: SLF001


@pytest.mark.parametrize("name", ["mlflow", "catalog"])
def test_attributes_of_a_context(make_project, name):
    """Setting or deleting one, as plugins of the field do, is an error that says where else to keep it."""
    context = make_project().open().load_context()
    catalog = context.catalog
    for change in (lambda: setattr(context, name, 1), lambda: delattr(context, name)):
        with pytest.raises(FrozenContextError, match=rf"frozen: its attribute '{name}' can't .*\n.*session\.log"):
            change()
    assert isinstance(FrozenContextError("x"), AttributeError)
    assert context.catalog is catalog
    assert not hasattr(context, "mlflow")
