"""One run's view of the catalog."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

import pytest

from ipyproject.catalog import Catalog, MemoryDataset
from ipyproject.catalog.run_catalog import for_run
from ipyproject.errors import CatalogError, DatasetError, DatasetNotFoundError

ENTRIES = {
    "report": {"type": "text.TextDataset", "filepath": "data/report.txt"},
    "model": {"type": "json.JSONDataset", "filepath": "data/model.json", "versioned": True},
    "features": {"type": "MemoryDataset", "copy_mode": "assign"},
}


@pytest.fixture
def live(tmp_path):
    """A session's catalog."""
    return Catalog.from_config(
        ENTRIES, project_root=tmp_path, params={"a": {"b": 1}}, origins={"report": "conf/base/catalog.yml"}
    )


def test_everything_is_shared(live):
    """What a run does not set itself is the live catalog's."""
    live["extra"] = 1
    view = for_run(live, save_version="r1")
    assert list(view) == list(live)
    assert len(view) == len(live)
    assert view["report"] is live["report"]
    assert view["extra"] is live["extra"]
    assert view.load("params:a.b") == 1
    assert view.definitions == live.definitions
    assert "nothing" not in view
    with pytest.raises(DatasetNotFoundError, match="Did you mean 'report'"):
        view.load("reprt")
    with pytest.raises(DatasetError, match=r"'report' \(conf/base/catalog.yml\): data/report.txt does not exist"):
        view.load("report")


def test_results_in_memory_become_the_live_catalogs(live):
    """What a run keeps in memory, defined or not, is in the live catalog afterwards; a failed save changes nothing."""
    live.save("features", "old")
    view = for_run(live, save_version="r1")
    for name in ("features", "scores"):
        with pytest.raises(DatasetError):
            view.save(name, None)
    assert live.load("features") == "old"
    assert "scores" not in live
    result = {"a": [1]}
    view.save("features", result)
    view.save("scores", result)
    view.save("report", "text")
    assert live.load("features") is view.load("features") is result, "copy_mode is the definition's"
    assert live.load("scores") == view.load("scores") == result
    assert live.load("report") == "text"


def test_runs_at_the_same_time_do_not_mix(live):
    """Each run loads the results that it saved itself; the live catalog has the last ones."""
    one, two = for_run(live, save_version="r1"), for_run(live, save_version="r2")
    for name in ("features", "scores"):
        one.save(name, 1)
        two.save(name, 2)
        assert (one.load(name), two.load(name), live.load(name)) == (1, 2, 2)
        one.release(name)
        assert live.load(name) == 2


def test_released_results_are_released_for_good(live):
    """A result released by the run does not stay in the live catalog's memory."""
    view = for_run(live, save_version="r1")
    view.save("scores", 1)
    view.release("scores")
    assert not live.exists("scores")


def test_inputs_stay_in_the_run(live):
    """Inputs hide what the catalog has, for this run only; data or a dataset."""
    live.save("report", "live")
    view = for_run(live, save_version="r1", inputs={"report": "mine", "free": [1], "own": MemoryDataset(2)})
    assert [view.load(name) for name in ("report", "free", "own")] == ["mine", [1], 2]
    assert {"report", "free", "own"} <= set(view)
    assert live.load("report") == "live"
    assert "free" not in live
    view["set"] = 3
    assert "set" not in live
    del view["set"]
    assert "set" not in view
    with pytest.raises(DatasetNotFoundError, match="session's catalog"):
        del view["model"]
    with pytest.raises(CatalogError, match="'params:a' is a parameter"):
        for_run(live, save_version="r1", inputs={"params:a": 1})


def test_parameters_of_a_run(live):
    """A run's parameters replace the live ones, for this run only."""
    view = for_run(live, save_version="r1", params={"c": 2})
    assert view.load("params:c") == 2
    assert view.params == {"c": 2}
    assert "params:a" not in view
    assert list(view)[-2:] == ["parameters", "params:c"]
    with pytest.raises(DatasetError, match="can't be saved"):
        view.save("params:c", 1)
    assert live.params == {"a": {"b": 1}}
    assert "params:c" not in live


def test_versions_of_a_run(live):
    """A run saves its own version and then loads it, whatever is newer; before, it loads what was asked for."""
    for_run(live, save_version="r1").save("model", 1)
    for_run(live, save_version="r9").save("model", 9)
    assert live.load("model") == 9
    view = for_run(live, save_version="r2", load_versions={"model": "r1"})
    assert view.load("model") == 1
    view.save("model", 2)
    assert view.load("model") == 2
    assert view.load("model", version="r9") == 9
    assert live.load("model") == 9
    with pytest.raises(DatasetError, match="'model': .*has a version 'r2' already"):
        for_run(live, save_version="r2").save("model", 3)


