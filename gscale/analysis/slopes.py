"""Slopes: what a table says of every setting in it."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from gscale.analysis.curves import Curve, TailTarget, loss_curves, target_named
from gscale.analysis.replicates import Sample
from gscale.analysis.scaling_laws import ScalingFit, fit_scaling, predict
from gscale.analysis.theory_reference import known_slope


@dataclass(frozen=True)
class Slope:
    """What a table says of one setting and target.

    Attributes
    ----------
    setting : dict
        Of its curves, see `gscale.analysis.SETTING`.
    target : str
        As `target_named` reads it.
    layers : dict of int to array, shape (S,)
        Layer counts of the seeds at each D, NaN where the target was not reached.
    fit : ScalingFit
    theory : float or None
        The slope that should come out, in layers a dimension; None where theory says nothing.
    missed : dict of int to int
        Seeds that did not reach the target, at each D where there are any.
    depths : dict of int to array, shape (S,)
        The depths to which the seeds were followed.
    """

    setting: dict[str, object]
    target: str
    layers: dict[int, np.ndarray]
    fit: ScalingFit
    theory: float | None
    missed: dict[int, int] = field(default_factory=dict)
    depths: dict[int, np.ndarray] = field(default_factory=dict)

    @property
    def sample(self) -> Sample:
        """The counts as they are fitted: a tail that is not seen is left out, not one that is slow."""
        return Sample.of(self.layers, None if self.target == "tail" else self.depths)

    def fitted(self, span: np.ndarray) -> np.ndarray:
        """Layers (m,) at the D of a span (m,) by the fitted law, else by the line."""
        if self.fit.law is None:
            return self.fit.intercept.value + self.fit.slope.value * span
        known = ~np.isnan(self.sample.means)
        return predict(self.fit.law, self.sample.dims[known], self.sample.means[known], span)

    @property
    def missing_reason(self) -> str:
        """What is missing for a slope, or for its interval; empty where nothing is."""
        reached = [dim for dim, n in self.layers.items() if not np.isnan(n).all()]
        if len(self.layers) == 1:
            return f"no slope: D = {next(iter(self.layers))} alone, run two D"
        if not reached:
            return "no slope: no seed reached it, run deeper"
        if len(reached) == 1:
            return f"no slope: reached at D = {reached[0]} alone, run deeper"
        if math.isnan(self.fit.slope.low):
            return "no interval: no D has two seeds that reached it"
        return ""


def fit_slopes(table: pd.DataFrame, targets: Sequence[str] = ()) -> list[Slope]:
    """Fit every setting of a table; without targets, those that suit its loss.

    Exact curves have a tail; where the floor of the loss is unknown, factors e and 10 are told apart.

    Raises
    ------
    InputError
        If a target is unknown.
    """
    by_setting: dict[str, list[Curve]] = {}
    for curve in loss_curves(table):
        by_setting.setdefault(str(curve.setting), []).append(curve)
    return [
        _slope(group, name) for group in by_setting.values() for name in targets or _usual_targets(group[0])
    ]


def remarks(slope: Slope) -> str:
    """What is missing for a slope, and how many seeds did not reach the target."""
    return "; ".join(filter(None, [slope.missing_reason, missed_text(slope)]))


def missed_text(slope: Slope) -> str:
    """How many seeds did not reach the target, at each D where there are any."""
    return ", ".join(f"D={dim}: {n} of {len(slope.layers[dim])} seeds" for dim, n in slope.missed.items())


def _usual_targets(curve: Curve) -> list[str]:
    if curve.per_depth:
        return ["1e6"]
    if curve.kind in ("expected", "bound"):
        return ["e", "100"]
    if curve.is_population:
        return ["tail", "e"]
    return ["e"] if curve.setting["metric"] == "kl" else ["e", "10"]


def _slope(group: list[Curve], name: str) -> Slope:
    target, setting = target_named(name), group[0].setting
    layers = {
        dim: np.array([target(curve) for curve in group if curve.dim == dim])
        for dim in sorted({curve.dim for curve in group})
    }
    depths = {
        dim: np.array([len(curve.excess) - 1.0 for curve in group if curve.dim == dim]) for dim in layers
    }
    missed = {dim: int(np.isnan(n).sum()) for dim, n in layers.items() if np.isnan(n).any()}
    fit = fit_scaling(layers, None if isinstance(target, TailTarget) else depths)
    return Slope(setting, name, layers, fit, known_slope(setting, name, list(layers)), missed, depths)
