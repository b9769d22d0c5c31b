"""How splitting, fitting and evaluating are connected."""

from __future__ import annotations

from ipyproject.pipeline import Node, Pipeline
from penguins.pipelines.modelling.nodes import evaluate_model, fit_model, split_penguins


def create_pipeline() -> Pipeline:
    """Return the pipeline that makes ``model`` and ``metrics`` from ``penguins``."""
    return Pipeline(
        [
            Node(
                split_penguins,
                {"penguins": "penguins", "test_share": "params:model.test_share", "seed": "params:model.seed"},
                ["train", "test"],
                name="split",
                tags=["training"],
            ),
            Node(fit_model, ["train", "params:model"], "model", name="fit", tags=["training"]),
            Node(evaluate_model, ["model", "test"], "metrics", name="evaluate"),
        ]
    )
