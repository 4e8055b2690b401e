"""The figure of models side by side: layers, seconds and loss against D, and their loss curves at each D."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from gscale.analysis import Crossing, Curve, Measure, crossings, half_width, loss_curves, measures
from gscale.analysis.comparison import by_model, values_at
from gscale.analysis.labels import brief, dataset_label, model_label, seeds_text
from gscale.figures.by_dim import estimate_text
from gscale.figures.loss_curves import losses_by_model, seeds_of
from gscale.figures.spec import NOT_REACHED, SYMBOLS, Axis, Description, Panel, Series, category

_COLUMNS = 3
_FAR = 4  # a crossing this many times beyond the D at hand is only in the note
_LINEAR = 1e-2  # nats over the lowest loss, which some model has


def describe(rows: pd.DataFrame, _: pd.DataFrame, n_points: int) -> Description:
    """For each data set what models are compared by against D, and rows of their losses at each D."""
    curves = list(loss_curves(rows))
    names = brief(by_model(curves))
    description = []
    for dataset in dict.fromkeys(dataset_label(curve.setting) for curve in curves):
        group = [curve for curve in curves if dataset_label(curve.setting) == dataset]
        description.append([_compared(measure, dataset, group, names) for measure in measures(group)])
        losses = losses_by_model(group, names, n_points)
        description += [losses[i : i + _COLUMNS] for i in range(0, len(losses), _COLUMNS)]
    return description


def _compared(measure: Measure, dataset: str, curves: Sequence[Curve], names: dict[str, str]) -> Panel:
    """One measure of each model against D, with the D where couplings cross."""
    groups, series = by_model(curves), list[Series]()
    for i, (model, name) in enumerate(names.items()):
        series += _model(name, measure, groups.get(model, []), category(i), SYMBOLS[i % len(SYMBOLS)])
    note = f"Means over {seeds_of(curves)}, with 95 % intervals."
    if any(one.symbol == NOT_REACHED for one in series):
        note += " Where not every seed of a model got there, a cross stands where the longest ended."
    for crossing in crossings(measure, curves) if measure.end is not None else ():
        if is_within(crossing, _FAR):
            series += _crossing(crossing, names)
        elif math.isfinite(crossing.at.value):
            note += f" {_name(crossing, names)}, beyond the D at hand."
    if any(one.symbol == "circle-open" for one in series):
        note += " Rings: where power laws through the means meet, with the interval of that D."
    positive = all(value > 0 for one in series for value in one.y)
    dims = tuple(sorted({curve.dim for curve in curves}))
    y = Axis(measure.label, positive and bool(series), zero=True, linear_within=0.0 if positive else _LINEAR)
    title = f"{measure.label[0].upper()}{measure.label[1:].split(' (')[0]}: {dataset}"
    return Panel(title, note, Axis("dimension D", True, dims), y, tuple(series))


def _model(
    name: str, measure: Measure, curves: Sequence[Curve], colour: str, symbol: str
) -> Iterator[Series]:
    """Means at the D where all seeds have the measure, crosses where some seed ends before."""
    values = values_at(measure, curves)
    if values:
        dims, means = np.array(list(values), float), np.array([n.mean() for n in values.values()])
        halves = np.array([half_width(n) for n in values.values()])
        notes = [seeds_text(len(n)) for n in values.values()]
        yield Series(name, dims, means, halves, colour, "lines+markers", symbol=symbol, notes=notes)
    missed = sorted({curve.dim for curve in curves} - values.keys())
    if missed and measure.end is not None:
        seeds = [[curve for curve in curves if curve.dim == dim] for dim in missed]
        ends = np.array([max(map(measure.end, group)) for group in seeds])
        counts = [sum(math.isnan(measure.value(curve)) for curve in group) for group in seeds]
        notes = [f"not reached: {n} of {seeds_text(len(g))}" for n, g in zip(counts, seeds, strict=True)]
        crosses = Series(name, np.array(missed, float), ends, None, colour, "markers", symbol=NOT_REACHED)
        yield replace(crosses, notes=notes, listed=not values)


def is_within(crossing: Crossing, factor: float = 1) -> bool:
    """Whether a crossing is among the D at hand, or so many times beyond."""
    dims = sorted(crossing.values_coupled.keys() & crossing.values_alone.keys())
    return bool(dims) and dims[0] / factor <= crossing.at.value <= dims[-1] * factor


def _name(crossing: Crossing, names: dict[str, str]) -> str:
    coupled, alone = (names[model_label(curve)] for curve in (crossing.coupled, crossing.alone))
    return f"{coupled} crosses {alone} at D = {estimate_text(crossing.at)}"


def _crossing(crossing: Crossing, names: dict[str, str]) -> Iterator[Series]:
    """Both power laws up to where they meet, and that point with its interval."""
    name, at = _name(crossing, names), crossing.at
    dims = [*crossing.values_coupled, *crossing.values_alone, at.value]
    span = np.geomspace(min(dims), max(dims), 20)
    for curve, values in zip(crossing[:2], crossing[2:4], strict=True):
        model = model_label(curve)
        law = Series(f"power law: {names[model]}", span, _power_law(values, span), group=name, listed=False)
        yield replace(law, colour=category(list(names).index(model)), dash="dot", width=1.5)
    x, height = np.array([at.value]), _power_law(crossing.values_alone, np.array([at.value]))
    if math.isfinite(at.low) and math.isfinite(at.high):
        interval = np.clip([at.low, at.high], span[0], span[-1])
        yield Series(name, interval, np.repeat(height, 2), listed=False)
    yield Series(name, x, height, symbol="circle-open", mode="markers")


def _power_law(values: dict[int, np.ndarray], at: np.ndarray) -> np.ndarray:
    """The straight line through log means against log D, as `crossing` has it."""
    dims = [dim for dim, n in values.items() if (n > 0).all()]
    slope, intercept = np.polyfit(np.log(dims), [math.log(values[dim].mean()) for dim in dims], 1)
    return np.exp(intercept + slope * np.log(at))
