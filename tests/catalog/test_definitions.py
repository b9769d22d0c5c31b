"""Definitions: what is understood, what is refused and how it is told."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

from ipyproject.catalog import Catalog, FileDataset, MemoryDataset
from ipyproject.errors import CatalogError

ORIGIN = "conf/base/catalog.yml"
CSV = {"type": "pandas.CSVDataset", "filepath": "a.csv"}


def make(entry, **options):
    return Catalog.from_config({"companies": entry}, project_root=Path("/project"), **options)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """Write modules of a package of the project and make it importable; gives its name."""
    name = f"shop_{abs(hash(tmp_path)):x}"

    def write(**modules):
        (tmp_path / name).mkdir(exist_ok=True)
        for module, source in {"__init__": "", **modules}.items():
            (tmp_path / name / f"{module}.py").write_text(source)
        importlib.invalidate_caches()
        return name

    monkeypatch.syspath_prepend(tmp_path)
    yield write
    for module in [module for module in sys.modules if module.partition(".")[0] == name]:
        del sys.modules[module]


DATASETS = """
class Echo:
    def __init__(self, **arguments):
        self.arguments = arguments
    def load(self):
        return self.arguments
    def save(self, data):
        self.arguments = data

class Strict(Echo):
    def __init__(self, table):
        raise RuntimeError("no such table")

number = 3
"""


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (None, r"it has no `type`.\nWrite a mapping"),
        ("data/a.csv", r"it has no `type`"),
        ({"filepath": "a.csv"}, r"it has no `type`"),
        ({"type": 3}, r"it has no `type`"),
        ({"type": "pandas.CSVDataset"}, r"it has no `filepath`"),
        ({**CSV, "filepath": 3}, r"`filepath` must be text, not a int"),
        ({**CSV, "load_arg": {}}, r"unknown key 'load_arg'.\nDid you mean 'load_args'"),
        ({**CSV, "load_args": [1]}, r"`load_args` must be a mapping, not a list"),
        ({**CSV, "fs_args": "x"}, r"`fs_args` must be a mapping, not a str"),
        ({**CSV, "versioned": "yes"}, r"`versioned` must be true or false, not a str"),
        ({**CSV, "type": "pandas.CsvDataset"}, r"unknown type 'pandas.CsvDataset'.\nDid you mean 'pandas.CSVDataset'"),
        ({**CSV, "type": "pandsa.CSVDataset"}, r"unknown type 'pandsa.CSVDataset'.\nDid you mean 'pandas.CSVDataset'"),
        ({**CSV, "type": "CSVDataset"}, r"unknown type 'CSVDataset'.\nDid you mean 'pandas.CSVDataset'"),
        ({"type": "nowhere.Foo"}, r"unknown type 'nowhere.Foo'.\nKnown types: MemoryDataset, json"),
        ({"type": "pandas.DataFrame"}, r"unknown type 'pandas.DataFrame'"),
        ({"type": "..Foo"}, r"unknown type '..Foo'"),
        ({"type": "MemoryDataset", "filepath": "x"}, r"unknown key 'filepath'"),
        ({"type": "MemoryDataset", "copy_mode": "assing"}, r"unknown copy_mode 'assing'.\nDid you mean 'assign'"),
        ({"type": "json.tool.Foo", "filepath": "x"}, r"unknown type"),
        ({"type": "decimal.Decimal", "versioned": True}, r"`versioned` is not supported yet for decimal.Decimal"),
        ({**CSV, "credentials": "dev_s4"}, r"there are no credentials 'dev_s4'.\nDid you mean 'dev_s3'"),
        ({**CSV, "credentials": "token"}, r"`credentials` must be a mapping, not a str"),
    ],
)
def test_mistakes_are_found_when_the_catalog_is_made(entry, message):
    """A mistake is told at once, with the dataset, the file and the next step, and never a credential's value."""
    credentials = {"dev_s3": {"key": "hunter2"}, "token": "hunter2"}
    with pytest.raises(CatalogError, match=rf"^Dataset 'companies' in {ORIGIN}: {message}") as caught:
        make(entry, origins={"companies": ORIGIN}, credentials=credentials)
    assert caught.value.hint
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("name", ["params:a", "parameters", 3])
def test_names_that_datasets_cannot_have(name):
    """Names of parameters, and names that are no text, are refused."""
    with pytest.raises(CatalogError, match=f"^Dataset {name!r}: a dataset can't have this name"):
        Catalog.from_config({name: CSV}, project_root=Path())


def test_yaml_anchors_are_left_out():
    """Names that begin with an underscore hold YAML anchors, not datasets."""
    catalog = Catalog.from_config({"_folder": "data/raw", "companies": CSV}, project_root=Path())
    assert catalog.dataset_names() == ["companies"]


