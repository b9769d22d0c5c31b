"""The catalog as a mapping, loading and saving, parameters, and the catalog after a reload."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pandas as pd
import pytest

from ipyproject import reload_project
from ipyproject.catalog import Catalog, MemoryDataset
from ipyproject.errors import CatalogError, DatasetError, DatasetNotFoundError, ProjectCodeError

ORIGIN = "conf/base/catalog.yml"
ENTRIES = {
    "companies": {"type": "pandas.CSVDataset", "filepath": "data/companies.csv"},
    "model": {"type": "pickle.PickleDataset", "filepath": "data/model.pkl", "versioned": True},
    "report@text": {"type": "text.TextDataset", "filepath": "data/report.txt"},
    "features": {"type": "MemoryDataset"},
}
PARAMS = {"model": {"share": 0.3, "seed": 1}, "a.b": {"c": 1}, "a": {"b": {"c": 2}, "d": [1]}, 7: "seven"}


@pytest.fixture
def catalog(tmp_path):
    """A catalog of files in an empty project."""
    origins = dict.fromkeys(ENTRIES, ORIGIN)
    return Catalog.from_config(ENTRIES, project_root=tmp_path, params=PARAMS, origins=origins)


# -- a mapping


def test_mapping(catalog):
    """Iteration gives datasets in order of definition, then added ones, then parameters; len and in agree."""
    catalog["extra"] = [1]
    names = list(catalog)
    assert names[:6] == ["companies", "model", "report@text", "features", "extra", "parameters"]
    assert set(names[6:]) == {
        *("params:model", "params:model.share", "params:model.seed", "params:a", "params:a.b", "params:a.b.c"),
        *("params:a.d", "params:7"),
    }
    assert len(catalog) == len(names)
    assert all(name in catalog for name in names)
    assert all(hasattr(catalog[name], "load") for name in names)
    assert 3 not in catalog
    assert catalog._ipython_key_completions_() == names
    assert repr(catalog) == "<Catalog: 5 datasets, 9 parameters>"


def test_datasets_are_built_once(catalog):
    """A dataset is built when first used, and stays the same object, also for threads at once."""
    barrier = threading.Barrier(8)

    def first_use():
        barrier.wait()
        return catalog["companies"]

    with ThreadPoolExecutor(8) as pool:
        built = [future.result() for future in [pool.submit(first_use) for _ in range(8)]]
    assert {id(dataset) for dataset in built} == {id(catalog["companies"])}


def test_setting_data_or_a_dataset(catalog):
    """Data set under a name is kept in memory; a dataset is taken as it is, also in place of a defined one."""
    catalog["frame"] = pd.DataFrame({"a": [1]})
    assert catalog.load("frame")["a"].tolist() == [1]
    mine = MemoryDataset("x")
    catalog["companies"] = mine
    assert catalog["companies"] is mine
    with pytest.raises(CatalogError, match=r"'params:a' is a parameter and can't be set.\n.*extra_params"):
        catalog["params:a"] = 1


def test_deleting(catalog):
    """A deleted dataset is gone, defined or added."""
    catalog["extra"] = 1
    for name in ("extra", "companies", "model"):
        del catalog[name]
        assert name not in catalog
        with pytest.raises(DatasetNotFoundError):
            catalog.load(name)
        with pytest.raises(DatasetNotFoundError):
            del catalog[name]
    assert catalog.dataset_names() == ["report@text", "features"]


@pytest.mark.parametrize("step", [Catalog.load, Catalog.__getitem__, Catalog.release, lambda c, n: c.save(n, 1)])
def test_unknown_dataset(catalog, step):
    """An unknown name is an error with the closest; it is a KeyError too, so get() works."""
    with pytest.raises(DatasetNotFoundError, match=r"no dataset 'compnies'.\nDid you mean 'companies'"):
        step(catalog, "compnies")
    assert catalog.get("compnies") is None
    assert not catalog.exists("compnies")


# -- data


def test_save_and_load(catalog, tmp_path):
    """Data goes to the dataset's file and comes back."""
    frame = pd.DataFrame({"a": [1, 2]})
    assert not catalog.exists("companies")
    catalog.save("companies", frame)
    assert catalog.exists("companies")
    assert (tmp_path / "data/companies.csv").read_text() == "a\n1\n2\n"
    assert catalog.load("companies").equals(frame)
    catalog.save("report@text", "x")
    assert catalog.load("report@text") == "x"


