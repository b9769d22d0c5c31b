"""The node functions of examples/penguins, called as plain functions on the real table."""

from __future__ import annotations

import hashlib
import io
import re
import sys
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

PENGUINS = Path(__file__).parents[2] / "examples" / "penguins"
RAW = PENGUINS / "data" / "01_raw" / "penguins_raw.csv"
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]
MODEL = {
    "features": ["bill_length_mm", "bill_depth_mm", "flipper_length_mm", "body_mass_g"],
    "penalty": 0.001,
    "tolerance": 1e-4,
    "max_iterations": 200,
}


@pytest.fixture
def nodes(monkeypatch):
    """The example's node modules; neither they nor their folder stay behind."""
    monkeypatch.syspath_prepend(str(PENGUINS / "src"))
    names = {"processing": "data_processing", "modelling": "modelling", "reporting": "reporting"}
    try:
        yield SimpleNamespace(
            **{short: import_module(f"penguins.pipelines.{name}.nodes") for short, name in names.items()}
        )
    finally:
        for name in [name for name in sys.modules if name.partition(".")[0] == "penguins"]:
            del sys.modules[name]


@pytest.fixture
def raw():
    return pd.read_csv(RAW)


@pytest.fixture
def penguins(nodes, raw):
    return nodes.processing.clean_penguins(raw)


def test_raw_data_is_the_published_table():
    """The CSV is byte for byte the one that SOURCE.md names."""
    (recorded,) = re.findall(r"[0-9a-f]{64}", RAW.with_name("SOURCE.md").read_text(encoding="utf-8"))
    assert hashlib.sha256(RAW.read_bytes()).hexdigest() == recorded


def test_cleaning_keeps_every_measured_bird(penguins, raw):
    """Only the two birds without measurements go; the numbering starts at 0 again."""
    assert len(raw) == 344
    assert penguins.index.tolist() == list(range(342))
    assert penguins["species"].value_counts().to_dict() == {"Adelie": 151, "Gentoo": 123, "Chinstrap": 68}


def test_cleaning_gives_short_names_and_proper_types(penguins):
    """The first bird reads as in the publication; an unknown sex is missing, nothing else is."""
    first = penguins.iloc[0].to_dict()
    assert first == {
        "species": "Adelie",
        "island": "Torgersen",
        "year": 2007,
        "sex": "male",
        "bill_length_mm": 39.1,
        "bill_depth_mm": 18.7,
        "flipper_length_mm": 181.0,
        "body_mass_g": 3750.0,
    }
    assert penguins["year"].dtype == np.int64
    assert penguins.isna().sum().loc[lambda missing: missing > 0].to_dict() == {"sex": 9}
    assert set(penguins["sex"].dropna()) == {"female", "male"}


def test_cleaning_leaves_the_raw_table_alone(nodes, raw):
    """A node does not change its input."""
    before = raw.copy(deep=True)
    nodes.processing.clean_penguins(raw)
    pd.testing.assert_frame_equal(raw, before)


@pytest.mark.parametrize("test_share", [0.25, 0.4])
def test_split_is_a_partition_with_the_share_of_each_species(nodes, penguins, test_share):
    """Each bird is in one part only, and each species gives the same share to the test."""
    train, test = nodes.modelling.split_penguins(penguins, test_share, seed=1)
    assert sorted([*train.index, *test.index]) == penguins.index.tolist()
    for species, birds in penguins.groupby("species"):
        assert (test["species"] == species).sum() == round(len(birds) * test_share)


def test_split_is_decided_by_the_seed(nodes, penguins):
    """The same seed gives the same birds, another seed gives others."""
    first, again, other = (nodes.modelling.split_penguins(penguins, 0.25, seed)[1] for seed in (1, 1, 2))
    assert first.index.equals(again.index)
    assert not first.index.equals(other.index)


@pytest.mark.parametrize("test_share", [0, 1, 1.5, -0.1])
def test_split_refuses_a_share_that_leaves_a_part_empty(nodes, penguins, test_share):
    """The message names the parameter and its value."""
    with pytest.raises(ValueError, match=re.escape(f"model.test_share is {test_share}:")):
        nodes.modelling.split_penguins(penguins, test_share, seed=1)


