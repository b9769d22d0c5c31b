"""Split the birds, fit a model on some and see how it does on the others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from penguins.pipelines.modelling.classifier import fit_classifier

if TYPE_CHECKING:
    from penguins.pipelines.modelling.classifier import SpeciesClassifier


def split_penguins(penguins: pd.DataFrame, test_share: float, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the birds to learn from and the birds to test with.

    Args:
        penguins: The cleaned birds.
        test_share: Share of each species that goes into the test, between 0 and 1.
        seed: Decides which birds those are.

    Raises:
        ValueError: If `test_share` leaves nothing to learn from or nothing to test with.
    """
    if not 0 < test_share < 1:
        raise ValueError(f"model.test_share is {test_share}: it must lie between 0 and 1, without either")
    random = np.random.default_rng(seed)
    in_test = np.zeros(len(penguins), dtype=bool)
    for positions in penguins.groupby("species").indices.values():
        in_test[random.choice(positions, size=round(len(positions) * test_share), replace=False)] = True
    return penguins[~in_test], penguins[in_test]


def fit_model(train: pd.DataFrame, model: dict[str, Any]) -> SpeciesClassifier:
    """Return a classifier of species.

    Args:
        train: Birds whose species is known.
        model: The parameters ``features``, ``penalty``, ``tolerance`` and ``max_iterations``.
    """
    return fit_classifier(
        train,
        model["features"],
        penalty=model["penalty"],
        tolerance=model["tolerance"],
        max_iterations=model["max_iterations"],
    )


def evaluate_model(model: SpeciesClassifier, test: pd.DataFrame) -> dict[str, Any]:
    """Return how a model does on birds that it has not seen.

    Args:
        model: The fitted model.
        test: Birds whose species is known.

    Returns:
        ``accuracy`` (share of all birds named rightly), ``recall`` (the same by species), ``confusion`` (number of
        birds by true species, then by the species answered), ``test_birds`` and ``iterations`` of the fit.
    """
    predicted = pd.Series(model.predict(test), index=test.index, name="predicted")
    right = predicted == test["species"]
    confusion = pd.crosstab(test["species"], predicted).reindex(columns=list(model.species), fill_value=0)
    return {
        "accuracy": float(right.mean()),
        "recall": {str(species): float(share) for species, share in right.groupby(test["species"]).mean().items()},
        "confusion": {str(true): {str(name): int(n) for name, n in row.items()} for true, row in confusion.iterrows()},
        "test_birds": len(test),
        "iterations": model.iterations,
    }