def test_versions(catalog):
    """Versioned datasets load the newest version, or the one asked for."""
    catalog.save("model", 1)
    catalog.save("model", 2)
    newest, oldest = catalog["model"].versions()
    assert catalog.load("model") == catalog.load("model", version=newest) == 2
    assert catalog.load("model", version=oldest) == 1
    with pytest.raises(DatasetError, match=rf"'model' \({ORIGIN}\): data/model.pkl has no version 'v0'.\nNewest"):
        catalog.load("model", version="v0")
    for name in ("features", "companies", "params:model"):
        with pytest.raises(DatasetError, match=f"'{name}'.*not versioned"):
            catalog.load(name, version="v0")


def test_missing_file(catalog):
    """A missing file is told with the dataset, the path from the root, the file of its definition and what to do."""
    with pytest.raises(DatasetError) as caught:
        catalog.load("companies")
    assert str(caught.value) == (
        f"Can't load dataset 'companies' ({ORIGIN}): data/companies.csv does not exist.\n"
        "Create the file, or run the node that writes it."
    )


def test_broken_file(catalog, tmp_path):
    """A broken file is told with the dataset and the library's reason, chained to its error."""
    (tmp_path / "data").mkdir()
    (tmp_path / "data/companies.csv").touch()
    with pytest.raises(DatasetError, match=r"'companies' .*data/companies.csv can't be loaded: EmptyData") as caught:
        catalog.load("companies")
    assert type(caught.value.__cause__).__name__ == "EmptyDataError"


@pytest.mark.parametrize("name", ["companies", "features"])
def test_saving_none(catalog, name):
    """A node that returned None is told with the dataset."""
    with pytest.raises(DatasetError, match=rf"Can't save dataset '{name}' \({ORIGIN}\): .*the node returned None"):
        catalog.save(name, None)


def test_saving_the_wrong_kind(catalog):
    """Data that a format can't write is told with the dataset and the data's type."""
    with pytest.raises(DatasetError, match=r"Can't save dataset 'companies' .*from a dict as pandas.CSVDataset"):
        catalog.save("companies", {})


class Failing:
    """A dataset of the user's own, without exists and release."""

    def load(self):
        raise RuntimeError("server gone\nmore of it")

    def save(self, data):
        raise OSError


class FailingToLook(Failing):
    def exists(self):
        raise RuntimeError("server gone")


def test_errors_of_foreign_datasets(catalog):
    """Whatever a dataset raises becomes one DatasetError with its name, chained."""
    catalog["other"] = Failing()
    with pytest.raises(DatasetError, match=r"^Can't load dataset 'other': RuntimeError: server gone\n") as caught:
        catalog.load("other")
    assert "more of it" not in str(caught.value)
    assert isinstance(caught.value.__cause__, RuntimeError)
    with pytest.raises(DatasetError, match=r"^Can't save dataset 'other': OSError\n"):
        catalog.save("other", 1)
    assert not catalog.exists("other")
    catalog.release()
    catalog["other"] = FailingToLook()
    with pytest.raises(DatasetError, match=r"^Can't look for dataset 'other': RuntimeError"):
        catalog.exists("other")


def test_release(catalog):
    """Release forgets one dataset, or all."""
    catalog["x"], catalog["y"] = 1, 2
    catalog.release("x")
    catalog.release("companies")
    catalog.release("params:a")
    assert not catalog.exists("x")
    assert catalog.exists("y")
    catalog.release()
    assert not catalog.exists("y")
    assert "y" in catalog


def test_what_is_in_memory(catalog):
    """A name without a definition, or with one that says so, is kept in memory."""
    catalog["frame"] = 1
    in_memory = {name for name in [*catalog, "unknown"] if catalog.is_in_memory(name)}
    assert in_memory == {"features", "frame", "unknown"}


# -- parameters


def test_parameters(catalog):
    """Parameters load as copies: all, a branch or a leaf; a key that holds a dot wins over a nested one."""
    assert catalog.load("parameters") == PARAMS == catalog.params
    assert catalog.load("params:model") == {"share": 0.3, "seed": 1}
    assert catalog.load("params:model.share") == 0.3
    assert catalog.load("params:a.b") == {"c": 1}
    assert catalog.load("params:7") == "seven"
    assert catalog.exists("params:model")
    catalog.load("parameters")["model"]["share"] = 1
    catalog.load("params:a.d").append(2)
    catalog.params["a"]["d"].append(2)
    assert catalog.params == PARAMS == catalog.load("parameters")


