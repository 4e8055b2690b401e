"""Figures from tables: the loss curves of a sweep, and its layers against D."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gscale.analysis import (
    Curve,
    Slope,
    break_even,
    curves,
    expected_losses,
    half_width,
    missed_text,
    rate_of,
    slopes,
    target_text,
    varies_rows,
)
from gscale.analysis.comparison import draw_comparison, has_rivals
from gscale.analysis.distances import METRIC
from gscale.errors import InputError
from gscale.figures.mean_curves import in_dims, stacked_curves
from gscale.figures.spurious_projections import draw_spurious
from gscale.figures.style import styled
from gscale.figures.turning_figure import draw_turning
from gscale.results.tables import no_histograms, short
from gscale.theory.rates import layers_per_efold

_ROW = ["dataset", "rotation", "marginal", "coupling"]
_LINES = {"test": "-", "train": "--", "exact": ":", "expected": "-", "bound": "--", "whole": "-"}
_MARKERS = {"Population()": "o", "Expected()": "s", "LowerBound()": "^"}
_NAMES = {"whole": "trained together"}
_EXACT = 1e-14  # nats; a loss below is drawn there
_SHOWN = 1e-4  # of the first loss; exact curves go on far below


def plot_sweeps(
    table: pd.DataFrame, folder: Path, about: Mapping[str, str], histograms: pd.DataFrame | None = None
) -> list[Path]:
    """Draw one figure a sweep into a folder, as PNG and SVG, and return the paths of the PNGs.

    ``about`` has a line on each sweep, where there is one, for its title; ``histograms`` are those kept
    beside the table, as `gscale.results.tables.read_histograms` reads them.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    paths = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for sweep, rows in table.groupby("sweep"):
            figure = _figure(rows, about.get(str(sweep), str(sweep)), histograms)
            paths.append(folder / f"{sweep}.png")
            figure.savefig(paths[-1], dpi=120)
            figure.savefig(paths[-1].with_suffix(".svg"))
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}") from None
    return paths


def _figure(rows: pd.DataFrame, title: str, histograms: pd.DataFrame | None) -> Figure:
    if METRIC in set(rows["metric"]):
        return draw_spurious(rows, title, no_histograms() if histograms is None else histograms)
    if has_rivals(rows):
        return draw_comparison(rows, title)
    return draw_turning(rows, title) if varies_rows(rows) else draw_sweep(rows, title)


def draw_sweep(table: pd.DataFrame, title: str) -> Figure:
    """Draw one sweep: a row for each kind of data, layer and N; left its loss curves, right layers against D.

    Curves without sampling noise are in every row of their data and layer.
    """
    groups = [part for group in table.groupby(_ROW, dropna=False) for part in _by_n_samples(*group)]
    with styled():
        figure = Figure(figsize=(14, 5 * len(groups) + 0.5), layout="constrained")
        panels = figure.subplots(len(groups), 2, squeeze=False)
        for (left, right), ((dataset, *parts), words, rows) in zip(panels, groups, strict=True):
            layer = " + ".join(short(part) for part in parts if not pd.isna(part))
            left.set_title(f"{short(dataset)}: layers of {layer}{words}")
            _draw_losses(left, list(curves(rows)))
            beside_theory = "Expected()" in set(rows["training"])
            _draw_layers(right, slopes(rows, ("e", "10", "100") if beside_theory else ()))
        figure.suptitle(title, fontweight="bold")
    return figure


def _by_n_samples(
    kind: tuple[object, ...], rows: pd.DataFrame
) -> Iterator[tuple[tuple[object, ...], str, pd.DataFrame]]:
    """The rows of each N, with those that have none, and a title's words for it where there are several."""
    n_samples = rows["n_samples"]
    several = sorted(n_samples.dropna().unique())
    if len(several) < 2:
        yield kind, "", rows
        return
    for n in several:
        yield kind, f", N = {n:,}", rows[n_samples.isna() | (n_samples == n)]


def _draw_losses(axes: Axes, drawn: list[Curve]) -> None:
    relative = drawn[0].setting["metric"] != "kl"
    dims = sorted({curve.dim for curve in drawn})
    colours = dict(zip(dims, sns.color_palette("viridis_r", len(dims)), strict=True))
    kinds: set[str] = set()
    for dim in dims:
        stacks = stacked_curves([curve for curve in drawn if curve.dim == dim], relative)
        means = {kind: stack.mean(0) for kind, stack in stacks.items()}
        kinds |= means.keys()
        for kind, mean in means.items():
            layers = np.arange(1, len(mean))
            # scales are exact at a depth in proportion to D, and a loss of rounding size is exact
            x = layers / dim if in_dims(drawn) else layers
            y = np.maximum(mean[1:], _EXACT) if kind == "whole" else mean[1:]
            axes.plot(x, y, _LINES[kind], color=colours[dim], marker="." if kind == "whole" else None)
        _draw_expected(axes, means, [c for c in drawn if c.dim == dim and not c.exact], colours[dim])
    _scale_losses(axes, drawn, relative)
    handles = [Line2D([], [], color=colour, label=f"D = {dim}") for dim, colour in colours.items()]
    handles += [
        Line2D([], [], color="0.3", ls=_LINES[kind], label=_NAMES.get(kind, kind))
        for kind in _LINES
        if kind in kinds
    ]
    if {"test", "train", "exact"} <= kinds:
        handles.append(
            Line2D([], [], color="0.3", marker="v", ls="", label="next layer costs more than it gains")
        )
        handles.append(Line2D([], [], color="0.6", lw=4, alpha=0.5, label="theory for test and train"))
    axes.legend(handles=handles, fontsize="x-small", ncols=2 if len(handles) > 9 else 1)


