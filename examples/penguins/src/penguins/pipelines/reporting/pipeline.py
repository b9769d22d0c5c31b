"""How the report is connected."""

from __future__ import annotations

from ipyproject.pipeline import Node, Pipeline
from penguins.pipelines.reporting.nodes import gather_key_figures, plot_bills


def create_pipeline() -> Pipeline:
    """Return the pipeline that makes ``bill_figure`` and ``key_figures`` from ``penguins`` and ``metrics``."""
    return Pipeline(
        [
            Node(plot_bills, ["penguins", "params:report.dpi"], "bill_figure", name="plot_bills"),
            Node(gather_key_figures, ["penguins", "metrics"], "key_figures", name="gather_key_figures"),
        ]
    )
