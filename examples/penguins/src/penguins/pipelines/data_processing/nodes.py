"""Clean the raw measurements."""

from __future__ import annotations

import pandas as pd

MEASUREMENTS = {
    "Culmen Length (mm)": "bill_length_mm",
    "Culmen Depth (mm)": "bill_depth_mm",
    "Flipper Length (mm)": "flipper_length_mm",
    "Body Mass (g)": "body_mass_g",
}


def clean_penguins(raw: pd.DataFrame) -> pd.DataFrame:
    """Return the birds that were measured, with short names and proper types.

    Args:
        raw: The table as published, one row per bird and season.

    Returns:
        One row per measured bird, in the order of ``raw`` and numbered from 0: ``species`` (``Adelie``), ``island``,
        ``year``, ``sex`` (``female``, ``male`` or missing) and the four measurements in mm and g as floats.
    """
    measured = raw.dropna(subset=list(MEASUREMENTS)).reset_index(drop=True)
    labels = pd.DataFrame(
        {
            "species": short_species(measured["Species"]),
            "island": measured["Island"],
            "year": pd.to_datetime(measured["Date Egg"], format="%Y-%m-%d").dt.year.astype("int64"),
            "sex": measured["Sex"].str.lower(),
        }
    )
    measurements = measured[list(MEASUREMENTS)].rename(columns=MEASUREMENTS).astype("float64")
    return pd.concat([labels, measurements], axis="columns")


def short_species(species: pd.Series[str]) -> pd.Series[str]:
    """Return the first word of each name: ``Adelie Penguin (Pygoscelis adeliae)`` becomes ``Adelie``."""
    return species.str.extract(r"^(\w+)", expand=False)
