"""The figure of a sweep against N: test losses, and the layer where they turn, beside theory."""

from dataclasses import replace

import numpy as np
import pandas as pd

from gscale.analysis import OptimalDepth, half_width, optimal_depths
from gscale.analysis.labels import dataset_label, layer_label, seeds_text
from gscale.figures import by_dim
from gscale.figures.loss_curves import losses_panel, mean_losses, stacked_losses, theory_losses
from gscale.figures.spec import Axis, Description, Panel, Series, category


def describe(rows: pd.DataFrame, histograms: pd.DataFrame, n_points: int) -> Description:
    """A row for each kind of data and layer and D; the figure against D where no D has several N."""
    groups: dict[str, list[OptimalDepth]] = {}
    for one in optimal_depths(rows):
        title = f"{dataset_label(one.setting)}, layers of {layer_label(one.setting)}, D = {one.dim}"
        groups.setdefault(title, []).append(one)
    if not groups:
        return by_dim.describe(rows, histograms, n_points)
    return [[_losses(title, group, n_points), _depths(title, group)] for title, group in groups.items()]


def _losses(title: str, depths: list[OptimalDepth], n_points: int) -> Panel:
    """The losses of one kind of layer at one D, a colour for each N, and where the test loss is lowest."""
    series: list[Series] = []
    for i, one in enumerate(depths):
        name, colour, theory = f"N = {one.n_samples:,}", category(i), one.expected_curves()
        series += theory_losses(name, theory, colour, n_points)
        series += mean_losses(name, one.sampled, colour, n_points)
        lowest = [("lowest mean test loss", stacked_losses(one.sampled)["sampled"].mean(0), "triangle-down")]
        lowest += [("lowest in theory", theory[1], "diamond-open")] if theory else []
        for words, losses, symbol in lowest:
            at = np.array([losses.argmin()])
            point = Series(f"{name}, {words}", at, losses[at], None, colour, "markers", symbol=symbol)
            series.append(replace(point, group=name, listed=False))
    remark = " Triangles mark the lowest mean test loss."
    if any(one.expected is not None for one in depths):
        remark += " Wide lines behind are theory's, and diamonds its lowest test loss."
    curves = [curve for one in depths for curve in one.sampled]
    return replace(losses_panel(f"Loss: {title}", curves, series, remark), x=Axis("layers"))


def _depths(title: str, depths: list[OptimalDepth]) -> Panel:
    """The layer of the lowest test loss of one kind of layer at one D, against N, beside theory."""
    note = (
        "Means over seeds with 95 % intervals. A seed whose test loss is lowest at its last layer has not "
        "turned; where there is one, no mean is drawn for that N."
    )
    series = _theory(depths)
    if series:
        note += f" Far along, theory is {(depths[0].dim + 1) / 2:g} layers for each e-fold of N."
    if turned := [one for one in depths if not np.isnan(one.layers).any()]:
        sizes, means = np.array([(one.n_samples, one.layers.mean()) for one in turned], float).T
        halves = np.array([half_width(one.layers) for one in turned])
        notes = [seeds_text(len(one.layers)) for one in turned]
        series.append(Series("measured", sizes, means, halves, category(0), "markers", notes=notes))
    ticks = tuple(float(one.n_samples) for one in depths)
    axes = Axis("rows N", True, ticks), Axis("layers of the lowest test loss", zero=True)
    return Panel(f"Layers before the test loss turns: {title}", note, *axes, tuple(series))


def _theory(depths: list[OptimalDepth]) -> list[Series]:
    """Theory between the N at hand on the population of all seeds, and at each N on the same seeds'."""
    known = [
        (one.n_samples, one.expected.mean())
        for one in depths
        if one.expected is not None and not np.isnan(one.expected).any()
    ]
    if not known:
        return []
    most = max(depths, key=lambda one: len(one.population))
    span = np.unique(np.geomspace(depths[0].n_samples, depths[-1].n_samples, 60).round())
    layers = np.array([most.expected_at(int(n)) for n in span])
    sizes, means = np.array(known).T
    same = Series("theory, for the same seeds", sizes, means, colour=category(1), mode="markers")
    return [Series("theory, for all seeds", span, layers, width=6), replace(same, symbol="diamond-open")]
