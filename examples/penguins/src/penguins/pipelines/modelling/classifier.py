"""Multinomial logistic regression: small enough to read, good enough for penguins."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class SpeciesClassifier:
    """A fitted model.

    Attributes:
        features: Names of the columns it looks at; k of them.
        species: Names it can answer with; s of them.
        mean: Mean of each feature in the training data, shape (k,).
        scale: Standard deviation of each feature in the training data, shape (k,).
        weights: One column per species, shape (k + 1, s); the last row is the intercept.
        iterations: Steps taken until the fit was good enough, or the limit.
    """

    features: tuple[str, ...]
    species: tuple[str, ...]
    mean: NDArray[np.float64]
    scale: NDArray[np.float64]
    weights: NDArray[np.float64]
    iterations: int

    def predict(self, penguins: pd.DataFrame) -> NDArray[np.str_]:
        """Return the likeliest species of each row, shape (rows,)."""
        values = penguins[list(self.features)].to_numpy(dtype=np.float64)
        scores = with_intercept((values - self.mean) / self.scale) @ self.weights
        return np.array([self.species[position] for position in scores.argmax(axis=1)], dtype=np.str_)


def fit_classifier(
    penguins: pd.DataFrame,
    features: Sequence[str],
    *,
    penalty: float,
    tolerance: float,
    max_iterations: int,
) -> SpeciesClassifier:
    """Fit by gradient descent from zero weights: the same data always gives the same model.

    Args:
        penguins: The training data, with a column ``species`` and the features.
        features: Columns to look at.
        penalty: Weight of the sum of squared weights (without the intercept) in the loss.
        tolerance: The fit is good enough when no slope of the loss is steeper.
        max_iterations: The fit stops after as many steps in any case.
    """
    species, label = np.unique(penguins["species"].to_numpy(dtype=str), return_inverse=True)
    values = penguins[list(features)].to_numpy(dtype=np.float64)
    mean, scale = values.mean(axis=0), values.std(axis=0)
    design = with_intercept((values - mean) / scale)
    weights, iterations = descend(design, np.eye(len(species))[label], penalty, tolerance, max_iterations)
    return SpeciesClassifier(
        features=tuple(features),
        species=tuple(species.tolist()),
        mean=mean,
        scale=scale,
        weights=weights,
        iterations=iterations,
    )


def descend(
    design: NDArray[np.float64],
    truth: NDArray[np.float64],
    penalty: float,
    tolerance: float,
    max_iterations: int,
) -> tuple[NDArray[np.float64], int]:
    """Return the weights, shape (k + 1, s), that minimise the penalised cross-entropy, and the steps taken.

    Args:
        design: Standardised features with a last column of ones, shape (n, k + 1).
        truth: One-hot species, shape (n, s).
        penalty: See `fit_classifier`.
        tolerance: See `fit_classifier`.
        max_iterations: See `fit_classifier`.
    """
    weights = np.zeros((design.shape[1], truth.shape[1]))
    penalties = np.full((design.shape[1], 1), penalty)
    penalties[-1] = 0.0
    # No slope of this loss changes faster than `curvature`, so a step of 1 / curvature never overshoots.
    curvature = 0.5 * np.linalg.norm(design, ord=2) ** 2 / len(design) + penalty
    for iteration in range(max_iterations):
        slope = design.T @ (softmax(design @ weights) - truth) / len(design) + penalties * weights
        if np.abs(slope).max() <= tolerance:
            return weights, iteration
        weights = weights - slope / curvature
    return weights, max_iterations


def softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the probabilities, shape (n, s), that belong to scores of that shape."""
    exponentials = np.exp(scores - scores.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def with_intercept(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return values of shape (n, k) with a last column of ones, shape (n, k + 1)."""
    return np.column_stack([values, np.ones(len(values))])
