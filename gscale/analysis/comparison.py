"""The figure that sets many layers beside each other, to choose one by D."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, ScalarFormatter

from gscale.analysis.labels import name_of
from gscale.analysis import Curve, Estimate, crossing, curves, half_width
from gscale.results.tables import short
from gscale.figures.style import styled

_TARGET = math.e
_EXACT_TARGET = 1e-6  # nats left, where there is no sampling noise
_ROUNDING = 1e-14
_KIND = ["dataset", "rotation", "marginal", "coupling"]
_MARKERS = "osD^vP*X<>hd"

Measure = Callable[[Curve], float]


def draw_comparison(table: pd.DataFrame, title: str) -> Figure:
    """Draw layers, seconds and loss against D: a row for each data set, a colour for each way to a flow.

    Means over seeds with 95 % intervals. What does not reach the target at some D, 1/e of the first loss or
    10⁻⁶ nats where curves are exact, has no point there.
    """
    found = list(curves(table))
    datasets = list(dict.fromkeys(str(curve.setting["dataset"]) for curve in found))
    names = list(dict.fromkeys(name_of(curve) for curve in found))
    looks = {
        name: {"color": colour, "marker": _MARKERS[i % len(_MARKERS)]}
        for i, (name, colour) in enumerate(
            zip(names, sns.color_palette("colorblind", len(names)), strict=True)
        )
    }
    with styled():
        figure = Figure(figsize=(16, 4.6 * len(datasets) + 1.4), layout="constrained")
        panels = figure.subplots(len(datasets), 3, squeeze=False)
        for row, dataset in zip(panels, datasets, strict=True):
            _draw_row(row, [curve for curve in found if curve.setting["dataset"] == dataset], looks)
            row[0].set_title(short(dataset), fontweight="bold", loc="left")
        handles, labels = _all_handles(panels)
        figure.legend(handles, labels, loc="outside lower center", ncols=4, fontsize="small")
        figure.suptitle(title, fontweight="bold")
    return figure


def _draw_row(row: np.ndarray, drawn: list[Curve], looks: dict[str, dict[str, object]]) -> None:
    exact = all(curve.exact for curve in drawn)
    for axes, (label, measure) in zip(row, measures(drawn), strict=True):
        for name in looks:
            points = _points(measure, [curve for curve in drawn if name_of(curve) == name])
            if points:
                dims, means, errors = zip(*points, strict=True)
                axes.errorbar(dims, means, errors, capsize=3, label=name, **looks[name])
        _scale(axes, label, linear_below=0.0 if exact or "until" in label else 0.01)
        if "until" in label:
            text = _crossings_text(measure, drawn)
            axes.text(0.02, 0.98, text, transform=axes.transAxes, va="top", fontsize=8)


def measures(drawn: list[Curve]) -> list[tuple[str, Measure]]:
    """What rivals on one data set are compared by, with the label of its axis."""
    floor_known = drawn[0].setting["metric"] == "kl"
    target = "10⁻⁶ nats are" if all(curve.exact for curve in drawn) else "1/e of the loss is"
    return [
        (f"layers until {target} left", layers_to_target),
        (f"seconds until {target} left", seconds_to_target),
        ("KL left at best (nats)" if floor_known else "test loss over the lowest (nats)", least_excess),
    ]


def has_rivals(table: pd.DataFrame) -> bool:
    """Whether several kinds of layers are fitted to the same sampled rows."""
    sampled = table.loc[table["n_samples"].notna(), _KIND].drop_duplicates()
    return bool((sampled.groupby("dataset").size() > 1).any())


class Crossing(NamedTuple):
    """A layer with a coupling, one without, their measure (S,) at each D, and the D where they cross."""

    coupled: Curve
    alone: Curve
    values_coupled: dict[int, np.ndarray]
    values_alone: dict[int, np.ndarray]
    at: Estimate


def crossings(measure: Measure, drawn: list[Curve]) -> list[Crossing]:
    """Where each layer with a coupling crosses the first one without; NaN where it can't be told."""
    groups: dict[str, list[Curve]] = {}
    for curve in drawn:
        groups.setdefault(name_of(curve), []).append(curve)
    coupled = {name: g for name, g in groups.items() if not pd.isna(g[0].setting["coupling"])}
    alone = [group for name, group in groups.items() if name not in coupled]
    if not coupled or not alone:
        return []
    first = values_at(measure, alone[0])
    found = [(g[0], values_at(measure, g)) for g in coupled.values()]
    return [Crossing(one, alone[0][0], values, first, crossing(first, values)) for one, values in found]


def _crossings_text(measure: Measure, drawn: list[Curve]) -> str:
    """A line for each layer with a coupling that crosses."""
    lines = [
        f"{short(found.coupled.setting['coupling'])} crosses at D = {found.at}"
        for found in crossings(measure, drawn)
        if math.isfinite(found.at.value)
    ]
    return "\n".join(lines)


def values_at(measure: Measure, drawn: list[Curve]) -> dict[int, np.ndarray]:
    """The measure of the seeds at each D where all have one."""
    dims = sorted({curve.dim for curve in drawn})
    values = {dim: np.array([measure(curve) for curve in drawn if curve.dim == dim]) for dim in dims}
    return {dim: n for dim, n in values.items() if not np.isnan(n).any()}


def layers_to_target(curve: Curve) -> float:
    """Layers until 1/e of the first excess, or of exact ones 10⁻⁶ nats, is left; NaN if it never is."""
    return curve.layers_to(_EXACT_TARGET if curve.exact else curve.excess[0] / _TARGET)


def seconds_to_target(curve: Curve) -> float:
    """Seconds of fitting until the target is reached, a straight line between depths."""
    layers = layers_to_target(curve)
    return (
        math.nan if math.isnan(layers) else float(np.interp(layers, range(len(curve.seconds)), curve.seconds))
    )


def least_excess(curve: Curve) -> float:
    """The lowest excess of the test loss over all depths, in nats; of exact curves, rounding at least."""
    return max(float(curve.excess.min()), _ROUNDING if curve.exact else 0.0)


def _points(measure: Measure, drawn: list[Curve]) -> list[tuple[int, float, float]]:
    """D, mean and half of its 95 % interval, where every seed has a value."""
    return [(dim, float(n.mean()), half_width(n)) for dim, n in values_at(measure, drawn).items()]


def _scale(axes: Axes, label: str, linear_below: float) -> None:
    axes.set_xscale("log", base=2)
    if linear_below:
        axes.set_yscale("symlog", linthresh=linear_below)
        axes.set_ylim(bottom=0)
    elif axes.get_lines():
        axes.set_yscale("log")
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("dimension D")
    axes.set_ylabel(label)


def _all_handles(panels: np.ndarray) -> tuple[list[Artist], list[str]]:
    """One handle for each label that any panel has."""
    found: dict[str, Artist] = {}
    for axes in panels.ravel():
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    labels = sorted(found)
    return [found[label] for label in labels], labels
