"""Figures described once as data, and drawn by Matplotlib and by plotly."""

# Kinds of figures that a sweep may name, with the function that describes one: of the rows of a sweep and the
# histograms beside them, it makes the panels (see `gscale.figures.spec`).
FIGURES = {
    "scaling": "gscale.figures.by_dim:describe",
    "comparison": "gscale.figures.by_model:describe",
    "sample_size": "gscale.figures.by_rows:describe",
    "projections": "gscale.figures.by_projection:describe",
}
