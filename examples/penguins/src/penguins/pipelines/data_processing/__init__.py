"""From the raw table to one that can be worked with."""

from penguins.pipelines.data_processing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
