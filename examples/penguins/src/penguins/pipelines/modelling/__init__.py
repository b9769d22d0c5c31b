"""Learn to tell the species apart, and see how well that went."""

from penguins.pipelines.modelling.pipeline import create_pipeline

__all__ = ["create_pipeline"]
