"""What the regression check monitors: layers and losses against D, optimal depths against N."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import pandas as pd

from gscale.analysis.curves import Curve, loss_curves
from gscale.analysis.optimal_depth import OptimalDepth, optimal_depths
from gscale.analysis.slopes import fit_slopes
from gscale.results.settings import label

_LAYER = ("dataset", "rotation", "marginal", "coupling", "training")


@dataclass(frozen=True, eq=False)
class MonitoredQuantity:
    """Numbers of the seeds of one setting and target at each D, or at each N where D is one.

    Attributes
    ----------
    setting : str
        In one line.
    target : str
        One of `gscale fit`; "optimal depth" for the layer of the lowest test loss; "end" for the test loss of
        sampled curves behind the last layer, in nats.
    along : str
        "D" or "N": what the keys of ``numbers`` are.
    numbers : dict of int to array, shape (S,)
        A count of layers that is not reached is cut: it is the depth that the seed was followed to. Of the
        same depths, means of cut counts can be compared.
    seconds : float
        What a seed took, the mean over all.
    """

    setting: str
    target: str
    along: Literal["D", "N"]
    numbers: dict[int, np.ndarray]
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.setting}; {self.target}"


def monitored_quantities(table: pd.DataFrame) -> list[MonitoredQuantity]:
    """The quantities of a table that have a value at some D."""
    groups: dict[str, list[Curve]] = {}
    for curve in loss_curves(table):
        groups.setdefault(_text(curve.setting), []).append(curve)
    seconds = {name: float(np.mean([c.seconds[-1] for c in group])) for name, group in groups.items()}
    quantities = [*_of_slopes(table, seconds), *_of_ends(groups, seconds), *_of_depths(table, seconds)]
    return [quantity for quantity in quantities if quantity.numbers]


def position(along: str, at: np.ndarray) -> np.ndarray:
    """What a slope is against (n,): D itself, or the logarithm of N."""
    return np.log(at) if along == "N" else at


def _of_slopes(table: pd.DataFrame, seconds: dict[str, float]) -> Iterator[MonitoredQuantity]:
    for slope in fit_slopes(table):
        name = _text(slope.setting)
        if slope.target == "tail":  # one that is not seen has no depth
            cut = {dim: n[~np.isnan(n)] for dim, n in slope.layers.items()}
        else:
            cut = {dim: np.where(np.isnan(n), slope.depths[dim], n) for dim, n in slope.layers.items()}
        yield MonitoredQuantity(
            name, slope.target, "D", {dim: n for dim, n in cut.items() if n.size}, seconds[name]
        )


def _of_ends(groups: dict[str, list[Curve]], seconds: dict[str, float]) -> Iterator[MonitoredQuantity]:
    for name, group in groups.items():
        if not group[0].is_population:
            dims = sorted({curve.dim for curve in group})
            ends = {d: np.array([c.excess[-1] + c.floor for c in group if c.dim == d]) for d in dims}
            yield MonitoredQuantity(name, "end", "D", ends, seconds[name])


def _of_depths(table: pd.DataFrame, seconds: dict[str, float]) -> Iterator[MonitoredQuantity]:
    groups: dict[str, list[OptimalDepth]] = {}
    for one in optimal_depths(table):
        groups.setdefault(f"{_text({**one.setting, 'n_samples': None})}, D = {one.dim}", []).append(one)
    for name, group in groups.items():
        took = float(np.mean([seconds[_text(one.setting)] for one in group]))
        yield MonitoredQuantity(name, "optimal depth", "N", {one.n_samples: _cut(one) for one in group}, took)


def _cut(one: OptimalDepth) -> np.ndarray:
    depths = [len(curve.excess) - 1.0 for curve in one.sampled]
    return np.where(np.isnan(one.layers), depths, one.layers)


def _text(setting: dict[str, Any]) -> str:
    """A setting in one line that no other one has."""
    layer = [label(setting[name]) for name in _LAYER if not pd.isna(setting[name])]
    rows = [] if pd.isna(setting["n_samples"]) else [f"N = {setting['n_samples']:.0f}"]
    return f"{setting['sweep']}: {', '.join([*layer, *rows, setting['dtype']])}"