def test_model_names_nearly_all_unseen_birds(nodes, penguins):
    """The metrics agree with each other and with a count by hand."""
    train, test = nodes.modelling.split_penguins(penguins, 0.25, seed=1)
    model = nodes.modelling.fit_model(train, MODEL)
    metrics = nodes.modelling.evaluate_model(model, test)
    confusion = pd.DataFrame(metrics["confusion"]).T
    assert metrics["accuracy"] > 0.95
    assert metrics["accuracy"] == (model.predict(test) == test["species"]).mean()
    assert metrics["test_birds"] == len(test) == confusion.to_numpy().sum()
    assert np.trace(confusion.to_numpy()) == pytest.approx(metrics["accuracy"] * len(test))
    assert metrics["recall"] == pytest.approx(
        {name: confusion.loc[name, name] / confusion.loc[name].sum() for name in SPECIES}
    )


def test_fit_is_deterministic(nodes, penguins):
    """The same data gives the same weights, to the last bit."""
    first, again = (nodes.modelling.fit_model(penguins, MODEL) for _ in range(2))
    assert np.array_equal(first.weights, again.weights)


def test_fit_stops_at_the_tolerance_or_the_limit(nodes, penguins):
    """A loose tolerance ends the fit early, a tight one runs into the limit."""
    loose = nodes.modelling.fit_model(penguins, MODEL | {"tolerance": 0.1})
    tight = nodes.modelling.fit_model(penguins, MODEL | {"tolerance": 1e-12})
    assert loose.iterations < MODEL["max_iterations"] == tight.iterations


def test_fit_finds_the_minimum(nodes, penguins):
    """No small step in any direction lowers the penalised cross-entropy of a converged fit."""
    model = nodes.modelling.fit_model(penguins, MODEL | {"tolerance": 1e-7, "max_iterations": 20_000, "penalty": 0.01})
    values = (penguins[MODEL["features"]].to_numpy() - model.mean) / model.scale
    design = np.column_stack([values, np.ones(len(values))])
    truth = penguins["species"].map({name: number for number, name in enumerate(SPECIES)}).to_numpy()

    def loss(weights):
        scores = design @ weights
        chosen = scores[np.arange(len(scores)), truth]
        return np.mean(np.log(np.exp(scores).sum(axis=1)) - chosen) + 0.005 * np.sum(weights[:-1] ** 2)

    random = np.random.default_rng(0)
    steps = random.normal(scale=1e-3, size=(50, *model.weights.shape))
    assert all(loss(model.weights + step) > loss(model.weights) for step in steps)


def test_metrics_name_species_that_were_never_answered(nodes, penguins):
    """The confusion table has a column for each species that the model knows."""
    model = nodes.modelling.fit_model(penguins, MODEL)
    gentoo = penguins[penguins["species"] == "Gentoo"]
    assert list(nodes.modelling.evaluate_model(model, gentoo)["confusion"]["Gentoo"]) == SPECIES


def test_figure_is_a_png_of_the_asked_resolution(nodes, penguins):
    """The figure can be saved without a screen, names each species with its count, and leaves no pyplot figure open."""
    figure = nodes.reporting.plot_bills(penguins, dpi=50)
    target = io.BytesIO()
    figure.savefig(target, format="png")
    width = int.from_bytes(target.getvalue()[16:20], "big")
    assert width == figure.get_size_inches()[0] * 50
    legend = [text.get_text() for text in figure.axes[0].get_legend().get_texts()]
    assert legend == ["Adelie (151)", "Chinstrap (68)", "Gentoo (123)"]


def test_key_figures_are_plain_rounded_values(nodes, penguins):
    """Counts and means by species and the model's accuracy; JSON can hold all of it."""
    figures = nodes.reporting.gather_key_figures(penguins, {"accuracy": 0.97674})
    assert figures["birds"] == 342
    assert figures["accuracy"] == 0.977
    assert figures["species"]["Gentoo"] == {
        "birds": 123,
        "bill_length_mm": 47.5,
        "bill_depth_mm": 15.0,
        "flipper_length_mm": 217.2,
        "body_mass_g": 5076.0,
    }
