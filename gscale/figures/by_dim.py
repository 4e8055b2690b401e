"""The figure of a sweep against D: losses, and layers to each target with laws and theory through them."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from gscale.analysis.curves import Curve, loss_curves
from gscale.analysis.intervals import Estimate, half_width
from gscale.analysis.labels import dataset_label, layer_label, seeds_text, target_text
from gscale.analysis.slopes import Slope, fit_slopes, missed_text
from gscale.analysis.theory_reference import break_even, expected_in, rate_of
from gscale.figures.loss_curves import in_dims, losses_panel, mean_losses, stacked_losses, theory_losses
from gscale.figures.spec import NOT_REACHED, SYMBOLS, Axis, Description, Panel, Series, category, shade
from gscale.results.settings import parts
from gscale.theory.rates import layers_per_efold

_KIND = ("dataset", "rotation", "marginal", "coupling")


def describe(rows: pd.DataFrame, _: pd.DataFrame, n_points: int) -> Description:
    """A row for each kind of data, layer and N: its losses, and its layers against D."""
    curves = list(loss_curves(rows))
    # what is compared with its expectation is compared at the same targets
    beside_expected = any(curve.kind == "expected" for curve in curves)
    slopes = fit_slopes(rows, ("e", "10", "100") if beside_expected else ())
    description = []
    for title, group in _groups(curves):
        settings = {str(curve.setting) for curve in group}
        of_group = [slope for slope in slopes if str(slope.setting) in settings]
        description.append([_losses(title, group, n_points), _layers(title, of_group)])
    return description


def _groups(curves: Sequence[Curve]) -> Iterator[tuple[str, list[Curve]]]:
    """The curves of each kind of data, layer and N, with a title; those without N are in each of these."""
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(str([curve.setting[part] for part in _KIND]), []).append(curve)
    for group in groups.values():
        setting = group[0].setting
        title = f"{dataset_label(setting)}, layers of {layer_label(setting)}"
        sizes = sorted({curve.n_samples for curve in group} - {0})
        if len(sizes) < 2:
            yield title, group
            continue
        for n in sizes:
            yield f"{title}, N = {n:,}", [curve for curve in group if curve.n_samples in (0, n)]


def _losses(title: str, curves: list[Curve], n_points: int) -> Panel:
    """The loss curves of one kind of layer, a colour for each D."""
    dims = sorted({curve.dim for curve in curves})
    series: list[Series] = []
    for i, dim in enumerate(dims):
        group, colour = [curve for curve in curves if curve.dim == dim], shade(i, len(dims))
        series += mean_losses(f"D = {dim}", group, colour, n_points, dim if in_dims(curves) else 1)
        series += _theory_at(group, colour, n_points)
    remark = ""
    if any(one.width > 4 for one in series):
        remark = " Wide lines behind are theory's, for test and train loss."
    if any(one.symbol == "triangle-down" for one in series):
        remark += " Triangles: from here on a layer costs more test loss than it gains."
    if in_dims(curves):
        ends = np.array([1e-14, max(float(curve.excess[0]) for curve in curves)])
        series.append(Series("Theorem 1: ½", np.array([0.5, 0.5]), ends, dash="dash", width=1.5))
    return losses_panel(f"Loss: {title}", curves, series, remark)


def _theory_at(group: list[Curve], colour: str, n_points: int) -> list[Series]:
    """Theory at one D, where sampled curves are beside the population's."""
    stacks, sampled = stacked_losses(group), [curve for curve in group if not curve.is_population]
    if "population" not in stacks or not sampled:
        return []
    name, setting, n_samples = f"D = {group[0].dim}", sampled[0].setting, sampled[0].n_samples
    mean = stacks["population"].mean(0)
    series = theory_losses(name, expected_in(setting, group[0].dim, n_samples, mean), colour, n_points)
    if series and parts(str(setting["marginal"]))[0] == "Moments":
        at = np.array([break_even(mean, group[0].dim, n_samples)])
        note = f"{name}: the next layer costs more than it gains"
        turn = Series(note, at, stacks["sampled"].mean(0)[at], None, colour, "markers", group=name)
        series.append(replace(turn, symbol="triangle-down", listed=False))
    return series


