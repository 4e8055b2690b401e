"""The figure of structure in noise: histograms along projections, their distances, and losses of layers."""

import math
import re

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.gridspec import GridSpec
from scipy.stats import norm

from gscale.analysis import Curve, curves, half_width
from gscale.analysis.distances import ProjectionDistance, mean_of, reached
from gscale.errors import InputError
from gscale.figures.style import styled
from gscale.results.tables import short

PROJECTIONS = {
    "random": "a random projection",
    "furthest": "the projection furthest from normal",
    "bimodal": "a projection sought for two modes",
}
SHOWN = 4.0  # standard deviations
_MERGED = 2  # bins drawn as one: counts of N = 2,000 scatter by 8 % at the top
_WITHIN = 0.05


def draw_spurious(table: pd.DataFrame, title: str, histograms: pd.DataFrame) -> Figure:
    """Draw one sweep: above, histograms of one seed; below, distances against D/N, and losses of layers.

    Means over seeds with 95 % intervals.

    Raises
    ------
    InputError
        If a cell that keeps histograms has none.
    """
    shown = shown_cell(table, histograms)
    found = [curve for curve in curves(table) if curve.excess_train is not None]
    with styled():
        figure = Figure(figsize=(14, 5.5 if shown is None else 9.5), layout="constrained")
        grid = GridSpec(1 if shown is None else 2, 6, figure)
        if shown is not None:
            axes = [figure.add_subplot(grid[0, 2 * i : 2 * i + 2]) for i in range(len(PROJECTIONS))]
            _draw_histograms(axes, shown, histograms[histograms["cell_id"] == shown["cell_id"]])
        _draw_distances(figure.add_subplot(grid[-1, :3] if found else grid[-1, :]), list(reached(table)))
        if found:
            _draw_losses(figure.add_subplot(grid[-1, 3:]), found)
        figure.suptitle(title, fontweight="bold")
    return figure


def shown_cell(table: pd.DataFrame, histograms: pd.DataFrame) -> pd.Series | None:
    """The row of the first cell that keeps histograms."""
    cells = table[table["training"].map(modes_at).notna()].drop_duplicates("cell_id")
    for cell in cells["cell_id"]:
        if cell not in set(histograms["cell_id"]):
            raise InputError(f"cell {cell} has a table but no histograms: delete its table and run it again")
    return None if cells.empty else cells.iloc[0]


def modes_at(training: str) -> float:
    """Where a cell's search wants the modes; NaN if it wants none, and keeps no histograms."""
    found = re.fullmatch(r"Projections\(.*modes_at=([0-9.e-]+)\)", training)
    return math.nan if found is None else float(found[1])


def _draw_histograms(panels: list[Axes], cell: pd.Series, counts: pd.DataFrame) -> None:
    colours = dict(zip(("searched", "fresh"), sns.color_palette("colorblind"), strict=False))
    grid = np.linspace(-SHOWN, SHOWN, 400)
    first = counts[counts["seed"] == counts["seed"].min()]
    for axes, (projection, name) in zip(panels, PROJECTIONS.items(), strict=True):
        for kind, colour in colours.items():
            heights, edges = densities(first, projection, kind)
            axes.stairs(
                heights,
                edges,
                fill=kind == "searched",
                color=colour,
                alpha=0.5 if kind == "searched" else 1.0,
                lw=1.5,
                label="rows searched" if kind == "searched" else "fresh rows",
            )
        axes.plot(grid, norm.pdf(grid), color="0.2", lw=1.5, label="N(0, 1)")
        if projection == "bimodal":
            axes.plot(grid, two_modes(grid, modes_at(cell["training"])), "--", color="0.2", label="target")
        axes.set_title(name)
        axes.set_xlim(-SHOWN, SHOWN)
        axes.set_xlabel("value along the projection (standard deviations)")
        axes.legend(fontsize="x-small", loc="upper right")
    top = max(axes.get_ylim()[1] for axes in panels)
    for axes in panels:
        axes.set_ylim(0, top)
    panels[0].set_ylabel(f"density (D = {cell['dim']}, N = {cell['n_samples']:,.0f})")


