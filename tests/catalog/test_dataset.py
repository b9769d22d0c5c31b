"""Memory datasets, and what counts as a dataset."""

from __future__ import annotations

import pickle
import threading

import numpy as np
import pandas as pd
import pytest

from ipyproject.catalog import FileDataset, MemoryDataset
from ipyproject.catalog.dataset import is_dataset
from ipyproject.errors import CatalogError, DatasetError


def test_load_before_save():
    """Loading with nothing saved is an error that says what to do."""
    with pytest.raises(DatasetError, match=r"nothing was saved[^\n]*\n.*Run the node"):
        MemoryDataset().load()


def test_release_forgets_the_data():
    """After release there is no data."""
    dataset = MemoryDataset([1])
    assert dataset.exists()
    dataset.release()
    assert not dataset.exists()
    with pytest.raises(DatasetError):
        dataset.load()


def test_none_can_be_given_but_not_saved():
    """None as the first value is meant; None as the result of a node is a forgotten return."""
    dataset = MemoryDataset(None)
    assert dataset.exists()
    assert dataset.load() is None
    with pytest.raises(DatasetError, match="the node returned None"):
        dataset.save(None)


@pytest.mark.parametrize("data", [{"a": [1]}, pd.DataFrame({"a": [1, 2]}), np.array([1, 2])], ids=type)
def test_users_do_not_share_data(data):
    """What one user changes, another does not see: data is copied on the way in and out."""
    dataset = MemoryDataset()
    dataset.save(data)
    before = repr(dataset.load())
    for mine in (data, dataset.load()):
        if isinstance(mine, dict):
            mine["a"].append(2)
        elif isinstance(mine, pd.DataFrame):
            mine.loc[0, "a"] = 9
        else:
            mine[0] = 9
        assert repr(dataset.load()) == before


class Uncopied:
    """Stands for a handle: says so when it is copied."""

    def __copy__(self):
        return "copied"

    def __deepcopy__(self, memo):
        return "deep-copied"


@pytest.mark.parametrize(
    ("copy_mode", "expected"), [("copy", "copied"), ("deepcopy", "deep-copied"), (None, "deep-copied")]
)
def test_copy_mode_is_used(copy_mode, expected):
    """The copy mode asked for is the one used; unknown things are deep-copied."""
    assert MemoryDataset(Uncopied(), copy_mode=copy_mode).load() == expected


def test_assign_hands_on_the_object():
    """copy_mode assign makes no copy."""
    lock = threading.Lock()
    assert MemoryDataset(lock, copy_mode="assign").load() is lock


@pytest.mark.parametrize("root", ["polars", "pyspark", "ibis"])
def test_handles_are_assigned(root):
    """Frames of engines that copying would break are recognised by their module, also when subclassed."""
    handle = type("Mine", (type("Frame", (Uncopied,), {"__module__": f"{root}.dataframe"}),), {})()
    assert MemoryDataset(handle).load() is handle


def test_pandas_subclass_is_copied_as_pandas():
    """A subclass of a pandas frame, as geopandas has, is copied and stays what it is."""

    class Geo(pd.DataFrame):
        @property
        def _constructor(self):
            return Geo

        def __deepcopy__(self, memo=None):
            raise AssertionError("deep-copied")

    assert isinstance(MemoryDataset(Geo({"a": [1]})).load(), Geo)


def test_what_cannot_be_copied_is_told():
    """An object that can't be copied gives a hint at copy_mode."""
    with pytest.raises(DatasetError, match="lock can't be copied.*\n.*copy_mode: assign"):
        MemoryDataset(threading.Lock())


def test_unknown_copy_mode():
    """An unknown copy mode is an error with the closest."""
    with pytest.raises(CatalogError, match=r"'deep_copy'[^\n]*\nDid you mean 'deepcopy'"):
        MemoryDataset(copy_mode="deep_copy")


def test_pickled_empty_dataset_stays_empty():
    """A dataset that goes to another process keeps its data, and its emptiness."""
    assert not pickle.loads(pickle.dumps(MemoryDataset())).exists()
    assert pickle.loads(pickle.dumps(MemoryDataset([1]))).load() == [1]


def test_repr_shows_no_data():
    """The data, which may be large or secret, is not in the repr."""
    assert repr(MemoryDataset("hunter2")) == "MemoryDataset(str)"
    assert repr(MemoryDataset()) == "MemoryDataset(empty)"


class Model:
    def load(self, path):
        """Need a path."""

    def save(self, path):
        """Need a path."""


class Remote:
    @property
    def load(self):
        """Ask somebody who is not there."""
        raise RuntimeError("not connected")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (MemoryDataset(), True),
        (Remote(), False),
        (FileDataset("text.TextDataset", "a.txt"), True),
        (MemoryDataset, False),
        (Model(), False),
        ({"load": 1}, False),
        (pd.DataFrame({"load": [1], "save": [2]}), False),
    ],
)
def test_what_is_a_dataset(value, expected):
    """An object with load() and save(data) is a dataset; a model with load(path), a class or plain data is not."""
    assert is_dataset(value) is expected
