"""Figures against N: the layer where test losses turn, and how far projections of noise are from normal."""

from collections.abc import Iterator

import numpy as np
import pandas as pd
from scipy.stats import norm

from gscale.analysis import OptimalDepth, half_width
from gscale.analysis.distances import ProjectionDistance, mean_of
from gscale.analysis.summary import turn_heading
from gscale.figures.loss_curves import seeds_text
from gscale.figures.spec import Axis, Figure, Series, category
from gscale.figures.spurious_projections import (
    PROJECTIONS,
    SHOWN,
    densities,
    modes_at,
    shown_cell,
    two_modes,
)


def turns_by_rows(found: list[OptimalDepth]) -> Figure:
    """The layer of the lowest test loss of one kind of layer at one D, against N, beside theory."""
    whole = [turn for turn in found if not np.isnan(turn.layers).any()]
    series = _theory(found)
    if whole:
        sizes, means = (np.array([part(turn) for turn in whole], float) for part in (_size, _mean))
        halves = np.array([half_width(turn.layers) for turn in whole])
        notes = [seeds_text(len(turn.layers)) for turn in whole]
        series.append(Series("measured", sizes, means, halves, category(0), "markers", notes=notes))
    note = (
        "Means over seeds with 95 % intervals. A seed whose test loss is lowest at its last layer has not "
        "turned; where there is one, no mean is drawn for that N."
    )
    title = f"Layers before the test loss turns: {turn_heading(found[0]).split(': ', 1)[1]}"
    axes = Axis("rows N", True, tuple(map(_size, found))), Axis("layers of the lowest test loss", zero=True)
    return Figure(title, note, *axes, tuple(series))


def _size(turn: OptimalDepth) -> float:
    return turn.n_samples


def _mean(turn: OptimalDepth) -> float:
    return float(turn.layers.mean())


def _theory(found: list[OptimalDepth]) -> list[Series]:
    """Theory between the N at hand on the exact curves of all seeds, and at each N on the same seeds'."""
    known = [turn for turn in found if turn.expected is not None and not np.isnan(turn.expected).any()]
    if not known:
        return []
    most = max(found, key=lambda turn: len(turn.exact))
    span = np.unique(np.geomspace(found[0].n_samples, found[-1].n_samples, 60).round())
    layers = np.array([most.expected_at(int(n)) for n in span])
    same = [(turn.n_samples, turn.expected.mean()) for turn in known if turn.expected is not None]
    at, means = np.array(same).T
    name = "theory, for the same seeds"
    return [
        Series("theory, for all seeds", span, layers, width=6),
        Series(name, at, means, colour=category(1), mode="markers", symbol="diamond-open"),
    ]


def distances_by_ratio(found: list[ProjectionDistance]) -> Figure:
    """How far from normal the furthest projections are, against D/N, on rows searched and on fresh ones."""
    ratios = np.array([one.dim / one.n_samples for one in found])
    span = np.geomspace(ratios.min() / 1.4, ratios.max() * 1.4, 60)
    series = [Series("√(D/N)", span, np.sqrt(span), dash="dash", width=1.5)]
    for i, n_samples in enumerate(sorted({one.n_samples for one in found})):
        group = [one for one in found if one.n_samples == n_samples]
        series += list(_distances(group, category(i)))
    note = (
        "Means over seeds with 95 % intervals. Filled: rows searched; open: fresh rows, the same direction."
    )
    axes = Axis("D/N", log=True), Axis("W2 distance to N(0, 1) (standard deviations)", log=True)
    return Figure("How far from normal a projection of noise can be", note, *axes, tuple(series))


def _distances(group: list[ProjectionDistance], colour: str) -> Iterator[Series]:
    x = np.array([one.dim / one.n_samples for one in group])
    notes = [f"D = {one.dim}, {seeds_text(len(one.searched))}" for one in group]
    for kind, words, symbol in (
        ("searched", "rows searched", "circle"),
        ("fresh", "fresh rows", "square-open"),
    ):
        means = [mean_of(getattr(one, kind)) for one in group]
        y, half = np.array([(mean.value, mean.high - mean.value) for mean in means]).T
        name = f"{words}, N = {group[0].n_samples:,}"
        yield Series(name, x, y, half, colour, "markers", symbol=symbol, notes=notes)


def histograms(rows: pd.DataFrame, counts: pd.DataFrame) -> Iterator[Figure]:
    """What rows look like along each kind of projection, in one seed of the first cell that keeps them."""
    cell = shown_cell(rows, counts)
    if cell is None:
        return
    kept = counts[counts["cell_id"] == cell["cell_id"]]
    first = kept[kept["seed"] == kept["seed"].min()]
    note = f"One seed, D = {cell['dim']}, N = {cell['n_samples']:,.0f}."
    x = Axis("value along the projection (standard deviations)", range=(-SHOWN, SHOWN))
    for projection, words in PROJECTIONS.items():
        series = [
            _steps(first, projection, kind, category(i)) for i, kind in enumerate(("searched", "fresh"))
        ]
        grid = np.linspace(-SHOWN, SHOWN, 80)
        series.append(Series("N(0, 1)", grid, norm.pdf(grid), width=1.5))
        if projection == "bimodal":
            target = two_modes(grid, modes_at(cell["training"]))
            series.append(Series("the law sought", grid, target, dash="dash", width=1.5))
        yield Figure(f"Along {words}", note, x, Axis("density"), tuple(series))


def _steps(counts: pd.DataFrame, projection: str, kind: str, colour: str) -> Series:
    """A histogram's outline, for plotly's lines between points."""
    heights, edges = densities(counts, projection, kind)
    name = "rows searched" if kind == "searched" else "fresh rows"
    return Series(name, np.repeat(edges, 2)[1:-1], np.repeat(heights, 2), colour=colour)
