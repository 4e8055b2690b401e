"""Figures against D: layers to each target with laws and theory, and rivals with the D where they cross."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd

from gscale.analysis import Curve, Estimate, Slope, half_width, rate_of, target_text
from gscale.analysis.comparison import Crossing, Measure, crossings, measures, values_at
from gscale.analysis.labels import name_of
from gscale.figures.loss_curves import seeds_of, seeds_text
from gscale.figures.spec import Axis, Figure, Series, category
from gscale.results.tables import short
from gscale.theory.rates import layers_per_efold

_SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "star", "pentagon")
_NOT_REACHED = "x-thin-open"
_FAR = 4  # a crossing this many times beyond the D at hand is told and not drawn


def layers_by_dim(title: str, found: list[Slope]) -> Figure:
    """Layers to each target against D, with the law through them, theory, and seeds that missed it."""
    series: list[Series] = []
    for i, slope in enumerate(found):
        series += _counts(slope, category(i), _SYMBOLS[i % len(_SYMBOLS)])
        series += _not_reached(slope, category(i))
    series += _theory(found)
    note = (
        "Means over seeds, with 95 % intervals, and the line or law through them; a seed that missed the "
        "target counts as one that needs more."
    )
    if any(slope.missed for slope in found):
        note += " Crosses stand at the depth at which seeds ended that did not reach it."
    dims = tuple(sorted({dim for slope in found for dim in slope.layers}))
    return Figure(
        f"Layers: {title}", note, Axis("dimension D", True, dims), Axis("layers", zero=True), tuple(series)
    )


def _counts(slope: Slope, colour: str, symbol: str) -> list[Series]:
    sample = slope.sample
    reached = ~np.isnan(sample.means)
    if not reached.any():
        return []
    dims, means = sample.dims[reached], sample.means[reached]
    told = {
        int(dim): n[~np.isnan(n)] for dim, n in zip(sample.dims, sample.counts, strict=True) if dim in dims
    }
    halves = np.array([half_width(n) for n in told.values()])
    notes = [f"{len(n)} of {seeds_text(len(slope.layers[dim]))}" for dim, n in told.items()]
    name = _name(slope)
    points = Series(name, dims, means, halves, colour, "markers", symbol=symbol, notes=notes)
    if len(dims) < 2:
        return [points]
    law, span = slope.fit.law or "linear", np.geomspace(sample.dims.min(), sample.dims.max(), 40)
    line = Series(f"{law} law", span, slope.fitted(span), None, colour, group=name, listed=False)
    return [replace(points, group=name), line]


def _name(slope: Slope) -> str:
    training, n_samples = slope.setting["training"], slope.setting["n_samples"]
    what = short(training) if pd.isna(n_samples) else f"N = {n_samples:,.0f}"
    fitted = slope.fit.slope
    growth = "" if math.isnan(fitted.value) else f": {estimate_text(fitted)} for each dimension"
    return f"{target_text(slope.target)} ({what}){growth}"


def estimate_text(estimate: Estimate) -> str:
    """A value with its interval; without one where it is not known, and a dash where nothing is."""
    if math.isnan(estimate.value):
        return "–"
    if math.isnan(estimate.low) or math.isnan(estimate.high):
        return f"{estimate.value:.3g}"
    if max(map(abs, (estimate.value, estimate.low, estimate.high))) < 1e4:
        return str(estimate).replace("-0.00000", "0.00000")
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _not_reached(slope: Slope, colour: str) -> list[Series]:
    if not slope.missed:
        return []
    dims = np.array(list(slope.missed), float)
    notes = [f"not reached: {n} of {seeds_text(len(slope.layers[dim]))}" for dim, n in slope.missed.items()]
    ends = np.array([slope.depths[dim].max() for dim in slope.missed], float)
    name = f"not reached: {target_text(slope.target)}"
    return [Series(name, dims, ends, None, colour, "markers", symbol=_NOT_REACHED, notes=notes)]


def _theory(found: list[Slope]) -> list[Series]:
    """The first theory that a slope has."""
    for slope in found:
        span = np.unique(np.geomspace(max(min(slope.layers), 2), max(slope.layers), 60).round().astype(int))
        rate = rate_of(slope.setting) if slope.target == "tail" else None
        if rate is not None:
            layers = np.array([layers_per_efold(rate(int(dim))) for dim in span])
            return [Series("theory near the identity", span, layers, dash="dash", width=1.5)]
        if str(slope.setting["training"]).startswith("EndToEndScales("):
            return [Series("Theorem 1: (D + 1)/2", span, (span + 1) / 2, dash="dash", width=1.5)]
    return []


def rivals_by_dim(drawn: list[Curve], looks: dict[str, str]) -> list[Figure]:
    """Layers, seconds and loss of rivals on one data set against D, with the D where couplings cross."""
    dataset = short(drawn[0].setting["dataset"])
    dims = tuple(sorted({curve.dim for curve in drawn}))
    figures = []
    for label, measure in measures(drawn):
        series = [one for name in looks for one in _rival(name, measure, drawn, looks)]
        note = f"Means over {seeds_of(drawn)}, with 95 % intervals."
        if "until" in label:
            note += (
                " Where not every seed of a layer got there, it has a cross at the depth or time of its end."
            )
            met = [c for c in crossings(measure, drawn) if within(c, _FAR)]
            series += [one for crossing in met for one in _crossing(crossing, looks)]
            note += " Rings are where power laws meet, with the interval of that D." if met else ""
        positive = all(value > 0 for one in series for value in one.y)
        axes = Axis("dimension D", True, dims), Axis(label, log=positive and bool(series), zero=True)
        figures.append(
            Figure(f"{label[0].upper()}{label[1:].split(' (')[0]}: {dataset}", note, *axes, tuple(series))
        )
    return figures


def _rival(name: str, measure: Measure, drawn: list[Curve], looks: dict[str, str]) -> list[Series]:
    group = [curve for curve in drawn if name_of(curve) == name]
    values, colour = values_at(measure, group), looks[name]
    symbol = _SYMBOLS[list(looks).index(name) % len(_SYMBOLS)]
    missed = sorted({curve.dim for curve in group} - values.keys())
    found = []
    if values:
        dims, means = np.array(list(values), float), np.array([n.mean() for n in values.values()])
        halves = np.array([half_width(n) for n in values.values()])
        notes = [seeds_text(len(n)) for n in values.values()]
        found.append(Series(name, dims, means, halves, colour, "lines+markers", symbol=symbol, notes=notes))
    if missed:
        found.append(_missed_rival(name, measure, group, missed, colour, listed=not values))
    return found


def _missed_rival(
    name: str, measure: Measure, group: list[Curve], dims: list[int], colour: str, listed: bool
) -> Series:
    """Crosses where some seed ends before the target: at the layers, or seconds, of the longest."""
    ends, notes = [], []
    for dim in dims:
        seeds = [curve for curve in group if curve.dim == dim]
        seconds = "seconds" in measure.__name__
        ends.append(max(float(c.seconds[-1]) if seconds else len(c.excess) - 1.0 for c in seeds))
        missed = sum(math.isnan(measure(curve)) for curve in seeds)
        notes.append(f"not reached: {missed} of {seeds_text(len(seeds))}")
    at = np.array(dims, float)
    return Series(
        name, at, np.array(ends), None, colour, "markers", symbol=_NOT_REACHED, notes=notes, listed=listed
    )


def within(crossing: Crossing, factor: float = 1) -> bool:
    """Whether a crossing is among the D at hand, or so many times beyond."""
    dims = sorted(crossing.values_coupled.keys() & crossing.values_alone.keys())
    return bool(dims) and dims[0] / factor <= crossing.at.value <= dims[-1] * factor


def _crossing(crossing: Crossing, looks: dict[str, str]) -> list[Series]:
    """Both power laws up to where they meet, and that point with its interval."""
    coupled, alone, at = name_of(crossing.coupled), name_of(crossing.alone), crossing.at
    meeting = f"crossing: {short(crossing.coupled.setting['coupling'])} and {alone}"
    sides = ((coupled, crossing.values_coupled), (alone, crossing.values_alone))
    dims = [*crossing.values_coupled, *crossing.values_alone, at.value]
    span = np.geomspace(min(dims), max(dims), 20)
    laws = {name: _power_law(values, span) for name, values in sides}
    series = [
        Series(f"power law: {name}", span, law, None, looks[name], dash="dot", width=1.5, group=meeting)
        for name, law in laws.items()
    ]
    series = [replace(one, listed=False) for one in series]
    height = _power_law(crossing.values_alone, np.array([at.value]))
    note = f"D = {estimate_text(at)}"
    point = Series(meeting, np.array([at.value]), height, symbol="circle-open", mode="markers", notes=note)
    low, high = (np.clip(end, span[0], span[-1]) for end in (at.low, at.high))
    if math.isnan(low) or math.isnan(high):
        return [*series, point]
    interval = Series(meeting, np.array([low, high]), np.repeat(height, 2), listed=False, notes=note)
    return [*series, interval, point]


def _power_law(values: dict[int, np.ndarray], at: np.ndarray) -> np.ndarray:
    """The straight line through log means against log D, as `crossing` has it."""
    dims = [dim for dim, n in values.items() if (n > 0).all()]
    slope, intercept = np.polyfit(np.log(dims), [math.log(values[dim].mean()) for dim in dims], 1)
    return np.exp(intercept + slope * np.log(at))