def test_unknown_parameter(catalog):
    """An unknown parameter is an error with the closest."""
    with pytest.raises(DatasetNotFoundError, match=r"'params:model.shre'.\nDid you mean 'params:model.share'"):
        catalog.load("params:model.shre")
    assert not catalog.exists("params:model.shre")


@pytest.mark.parametrize("name", ["parameters", "params:model"])
def test_parameters_cannot_be_saved(catalog, name):
    """Saving a parameter is an error; deleting one too."""
    with pytest.raises(DatasetError, match=f"'{name}' is a parameter and can't be saved"):
        catalog.save(name, 1)
    with pytest.raises(DatasetNotFoundError):
        del catalog[name]


def test_no_parameters():
    """Without parameters, `parameters` is empty and there."""
    assert list(Catalog()) == ["parameters"]
    assert Catalog({"x": 1}).load("parameters") == {}


# -- after a reload


def test_unchanged_datasets_survive_new_definitions(catalog, tmp_path):
    """What is in memory keeps its data if its definition is the same; every dataset is another object."""
    catalog.save("features", "kept")
    catalog["result"], catalog["taken"] = "kept", "dropped"
    before = {name: catalog[name] for name in catalog.dataset_names()}
    entries = {
        **{name: dict(entry) for name, entry in ENTRIES.items()},
        "companies": {**ENTRIES["companies"], "load_args": {"sep": ";"}},
        "taken": {"type": "MemoryDataset"},
    }
    del entries["report@text"]
    new = catalog.with_definitions(entries, params={"b": 1}, origins={"features": "conf/local/catalog.yml"})
    assert not any(new[name] is before[name] for name in before if name in new)
    assert new.load("features") == new.load("result") == "kept"
    assert "report@text" not in new
    assert not new.exists("taken")
    assert new.params == {"b": 1}
    assert new["companies"] is not before["companies"]
    assert catalog["companies"] is before["companies"], "the old catalog is as it was"
    assert catalog.params == PARAMS
    new.save("companies", pd.DataFrame({"a": [1]}))
    assert (tmp_path / "data/companies.csv").exists()


def test_changed_credentials_change_the_dataset(tmp_path):
    """A definition that names other credentials now, or the same ones with another value, is another one."""
    entries = {name: {**ENTRIES["companies"], "credentials": name} for name in ("same", "new")}
    old = Catalog.from_config(
        entries, project_root=tmp_path, credentials={"same": {"key": 1}, "new": {"key": 1}}, params=PARAMS
    )
    new = old.with_definitions(entries, credentials={"same": {"key": 1}, "new": {"key": 2}})
    assert [set(changed) for changed in new.changed_definitions(old)] == [{"new"}, {"new"}]


def test_failing_reload_changes_nothing(catalog):
    """New definitions that are not understood leave the catalog as it was."""
    before = dict(catalog)
    with pytest.raises(CatalogError):
        catalog.with_definitions({"companies": {"type": "pandas.Nothing"}})
    assert {name: catalog[name] for name in before} == before


class Uncopied:
    """Data that can't be copied."""

    def __deepcopy__(self, memo):
        raise AssertionError("copied")


class Foreign:
    """A dataset of another class that keeps what it has loaded until it is released."""

    made = 0

    def __init__(self, filepath=None):
        type(self).made += 1
        self.filepath, self.cached, self.released = filepath, None, 0

    def load(self):
        if self.cached is None:
            self.cached = Path(self.filepath).read_text()
        return self.cached

    def save(self, data):
        self.cached = data

    def release(self):
        self.cached = None
        self.released += 1


@pytest.fixture
def foreign(tmp_path):
    """A catalog with a dataset of another class, and its definitions."""
    entries = {
        "other": {"type": f"{__name__}.Foreign", "filepath": "other.txt"},
        "kept": {"type": "MemoryDataset", "copy_mode": "assign"},
        "file": {"type": "json.JSONDataset", "filepath": "file.json"},
    }
    (tmp_path / "other.txt").write_text("1")
    return Catalog.from_config(entries, project_root=tmp_path), entries