def test_every_key_is_used(tmp_path):
    """The keys of a definition reach the dataset; relative paths start at the project's root."""
    entry = {**CSV, "load_args": {"sep": ";"}, "save_args": None, "versioned": False, "metadata": {"owner": "me"}}
    dataset = Catalog.from_config({"a": entry}, project_root=tmp_path)["a"]
    assert isinstance(dataset, FileDataset)
    assert dataset.metadata == {"owner": "me"}
    (tmp_path / "a.csv").write_text("x;y\n1;2\n")
    assert dataset.load().columns.tolist() == ["x", "y"]
    memory = make({"type": "MemoryDataset", "copy_mode": "assign"})["companies"]
    assert isinstance(memory, MemoryDataset)
    assert memory.copy_mode == "assign"


def test_mistake_in_fs_args_names_the_dataset():
    """A mistake found while building names the dataset and its file too."""
    catalog = make({**CSV, "fs_args": {"open_args_save": {"mode": "a"}}}, origins={"companies": ORIGIN})
    with pytest.raises(CatalogError, match=rf"^Dataset 'companies' in {ORIGIN}: a.csv: .*mode 'a'"):
        catalog.load("companies")


def test_class_of_the_project(package):
    """A dotted path is a class, made with the other keys: paths absolute, credentials filled in."""
    name = package(datasets=DATASETS)
    inline = {"type": "x", "credentials": "db"}
    entry = {"type": f"{name}.datasets.Echo", "filepath": "a.db", "credentials": "db", "dataset": inline}
    catalog = make(entry, credentials={"db": {"password": "hunter2"}})
    assert name not in sys.modules, "nothing is imported before the first use"
    assert catalog.load("companies") == {
        "filepath": "/project/a.db",
        "credentials": {"password": "hunter2"},
        "dataset": {"type": "x", "credentials": {"password": "hunter2"}},
    }
    catalog.save("companies", [1])
    assert catalog.load("companies") == [1]


@pytest.mark.parametrize(
    ("type_name", "message"),
    [
        ("datasets.Strict", "datasets.Strict can't be made: RuntimeError: no such table"),
        ("datasets.Ehco", "datasets.Ehco' does not exist"),
        ("nowhere.Foo", "nowhere.Foo' does not exist"),
        ("datasets.number", "datasets.number' is no dataset"),
        ("broken.Foo", "broken.Foo' can't be imported: SyntaxError"),
        ("missing.Foo", "missing.Foo' can't be imported: ModuleNotFoundError: No module named 'not_there'"),
    ],
)
def test_class_that_cannot_be_used(package, type_name, message):
    """A class that can't be imported or made is told at first use, with dataset, type and file."""
    name = package(datasets=DATASETS, broken="def :", missing="import not_there")
    catalog = make({"type": f"{name}.{type_name}", "table": 1}, origins={"companies": ORIGIN})
    with pytest.raises(CatalogError, match=f"^Dataset 'companies' in {ORIGIN}: .*{name}.{message}"):
        catalog.load("companies")


FOREIGN = """
import sys
from pathlib import Path
from ipyproject.catalog import Catalog
sys.path.insert(0, sys.argv[1])
entries = {name: {"type": name, "filepath": "x"} for name in sys.argv[2:]}
catalog = Catalog.from_config(entries, project_root=Path("/project"))
assert "kedro_datasets" not in sys.modules
for name in entries:
    print(name, type(catalog[name]).__module__, catalog.load(name))
"""


def test_datasets_of_the_field_package(tmp_path):
    """With kedro-datasets installed, its type names work, those of our families included; ours stay ours."""
    for family in ("pandas", "polars", "decimal"):
        folder = tmp_path / "kedro_datasets" / family
        folder.mkdir(parents=True)
        (folder / "__init__.py").write_text(DATASETS.replace("Echo", "ExcelDataset"))
    (tmp_path / "kedro_datasets/__init__.py").touch()
    types = ["pandas.ExcelDataset", "polars.ExcelDataset", "decimal.ExcelDataset"]
    command = [sys.executable, "-c", FOREIGN, str(tmp_path), *types]
    result = subprocess.run(command, capture_output=True, text=True, check=True)
    assert result.stdout.splitlines() == [
        f"{name} kedro_datasets.{name.partition('.')[0]} {{'filepath': '/project/x'}}" for name in types
    ]


def test_definitions_are_shown_without_credentials():
    """catalog.definitions shows the entries, read-only, with credentials masked at any depth; so do reprs."""
    entry = {**CSV, "credentials": {"key": "hunter2"}, "fs_args": {"nested": {"credentials": "db"}}}
    catalog = make(entry, credentials={"db": "hunter2"})
    shown = catalog.definitions
    assert shown["companies"] == {**CSV, "credentials": "***", "fs_args": {"nested": {"credentials": "***"}}}
    assert "hunter2" not in repr((shown, catalog, catalog["companies"]))
    with pytest.raises(TypeError):
        shown["other"] = {}


def test_many_definitions_are_checked_in_linear_time():
    """Twice the definitions cost twice the calls."""

    def calls(count):
        entries = {f"d{number}": {**CSV, "load_args": {"sep": ";"}} for number in range(count)}
        counted = 0

        def count_call(frame, event, argument):
            nonlocal counted
            counted += event == "call"

        sys.setprofile(count_call)
        try:
            Catalog.from_config(entries, project_root=Path())
        finally:
            sys.setprofile(None)
        return counted

    calls(10)
    assert calls(2000) < 2.1 * calls(1000)
