"""The kinds of figures a sweep may name, each described once as data for Matplotlib and plotly."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pandas as pd

    from gscale.figures.spec import Description

# Kinds of figures that a sweep may name, with the function that describes one: of the rows of a sweep, the
# histograms beside them and a number of points for each curve, it makes the panels of `gscale.figures.spec`.
FIGURES = {
    "scaling": "gscale.figures.by_dim:describe",
    "comparison": "gscale.figures.by_model:describe",
    "sample_size": "gscale.figures.by_rows:describe",
    "projections": "gscale.figures.by_projection:describe",
}


def describe(rows: "pd.DataFrame", histograms: "pd.DataFrame", n_points: int) -> "Description":
    """Describe one sweep as the figure that its table asks for; "scaling" where it asks for none we know.

    Parameters
    ----------
    rows : DataFrame
        Of one sweep, with the columns of `gscale.results.schema.SCHEMA`.
    histograms : DataFrame
        What is stored beside the tables, see `gscale.results.tables.read_histograms`.
    n_points : int
        The most points on one curve.

    Raises
    ------
    InputError
        If histograms are missing.
    """
    module, function = FIGURES.get(str(rows["figure"].iloc[0]), FIGURES["scaling"]).split(":")
    description: Description = getattr(import_module(module), function)(rows, histograms, n_points)
    return description