@pytest.mark.parametrize(
    ("name", "kind", "message"),
    [
        ("modl", DatasetNotFoundError, "Did you mean 'model'"),
        ("report", DatasetError, "'report' can be loaded: it is not versioned"),
        ("params:a", DatasetError, "'params:a' can be loaded: it is not versioned"),
    ],
)
def test_version_that_cannot_be_loaded(live, name, kind, message):
    """A version for an unknown or unversioned dataset is an error before the run starts."""
    with pytest.raises(kind, match=message):
        for_run(live, save_version="r1", load_versions={name: "v1"})


def test_versions_are_simple_names(live):
    """A version that leads elsewhere is refused before the run starts."""
    with pytest.raises(DatasetError, match="can't be a version"):
        for_run(live, save_version="../r1")
    with pytest.raises(DatasetError, match="can't be a version"):
        for_run(live, save_version="r1", load_versions={"model": "a/b"})


def test_definitions_that_parameters_changed(live, tmp_path):
    """Only changed definitions make datasets of the run's own; the live ones stay."""
    live.save("report", "live")
    entries = {**ENTRIES, "report": {**ENTRIES["report"], "filepath": "data/other.txt"}}
    view = for_run(live, save_version="r1", definitions=entries)
    assert view["features"] is live["features"]
    view.save("report", "run")
    assert view.load("report") == "run"
    assert live.load("report") == "live"
    assert (tmp_path / "data/other.txt").read_text() == "run"
    assert view.definitions["report"]["filepath"] == "data/other.txt"
    assert not view.is_in_memory("report")


@pytest.mark.parametrize(
    "entry",
    [
        {"type": "pickle.PickleDataset", "filepath": "data/report.txt"},
        {"type": "subprocess.Popen", "args": "touch hacked"},
        {"type": "decimal.Decimal", "dataset": {"type": "subprocess.Popen"}},
        {"type": "decimal.Decimal", "dataset": "subprocess.Popen"},
        {"type": "decimal.Decimal", "datasets": [{"type": "subprocess.Popen"}]},
    ],
)
def test_parameters_cannot_change_a_type(entry):
    """Parameters of a run can't choose which class is imported, at any depth."""
    start = {**entry, "dataset": {"type": "x"}, "type": "decimal.Decimal"}
    live = Catalog.from_config({"report": start}, project_root=Path())
    with pytest.raises(CatalogError, match=r"'report': parameters of a run can't change"):
        for_run(live, save_version="r1", definitions={"report": entry})


def test_definitions_cannot_add_datasets(live):
    """A name that the live catalog does not define, or no longer, does not come back with a run."""
    del live["report"]
    view = for_run(live, save_version="r1", definitions={**ENTRIES, "new": {"type": "decimal.Decimal"}})
    assert "report" not in view
    assert "new" not in view


def test_what_is_in_memory(live):
    """The view tells what the run will keep in memory, set datasets and inputs included."""
    live["extra"] = live["report"]
    view = for_run(live, save_version="r1", inputs={"report": 1})
    in_memory = {name for name in [*view, "unknown"] if view.is_in_memory(name)}
    assert in_memory == {"report", "features", "unknown"}


def test_view_costs_what_is_used():
    """Making a view, and using it, takes as many calls for a large catalog as for a small one."""

    def calls(count):
        live = Catalog.from_config(
            {f"d{number}": ENTRIES["features"] for number in range(count)},
            project_root=Path(),
            params={f"p{number}": number for number in range(count)},
        )
        live.load("parameters")
        counted = 0

        def count_call(frame, event, argument):
            nonlocal counted
            counted += event == "call"

        gc.disable()  # a collection calls back whoever listens
        sys.setprofile(count_call)
        try:
            view = for_run(live, save_version="r1", load_versions={}, inputs={"x": 1})
            view.save("d0", 1)
            view.save("new", 1)
            view.load("params:p1")
        finally:
            sys.setprofile(None)
            gc.enable()
        return counted

    calls(10)
    assert calls(1000) == calls(10)


class Cached:
    """A dataset of another class that keeps what it has loaded until it is released."""

    def __init__(self, filepath):
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


def test_a_run_begins_with_what_is_there_now(tmp_path):
    """What a dataset of another class has kept is released as a run begins to use it, once, and stays after the run."""
    entries = {"cached": {"type": f"{__name__}.Cached", "filepath": "a.txt"}}
    live = Catalog.from_config(entries, project_root=tmp_path)
    for number in ("1", "2"):
        (tmp_path / "a.txt").write_text(number)
        view = for_run(live, save_version=number)
        assert view.load("cached") == number
        (tmp_path / "a.txt").write_text("later")
        assert view.load("cached") == live.load("cached") == number
    assert live["cached"].released == 2
    assert view["cached"] is live["cached"]


def test_what_was_put_in_by_hand_is_not_released_by_a_run(tmp_path):
    """It may be all there is of the data."""
    live = Catalog({"mine": Cached(tmp_path / "no"), "memory": 2})
    live.save("mine", 1)
    view = for_run(live, save_version="r1")
    assert (view.load("mine"), view.load("memory")) == (1, 2)
