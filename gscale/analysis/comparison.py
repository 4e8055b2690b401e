"""Models side by side on the same rows: what they are compared by, and the D where they cross."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from gscale.analysis.curves import Curve
from gscale.analysis.intervals import Estimate
from gscale.analysis.labels import model_label
from gscale.analysis.scaling_laws import crossing

_TARGET = math.e
_POPULATION_TARGET = 1e-6  # nats left, where there is no sampling noise
_ROUNDING = 1e-14


@dataclass(frozen=True)
class Measure:
    """What models are compared by.

    Attributes
    ----------
    label : str
        With its unit.
    value : callable
        Of a curve; NaN where it does not reach the target.
    end : callable or None
        Where a curve that does not reach the target ends, in the same unit; None where there is no target.
    """

    label: str
    value: Callable[[Curve], float]
    end: Callable[[Curve], float] | None = None


class Crossing(NamedTuple):
    """A model with a coupling, one without, their measure (S,) at each D, and the D where they cross."""

    coupled: Curve
    alone: Curve
    values_coupled: dict[int, np.ndarray]
    values_alone: dict[int, np.ndarray]
    at: Estimate


def measures(curves: Sequence[Curve]) -> list[Measure]:
    """What models on one data set are compared by: layers and seconds to the target, and the lowest loss."""
    floor_known = curves[0].setting["metric"] == "kl"
    target = "10⁻⁶ nats are" if all(curve.is_population for curve in curves) else "1/e of the loss is"
    lowest = "KL left at best (nats)" if floor_known else "test loss over the lowest (nats)"
    return [
        Measure(f"layers until {target} left", layers_to_target, lambda curve: len(curve.excess) - 1.0),
        Measure(f"seconds until {target} left", seconds_to_target, lambda curve: float(curve.seconds[-1])),
        Measure(lowest, least_excess),
    ]


def by_model(curves: Sequence[Curve]) -> dict[str, list[Curve]]:
    """The curves of each model, by its label."""
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        groups.setdefault(model_label(curve), []).append(curve)
    return groups


def crossings(measure: Measure, curves: Sequence[Curve]) -> list[Crossing]:
    """Where each model with a coupling crosses the first one without; NaN where it can't be told."""
    groups = by_model(curves)
    coupled = {name: group for name, group in groups.items() if not pd.isna(group[0].setting["coupling"])}
    alone = [group for name, group in groups.items() if name not in coupled]
    if not coupled or not alone:
        return []
    first = values_at(measure, alone[0])
    pairs = [(group[0], values_at(measure, group)) for group in coupled.values()]
    return [Crossing(one, alone[0][0], values, first, crossing(first, values)) for one, values in pairs]


def values_at(measure: Measure, curves: Sequence[Curve]) -> dict[int, np.ndarray]:
    """The measure (S,) of the seeds at each D where all have one."""
    dims = sorted({curve.dim for curve in curves})
    values = {dim: np.array([measure.value(curve) for curve in curves if curve.dim == dim]) for dim in dims}
    return {dim: n for dim, n in values.items() if not np.isnan(n).any()}


def layers_to_target(curve: Curve) -> float:
    """Layers until 1/e of the first excess, or of the population 10⁻⁶ nats, is left; NaN if it never is."""
    return curve.layers_to(_POPULATION_TARGET if curve.is_population else curve.excess[0] / _TARGET)


def seconds_to_target(curve: Curve) -> float:
    """Seconds of fitting until the target is reached, a straight line between depths."""
    layers = layers_to_target(curve)
    if math.isnan(layers):
        return math.nan
    return float(np.interp(layers, range(len(curve.seconds)), curve.seconds))


def least_excess(curve: Curve) -> float:
    """The lowest excess of the test loss over all depths, in nats; of the population, rounding at least."""
    return max(float(curve.excess.min()), _ROUNDING if curve.is_population else 0.0)
