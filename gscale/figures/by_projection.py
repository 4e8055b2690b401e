"""The figure of structure in noise: histograms along projections, their distances, and losses of layers."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from gscale.analysis import ProjectionDistance, loss_curves, mean_interval, projection_distances
from gscale.analysis.comparison import by_model
from gscale.analysis.distances import modes_at
from gscale.analysis.labels import brief, seeds_text
from gscale.errors import InputError
from gscale.figures.loss_curves import losses_by_model
from gscale.figures.spec import Axis, Description, Panel, Series, category, steps

_PROJECTIONS = {
    "random": "a random projection",
    "furthest": "the projection furthest from normal",
    "bimodal": "a projection sought for two modes",
}
_KINDS = {"searched": ("rows searched", "circle"), "fresh": ("fresh rows", "square-open")}
_SHOWN = 4.0  # standard deviations
_MERGED = 2  # bins drawn as one: counts of N = 2,000 scatter by 8 % at the top
_WITHIN = 0.05


def describe(rows: pd.DataFrame, histograms: pd.DataFrame, n_points: int) -> Description:
    """Above, histograms of one seed; below, distances against D/N, and losses of layers.

    Raises
    ------
    InputError
        If a cell that keeps histograms has none.
    """
    distances = list(projection_distances(rows))
    panels = [_distances(distances)] if distances else []
    if curves := [curve for curve in loss_curves(rows) if not curve.is_population]:
        panels += losses_by_model(curves, brief(by_model(curves)), n_points)
    return [row for row in (_histograms(rows, histograms), panels) if row]


def _histograms(rows: pd.DataFrame, histograms: pd.DataFrame) -> list[Panel]:
    """What rows look like along each kind of projection, in one seed of the first cell that keeps them."""
    cells = rows[rows["training"].map(modes_at).notna()].drop_duplicates("cell_id")
    if missing := sorted(set(cells["cell_id"]) - set(histograms["cell_id"])):
        raise InputError(
            f"cell {missing[0]} has a table but no histograms: delete its table and run it again"
        )
    if cells.empty:
        return []
    cell = cells.iloc[0]
    counts = histograms[histograms["cell_id"] == cell["cell_id"]]
    counts = counts[counts["seed"] == counts["seed"].min()]
    note = f"One seed, D = {cell['dim']}, N = {cell['n_samples']:,.0f}."
    x = Axis("value along the projection (standard deviations)", range=(-_SHOWN, _SHOWN))
    panels = []
    for projection, words in _PROJECTIONS.items():
        series = list(_along(counts[counts["projection"] == projection]))
        if projection == "bimodal":
            series.append(_two_modes(modes_at(cell["training"])))
        panels.append(Panel(f"Along {words}", note, x, Axis("density", zero=True), tuple(series)))
    top = 1.05 * max(one.y.max() for panel in panels for one in panel.series)
    return [replace(panel, y=replace(panel.y, range=(0.0, top))) for panel in panels]


def _along(counts: pd.DataFrame) -> Iterator[Series]:
    """The outlines of the histograms of one seed's rows along a projection, beside the normal density."""
    for i, (kind, (words, _)) in enumerate(_KINDS.items()):
        part = counts[counts["rows"] == kind].sort_values("low")
        edges = np.append(part["low"].iloc[::_MERGED], part["high"].iloc[-1])
        shares = part["count"].to_numpy().reshape(-1, _MERGED).sum(1) / part["count"].sum()
        yield steps(words, shares / np.diff(edges), edges, category(i))
    grid = np.linspace(-_SHOWN, _SHOWN, 80)
    yield Series("N(0, 1)", grid, _normal(grid), width=1.5)


def _two_modes(at: float) -> Series:
    """Density of the law with two modes that a search wants."""
    grid, width = np.linspace(-_SHOWN, _SHOWN, 160), np.sqrt(1 - at**2)
    density = (_normal((grid - at) / width) + _normal((grid + at) / width)) / (2 * width)
    return Series("target", grid, density, dash="dash", width=1.5)


def _normal(x: np.ndarray) -> np.ndarray:
    """The normal density, without scipy.stats, which takes half a second to import."""
    return np.exp(-0.5 * x**2) / np.sqrt(2 * np.pi)


def _distances(distances: list[ProjectionDistance]) -> Panel:
    """How far from normal the furthest projections are, against D/N, on rows searched and on fresh ones."""
    ratios = np.array([one.dim / one.n_samples for one in distances])
    span = np.geomspace(ratios.min() / 1.4, ratios.max() * 1.4, 60)
    law = np.sqrt(span)
    series = [Series("√(D/N), within 5 %", span, law, _WITHIN * law, width=1.5, band=True)]
    for i, n_samples in enumerate(sorted({one.n_samples for one in distances})):
        group = [one for one in distances if one.n_samples == n_samples]
        x = np.array([one.dim / one.n_samples for one in group])
        notes = [f"D = {one.dim}, {seeds_text(len(one.searched))}" for one in group]
        for kind, (words, symbol) in _KINDS.items():
            means = [mean_interval(getattr(one, kind)) for one in group]
            y, half = np.array([(mean.value, mean.high - mean.value) for mean in means]).T
            name = f"{words}, N = {n_samples:,}"
            series.append(Series(name, x, y, half, category(i), "markers", symbol=symbol, notes=notes))
    note = (
        "Means over seeds with 95 % intervals. Filled: rows searched; open: fresh rows, the same direction."
    )
    axes = Axis("D/N", log=True), Axis("W2 distance to N(0, 1) (standard deviations)", log=True)
    return Panel("How far from normal a projection of noise can be", note, *axes, tuple(series))
