"""The pipelines of the project, by name."""

from __future__ import annotations

from ipyproject.pipeline import Pipeline, find_pipelines


def register_pipelines() -> dict[str, Pipeline]:
    """Return every pipeline under ``penguins.pipelines``, and all of them together as ``__default__``."""
    pipelines = find_pipelines()
    pipelines["__default__"] = sum(pipelines.values(), start=Pipeline([]))
    return pipelines
