"""How the cleaning is connected."""

from __future__ import annotations

from ipyproject.pipeline import Node, Pipeline
from penguins.pipelines.data_processing.nodes import clean_penguins


def create_pipeline() -> Pipeline:
    """Return the pipeline that makes ``penguins`` from ``penguins_raw``."""
    return Pipeline([Node(clean_penguins, "penguins_raw", "penguins", name="clean", tags=["training"])])