def _layers(title: str, slopes: list[Slope]) -> Panel:
    """Layers to each target against D, with the law through them, theory, and seeds that missed it."""
    targets = list(dict.fromkeys(slope.target for slope in slopes))
    variants = list(dict.fromkeys(map(_variant, slopes)))
    series: list[Series] = []
    for slope in slopes:
        colour = category(targets.index(slope.target))
        symbol = SYMBOLS[variants.index(_variant(slope)) % len(SYMBOLS)]
        series += [*_counts(slope, colour, symbol), *_not_reached(slope, colour)]
    note = (
        "Means over seeds, with 95 % intervals, and the line or law through them; a seed that missed the "
        "target counts as one that needs more."
    )
    if any(slope.missed for slope in slopes):
        note += " Crosses stand at the depth at which seeds ended that did not reach it."
    dims = tuple(sorted({float(dim) for slope in slopes for dim in slope.layers}))
    axes = Axis("dimension D", ticks=dims), Axis("layers", zero=True)
    return Panel(f"Layers: {title}", note, *axes, (*series, *_theory(slopes)))


def _variant(slope: Slope) -> str:
    """What tells the slopes of one panel and target apart."""
    n_samples = slope.setting["n_samples"]
    return str(slope.setting["kind"]) if pd.isna(n_samples) else f"N = {n_samples:,.0f}"


def _counts(slope: Slope, colour: str, symbol: str) -> Iterator[Series]:
    """Means of the seeds that reached it, and the law through them."""
    sample, reached = slope.sample, ~np.isnan(slope.sample.means)
    if not reached.any():
        return
    counts = [(n[~np.isnan(n)], len(n)) for n in sample.counts if not np.isnan(n).all()]
    growth = (
        "" if math.isnan(slope.fit.slope.value) else f": {estimate_text(slope.fit.slope)} for each dimension"
    )
    law = f"; law: {slope.fit.law}" if slope.fit.law else ""
    name = f"{target_text(slope.target)} ({_variant(slope)}){growth}{law}"
    points = Series(name, sample.dims[reached], sample.means[reached], colour=colour, symbol=symbol)
    halves = np.array([half_width(n) for n, _ in counts])
    notes = [f"{len(n)} of {seeds_text(n_seeds)}" for n, n_seeds in counts]
    yield replace(points, mode="markers", half=halves, notes=notes)
    if len(counts) > 1:
        span = np.geomspace(sample.dims.min(), sample.dims.max(), 40)
        dash = "dot" if slope.setting["kind"] == "bound" else "solid"
        line = Series(f"{slope.fit.law or 'linear'} law", span, slope.fitted(span), colour=colour, dash=dash)
        yield replace(line, group=name, listed=False)


def _not_reached(slope: Slope, colour: str) -> Iterator[Series]:
    if slope.missed:
        dims = np.array(list(slope.missed), float)
        ends = np.array([slope.depths[dim].max() for dim in slope.missed], float)
        notes = [f"{n} of {seeds_text(len(slope.layers[dim]))}" for dim, n in slope.missed.items()]
        name = f"not reached, {target_text(slope.target)}: {missed_text(slope)}"
        yield Series(name, dims, ends, None, colour, "markers", symbol=NOT_REACHED, notes=notes)


def _theory(slopes: list[Slope]) -> list[Series]:
    """The first theory that a slope has."""
    for slope in slopes:
        span = np.unique(np.geomspace(max(min(slope.layers), 2), max(slope.layers), 60).round().astype(int))
        rate = rate_of(slope.setting) if slope.target == "tail" else None
        if rate is not None:
            layers = np.array([layers_per_efold(rate(int(dim))) for dim in span])
            return [Series("theory near the identity", span, layers, dash="dash", width=1.5)]
        if slope.setting["kind"] == "scales":
            return [Series("Theorem 1: (D + 1)/2", span, (span + 1) / 2, dash="dash", width=1.5)]
    return []


def estimate_text(estimate: Estimate) -> str:
    """A value with its interval; without one where it is not known, and a dash where nothing is."""
    if math.isnan(estimate.value):
        return "–"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return f"{estimate.value:.3g}"
    if max(map(abs, (estimate.value, estimate.low, estimate.high))) < 1e4:
        return str(estimate).replace("-0.00000", "0.00000")
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"
