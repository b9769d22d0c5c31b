"""Every format of the table, through real files."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ipyproject.catalog import FileDataset
from ipyproject.catalog.formats import FORMATS
from ipyproject.errors import CatalogError, DatasetError

FRAME = pd.DataFrame({"name": ["Ada", "Änne, B.", 'a "quoted"\nline'], "size": [1.5, float("nan"), 3.0]})
SAMPLES = {
    "json.JSONDataset": {"a": [1, 2.5, None, "ü\r\n"]},
    "pandas.CSVDataset": FRAME,
    "pandas.JSONDataset": FRAME,
    "pandas.ParquetDataset": FRAME,
    "pickle.PickleDataset": {"a": {1, 2}, "b": Path("x")},
    "text.TextDataset": "one\r\ntwo\nüç\n",
    "yaml.YAMLDataset": {"b": [1, None, "no"], "a": {"x": 1.5}},
}

more = settings(
    deadline=None, max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
texts = st.text(st.characters(exclude_categories=["Cs"]))
trees = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats(allow_nan=False) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)


def equal(left, right):
    return left.equals(right) if isinstance(left, pd.DataFrame) else left == right


def test_samples_cover_the_table():
    """Every format that can load has a round trip below."""
    assert set(SAMPLES) == {name for name, form in FORMATS.items() if form.load}


@pytest.mark.parametrize("suffix", ["", ".gz", ".bz2", ".xz", ".zip"])
@pytest.mark.parametrize("type_name", SAMPLES)
def test_round_trip(tmp_path, type_name, suffix):
    """What was saved comes back equal, compressed by suffix or not."""
    dataset = FileDataset(type_name, tmp_path / f"data.any{suffix}")
    dataset.save(SAMPLES[type_name])
    assert equal(FileDataset(type_name, dataset.filepath).load(), SAMPLES[type_name])
    magic = {"": b"", ".gz": b"\x1f\x8b", ".bz2": b"BZh", ".xz": b"\xfd7zXZ", ".zip": b"PK"}[suffix]
    assert Path(dataset.filepath).read_bytes().startswith(magic)


@more
@given(data=trees.filter(lambda tree: tree is not None))
@pytest.mark.parametrize("type_name", ["json.JSONDataset", "pickle.PickleDataset", "yaml.YAMLDataset"])
def test_any_tree_round_trips(tmp_path, type_name, data):
    """Any tree of plain values comes back as it was."""
    dataset = FileDataset(type_name, tmp_path / "data.txt")
    dataset.save(data)
    assert dataset.load() == data


@more
@given(data=texts)
def test_any_text_round_trips(tmp_path, data):
    """Any text comes back as it was, line ends included."""
    dataset = FileDataset("text.TextDataset", tmp_path / "data.txt")
    dataset.save(data)
    assert dataset.load() == data


def test_arguments_go_through(tmp_path):
    """load_args and save_args reach the library."""
    path = tmp_path / "data.csv"
    dataset = FileDataset("pandas.CSVDataset", path, load_args={"sep": ";", "index_col": 0}, save_args={"sep": ";"})
    dataset.save(FRAME[["name"]])
    assert path.read_text().startswith("name\nAda\n")
    with_index = FileDataset("pandas.CSVDataset", path, save_args={"sep": ";", "index": True})
    with_index.save(FRAME)
    assert dataset.load().equals(FRAME)


def test_encoding_of_pandas_and_text(tmp_path):
    """A csv has its encoding in its arguments, a text file in fs_args."""
    path = tmp_path / "data.txt"
    path.write_bytes("a\nÄ\n".encode("latin-1"))
    table = FileDataset("pandas.CSVDataset", path, load_args={"encoding": "latin-1"})
    assert table.load()["a"].tolist() == ["Ä"]
    text = FileDataset("text.TextDataset", path, fs_args={"open_args_load": {"encoding": "latin-1"}})
    assert text.load() == "a\nÄ\n"


def test_chunks_are_read_one_after_the_other(tmp_path):
    """A chunked read keeps the file open until its last chunk."""
    path = tmp_path / "data.csv"
    pd.DataFrame({"a": range(5)}).to_csv(path, index=False)
    chunks = FileDataset("pandas.CSVDataset", path, load_args={"chunksize": 2}).load()
    assert [len(chunk) for chunk in chunks] == [2, 2, 1]


@pytest.mark.parametrize(
    ("name", "magic"), [("p.png", b"\x89PNG"), ("p.pdf", b"%PDF"), ("p.svg", b"<?xml"), ("p", b"\x89PNG")]
)
def test_figure_takes_its_format_from_the_suffix(tmp_path, name, magic):
    """A figure is written in the format that the file's name says; it can't be loaded again."""
    from matplotlib.figure import Figure

    dataset = FileDataset("matplotlib.MatplotlibDataset", tmp_path / "plots" / name)
    figure = Figure()
    figure.subplots().plot([1, 2])
    dataset.save(figure)
    assert (tmp_path / "plots" / name).read_bytes().startswith(magic)
    with pytest.raises(DatasetError, match="only saves"):
        dataset.load()


@pytest.mark.parametrize(
    ("type_name", "data", "reason"),
    [
        ("pandas.CSVDataset", {"a": 1}, "dict as pandas.CSVDataset.*to_csv"),
        ("pandas.ParquetDataset", [1], "list as pandas.ParquetDataset.*to_parquet"),
        ("json.JSONDataset", FRAME, "DataFrame as json.JSONDataset.*not JSON serializable"),
        ("yaml.YAMLDataset", object(), "object as yaml.YAMLDataset.*cannot represent"),
        ("text.TextDataset", b"bytes", "bytes as text.TextDataset.*only a str"),
        ("text.TextDataset", "\ud800", "str as text.TextDataset.*surrogates"),
        ("pickle.PickleDataset", lambda: 1, "function as pickle.PickleDataset.*pickle"),
        ("matplotlib.MatplotlibDataset", {}, "dict as matplotlib.MatplotlibDataset.*savefig"),
        ("json.JSONDataset", None, "the node returned None"),
    ],
)
def test_data_of_a_wrong_kind(tmp_path, type_name, data, reason):
    """The message names the data's type, the format and the reason; nothing is left on disk."""
    with pytest.raises(DatasetError, match=reason) as caught:
        FileDataset(type_name, "data.any", root=tmp_path).save(data)
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("type_name", "content"),
    [
        ("pandas.CSVDataset", b'a,b\n1,2\n"3'),
        ("pandas.CSVDataset", b""),
        ("pandas.ParquetDataset", b"no parquet"),
        ("json.JSONDataset", b"{"),
        ("yaml.YAMLDataset", b"a: [1"),
        ("pickle.PickleDataset", b"no pickle"),
        ("text.TextDataset", b"\xff\xfe\xff"),
    ],
)
@pytest.mark.parametrize("suffix", ["", ".gz", ".zip"])
def test_broken_file(tmp_path, type_name, content, suffix):
    """A broken file is one error that names it, chained to what the library said."""
    (tmp_path / f"data{suffix}").write_bytes(content)
    with pytest.raises(DatasetError, match=rf"data{suffix} can't be loaded: \w+") as caught:
        FileDataset(type_name, f"data{suffix}", root=tmp_path).load()
    assert caught.value.__cause__ is not None
    assert caught.value.hint