def test_data_is_shared_and_datasets_are_not(foreign):
    """The new catalog has the very data, in another dataset; what either does leaves the other as it was."""
    old, entries = foreign
    data = Uncopied()
    old.save("kept", data)
    old["by_hand"] = MemoryDataset([1], copy_mode="assign")
    new = old.with_definitions(entries)
    assert new.load("kept") is old.load("kept") is data
    assert new.load("by_hand") is old.load("by_hand")
    new.release()
    new.save("kept", 2)
    new["by_hand"], new["more"] = 3, 4
    del new["file"]
    assert (old.load("kept"), old.load("by_hand")) == (data, [1])
    assert "more" not in old
    assert "file" in old
    old.release("kept")
    assert new.load("kept") == 2


def test_datasets_of_other_classes_are_made_anew(foreign, tmp_path):
    """By the new catalog from the definition, when first used; one put in by hand is kept, for it can't be made."""
    old, entries = foreign
    by_hand = old["by_hand"] = Foreign()
    by_hand.save("mine")
    before, made = old["other"], Foreign.made
    assert old.load("other") == "1"
    (tmp_path / "other.txt").write_text("2")
    new = old.with_definitions(entries)
    assert Foreign.made == made
    assert new.load("other") == "2"
    assert (old.load("other"), old["other"]) == ("1", before)
    assert new["by_hand"] is by_hand
    again = old["other"] = Foreign(tmp_path / "other.txt")
    assert old.with_definitions(entries)["other"] is again, "by hand in place of a defined one"
    assert "by_hand" not in old.with_definitions(entries, replaced_modules={__name__})


def test_a_dataset_whose_release_fails(foreign):
    """It is named."""
    catalog, _ = foreign
    catalog["other"].release = lambda: 1 / 0
    with pytest.raises(DatasetError, match="Can't release dataset 'other': .*ZeroDivisionError"):
        catalog.release()


def test_what_is_held_in_memory(foreign):
    """Each name with data in memory gives the data itself, and may get other data, uncopied; nothing is built."""
    catalog, _ = foreign
    data, other = Uncopied(), Uncopied()
    catalog.save("kept", data)
    catalog["empty"], catalog["other"] = MemoryDataset(), Foreign()
    assert catalog.in_memory() == {"kept": data}
    catalog.replace_in_memory("kept", other)
    assert catalog.in_memory()["kept"] is catalog.load("kept") is other
    catalog["numbers"] = [1]
    held = catalog.in_memory()["numbers"]
    catalog.replace_in_memory("numbers", held)
    assert catalog.load("numbers") is not held, "it is copied on the way out as before"
    for name in ("file", "other", "nothing", "params:a"):
        with pytest.raises(DatasetNotFoundError):
            catalog.replace_in_memory(name, 1)


HOOKS = """
    from pathlib import Path
    from ipyproject import hook_impl
    class Hooks:
        @hook_impl
        def after_catalog_created(self, catalog):
            if Path({flag!r}).exists():
                catalog.save("doubled", "new"); catalog.release("by_hand"); catalog["more"] = 1
                catalog["assigned"] = "new"; del catalog["gone"]
        @hook_impl
        def after_context_created(self, context):
            if Path({flag!r}).exists():
                context.catalog.release()
                1 / 0
    HOOKS = (Hooks(),)
    """


def test_a_failing_reload_leaves_the_catalog_as_it_was(make_project, tmp_path):
    """Whatever hooks have done to the new catalog until then; the one after it has the data still."""
    flag = tmp_path / "fail"
    catalog_yml = "{orders: {type: json.JSONDataset, filepath: data/orders.json}, doubled: {type: MemoryDataset}, gone: {type: MemoryDataset}}"
    project = make_project({"src/shop/settings.py": HOOKS.format(flag=str(flag)), "conf/base/catalog.yml": catalog_yml})
    session = reload_project(project.root)
    session.run()
    catalog = session.catalog
    catalog["by_hand"], catalog["assigned"], catalog["gone"] = [1], MemoryDataset("old", copy_mode="assign"), 5
    names, datasets, held = list(catalog), dict(catalog), catalog.in_memory()
    flag.touch()
    for edit in ("rate: 4", "rate: 5"):
        project.write({"conf/base/parameters.yml": edit})
        with pytest.raises(ProjectCodeError, match="ZeroDivisionError"):
            reload_project()
    assert session.catalog is catalog
    assert list(catalog) == names
    assert all(catalog[name] is datasets[name] for name in catalog.dataset_names())
    assert catalog.in_memory() == held
    flag.unlink()
    after = reload_project().catalog
    assert after.in_memory() == held
    assert not any(after[name] is datasets[name] for name in held)