def densities(counts: pd.DataFrame, projection: str, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Heights (K,) and edges (K + 1,) of the histogram of one seed's rows along a projection."""
    part = counts[(counts["projection"] == projection) & (counts["rows"] == kind)].sort_values("low")
    edges = np.append(part["low"].iloc[::_MERGED], part["high"].iloc[-1])
    shares = part["count"].to_numpy().reshape(-1, _MERGED).sum(1) / part["count"].sum()
    return shares / np.diff(edges), edges


def two_modes(x: np.ndarray, modes_at: float) -> np.ndarray:
    """Density of the law with two modes that a search wants."""
    width = np.sqrt(1 - modes_at**2)
    return (norm.pdf(x, modes_at, width) + norm.pdf(x, -modes_at, width)) / 2


def _draw_distances(axes: Axes, found: list[ProjectionDistance]) -> None:
    ratios = np.array([one.dim / one.n_samples for one in found])
    span = np.geomspace(ratios.min() / 1.4, ratios.max() * 1.4, 100)
    law = np.sqrt(span)
    axes.plot(span, law, color="0.2", lw=1.5, label="√(D/N)")
    axes.fill_between(
        span, (1 - _WITHIN) * law, (1 + _WITHIN) * law, color="0.5", alpha=0.25, lw=0, label="within 5 %"
    )
    sizes = sorted({one.n_samples for one in found})
    colours = dict(zip(sizes, sns.color_palette("colorblind", len(sizes)), strict=True))
    for n_samples, colour in colours.items():
        group = [one for one in found if one.n_samples == n_samples]
        for kind, label in (("searched", "the N rows searched"), ("fresh", "fresh rows")):
            means = [mean_of(getattr(one, kind)) for one in group]
            axes.errorbar(
                [one.dim / one.n_samples for one in group],
                [mean.value for mean in means],
                [[mean.value - mean.low for mean in means], [mean.high - mean.value for mean in means]],
                fmt="o" if kind == "searched" else "s",
                mfc=colour if kind == "searched" else "none",
                color=colour,
                capsize=3,
                label=f"{label}, N = {n_samples:,}" if kind == "searched" else label,
            )
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_title("How far from normal a projection of noise can be")
    axes.set_xlabel("D/N")
    axes.set_ylabel("W2 distance to N(0, 1) (standard deviations)")
    handles, labels = axes.get_legend_handles_labels()
    once = dict(zip(reversed(labels), reversed(handles), strict=True))
    axes.legend(list(once.values())[::-1], list(once)[::-1], fontsize="x-small")


def _draw_losses(axes: Axes, found: list[Curve]) -> None:
    rotations = list(dict.fromkeys(str(curve.setting["rotation"]) for curve in found))
    colours = dict(zip(rotations, sns.color_palette("colorblind", len(rotations)), strict=True))
    for rotation, colour in colours.items():
        group = [curve for curve in found if curve.setting["rotation"] == rotation]
        for kind, style in (("test", "-"), ("train", "--")):
            losses = np.array([curve.excess if kind == "test" else curve.excess_train for curve in group])
            layers, mean = np.arange(losses.shape[1]), losses.mean(0)
            half = np.array([half_width(at_depth) for at_depth in losses.T])
            axes.plot(layers, mean, style, color=colour, label=f"{short(rotation)}, {kind}")
            axes.fill_between(layers, mean - half, mean + half, color=colour, alpha=0.25, lw=0)
    axes.axhline(0, color="0.2", lw=1)
    setting, dim = found[0].setting, found[0].dim
    axes.set_title(f"Layers fitted to noise (D = {dim}, N = {setting['n_samples']:,.0f})")
    axes.set_xlabel("layers")
    axes.set_ylabel("KL to the normal distribution (nats)")
    axes.legend(fontsize="x-small", loc="upper left")
