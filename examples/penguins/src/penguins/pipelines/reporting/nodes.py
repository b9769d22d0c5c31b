"""Draw the birds and gather the figures worth telling."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from matplotlib.figure import Figure

if TYPE_CHECKING:
    import pandas as pd

# Colours that most people tell apart (Okabe and Ito), and shapes for those who don't.
COLORS = {"Adelie": "#E69F00", "Chinstrap": "#0072B2", "Gentoo": "#009E73"}
MARKERS = {"Adelie": "o", "Chinstrap": "^", "Gentoo": "s"}


def plot_bills(penguins: pd.DataFrame, dpi: int) -> Figure:
    """Return a scatter plot of bill length and depth, one colour and shape per species.

    The figure is made without ``pyplot``: it needs no screen, and nothing is left open behind it.

    Args:
        penguins: The cleaned birds.
        dpi: Resolution, in dots per inch.
    """
    figure = Figure(figsize=(7.0, 4.6), dpi=dpi, layout="constrained")
    axes = figure.subplots()
    for species, birds in penguins.groupby("species"):
        axes.scatter(
            birds["bill_length_mm"],
            birds["bill_depth_mm"],
            color=COLORS[str(species)],
            marker=MARKERS[str(species)],
            s=34,
            alpha=0.8,
            linewidths=0.4,
            edgecolors="white",
            label=f"{species} ({len(birds)})",
        )
    axes.set_title("Bills of three species of penguins", loc="left", fontweight="bold")
    axes.set_xlabel("Bill length (mm)")
    axes.set_ylabel("Bill depth (mm)")
    axes.grid(color="#e6e6e6", linewidth=0.8)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False, loc="lower left")
    return figure


def gather_key_figures(penguins: pd.DataFrame, metrics: dict[str, Any]) -> dict[str, Any]:
    """Return the figures worth telling.

    Args:
        penguins: The cleaned birds.
        metrics: What the evaluation of the model found.

    Returns:
        ``birds`` in all, ``accuracy`` of the model, and by ``species`` the number of ``birds`` and the mean of each
        measurement, rounded to a tenth of a mm or g.
    """
    measurements = [name for name in penguins.columns if name.endswith(("_mm", "_g"))]
    return {
        "birds": len(penguins),
        "accuracy": round(metrics["accuracy"], 3),
        "species": {
            str(species): {"birds": len(birds), **birds[measurements].mean().round(1).to_dict()}
            for species, birds in penguins.groupby("species")
        },
    }
