"""What is shown to people who don't read the code."""

from penguins.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