def _draw_expected(axes: Axes, means: dict[str, np.ndarray], sampled: list[Curve], colour: object) -> None:
    if "exact" not in means or not sampled:
        return
    setting, dim = sampled[0].setting, sampled[0].dim
    if (setting["rotation"], setting["marginal"]) != ("Haar()", "Moments()"):
        return
    n_samples = sampled[0].n_samples
    for expected in expected_losses(means["exact"], dim, n_samples):
        axes.plot(np.arange(1, len(expected)), expected[1:], color=colour, lw=4, alpha=0.35)
    layer = break_even(means["exact"], dim, n_samples)
    axes.plot(layer, means["test"][layer], "v", color=colour, markersize=9, markeredgecolor="black")


def _scale_losses(axes: Axes, drawn: list[Curve], relative: bool) -> None:
    axes.set_ylabel("KL to the normal distribution (nats)")
    axes.set_xlabel("layers")
    if all(curve.whole for curve in drawn):
        axes.set_yscale("log")
        if in_dims(drawn):
            axes.axvline(0.5, color="0.2", lw=1, ls="--")
            axes.set_xlabel("layers / dimension (dashed: ½)")
        return
    axes.set_xscale("log")
    if relative:
        axes.set_ylim(-0.3, 1.03)
        axes.set_ylabel("share left of the loss that can be removed")
    elif all(curve.exact for curve in drawn):
        first = [curve.excess[0] for curve in drawn if curve.excess[0] > 0] or [1.0]
        axes.set_yscale("log")
        axes.set_ylim(min(first) * _SHOWN, max(first) * 2)
    else:
        axes.set_yscale("symlog", linthresh=1e-2)


def _draw_layers(axes: Axes, found: list[Slope]) -> None:
    kinds = list(dict.fromkeys((slope.target, str(slope.setting["n_samples"])) for slope in found))
    colours = dict(zip(kinds, sns.color_palette("deep", len(kinds)), strict=True))
    for slope in found:
        colour = colours[slope.target, str(slope.setting["n_samples"])]
        marker = _MARKERS.get(str(slope.setting["training"]), "o")
        dims, means, bounds = slope.sample.dims, slope.sample.means, slope.sample.bounds
        reached = ~np.isnan(means)
        errors = [half_width(n[~np.isnan(n)]) for n in slope.sample.counts]
        axes.errorbar(dims, means, errors, fmt=marker, color=colour, capsize=3, label=_label(slope))
        axes.plot(dims[~reached], bounds[~reached], marker=r"$\uparrow$", ls="", ms=12, color=colour)
        if reached.sum() > 1:
            span = np.geomspace(dims.min(), dims.max(), 100)
            style = ":" if marker == "^" else "-"
            axes.plot(span, slope.fitted(span), style, color=colour, alpha=0.6)
    _draw_theory(axes, found)
    axes.set_title("How many layers, as the dimension grows?")
    axes.set_xlabel("dimension D")
    axes.set_ylabel("layers")
    axes.set_ylim(bottom=0)
    columns = 1 if len(axes.get_legend_handles_labels()[0]) < 4 else 2
    axes.legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=columns)


def _draw_theory(axes: Axes, found: list[Slope]) -> None:
    for slope in found:
        span = np.arange(max(min(slope.layers), 2), max(slope.layers) + 1)
        rate = rate_of(slope.setting) if slope.target == "tail" else None
        if rate is not None:
            layers = [layers_per_efold(rate(int(dim))) for dim in span]
            axes.plot(span, layers, "--", color="0.2", lw=1, label="theory near the identity")
            return
        if str(slope.setting["training"]).startswith("EndToEndScales("):
            axes.plot(span, (span + 1) / 2, "--", color="0.2", lw=1, label="Theorem 1: (D + 1)/2")
            return


def _label(slope: Slope) -> str:
    training, n_samples = slope.setting["training"], slope.setting["n_samples"]
    what = short(training) if pd.isna(n_samples) else f"N = {n_samples:.0f}"
    missed = f"\nnot reached: {missed_text(slope)}" if slope.missed else ""
    law = f"; law: {slope.fit.law}" if slope.fit.law else ""
    return f"{target_text(slope.target)} ({what}):\n{slope.fit.slope} for each dimension{law}{missed}"