@pytest.mark.parametrize("hidden", ["pandas", "pyarrow"])
def test_missing_library(tmp_path, hidden):
    """A format whose library is not installed says what to install."""
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "data.parquet")
    script = f"""
import sys
sys.modules[{hidden!r}] = None
from ipyproject.catalog import Catalog
from ipyproject.errors import DatasetError
from pathlib import Path
entry = {{"type": "pandas.ParquetDataset", "filepath": "data.parquet"}}
try:
    Catalog.from_config({{"companies": entry}}, project_root=Path({str(tmp_path)!r})).load("companies")
except DatasetError as error:
    print(error)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert "'companies'" in told
    assert "pandas.ParquetDataset" in told
    assert "pip install 'ipyproject[pandas]'" in told


def test_unknown_type():
    """An unknown type is an error with the closest."""
    with pytest.raises(CatalogError, match=r"'pandas.CsvDataset'[^\n]*\nDid you mean 'pandas.CSVDataset'"):
        FileDataset("pandas.CsvDataset", "a.csv")


def test_importing_the_catalog_imports_nothing_heavy():
    """Neither fsspec nor pandas nor yaml is imported until a dataset is used."""
    script = """
import sys
from ipyproject.catalog import Catalog
from pathlib import Path
entries = {"a": {"type": "pandas.CSVDataset", "filepath": "a.csv"}}
catalog = Catalog.from_config(entries, project_root=Path())
print(repr(catalog), catalog["a"])
print(sorted({"fsspec", "pandas", "numpy", "yaml", "omegaconf", "matplotlib", "asyncio"} & set(sys.modules)))
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout
    assert told.splitlines()[-1] == "[]"
