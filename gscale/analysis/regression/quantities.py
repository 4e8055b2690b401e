"""What the gate watches of every setting: layers and losses against D, turning layers against N."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from gscale.analysis import Curve, Turn, curves, slopes, turns
from gscale.results.tables import short

_PARTS = ("dataset", "rotation", "marginal", "coupling", "training", "n_samples", "dtype")


@dataclass(frozen=True, eq=False)
class Gauge:
    """Numbers of the seeds of one setting and target at each D, or at each N where D is one.

    The target is one of `gscale fit`, "turn" for the layer of the lowest test loss, or "end" for the test
    loss of sampled curves behind the last layer, in nats. A count of layers that is not reached is cut: it is
    the depth that the seed was followed to. Of the same depths, means of cut counts can be compared.
    ``seconds`` is what a seed took, the mean over all.
    """

    setting: str
    target: str
    along: Literal["D", "N"]
    numbers: dict[int, np.ndarray]
    seconds: float

    @property
    def name(self) -> str:
        return f"{self.setting}; {self.target}"


def gauges(table: pd.DataFrame) -> list[Gauge]:
    """The gauges of a table; without those that have no value at any D."""
    drawn: dict[str, list[Curve]] = {}
    for curve in curves(table):
        drawn.setdefault(_text(curve.setting), []).append(curve)
    seconds = {name: float(np.mean([c.seconds[-1] for c in group])) for name, group in drawn.items()}
    found = [*_of_slopes(table, seconds), *_of_ends(drawn, seconds), *_of_turns(table, seconds)]
    return [gauge for gauge in found if gauge.numbers]


def position(along: str, at: np.ndarray) -> np.ndarray:
    """What a slope is against: D itself, or the logarithm of N."""
    return np.log(at) if along == "N" else at


def _of_slopes(table: pd.DataFrame, seconds: dict[str, float]) -> Iterator[Gauge]:
    for slope in slopes(table):
        name = _text(slope.setting)
        if slope.target == "tail":  # one that is not seen has no depth
            cut = {dim: n[~np.isnan(n)] for dim, n in slope.layers.items()}
        else:
            cut = {dim: np.where(np.isnan(n), slope.depths[dim], n) for dim, n in slope.layers.items()}
        yield Gauge(name, slope.target, "D", {dim: n for dim, n in cut.items() if n.size}, seconds[name])


def _of_ends(drawn: dict[str, list[Curve]], seconds: dict[str, float]) -> Iterator[Gauge]:
    for name, group in drawn.items():
        if not group[0].exact:
            dims = sorted({curve.dim for curve in group})
            ends = {d: np.array([c.excess[-1] + c.floor for c in group if c.dim == d]) for d in dims}
            yield Gauge(name, "end", "D", ends, seconds[name])


def _of_turns(table: pd.DataFrame, seconds: dict[str, float]) -> Iterator[Gauge]:
    groups: dict[str, list[Turn]] = {}
    for turn in turns(table):
        groups.setdefault(f"{_text({**turn.setting, 'n_samples': None})}, D = {turn.dim}", []).append(turn)
    for name, group in groups.items():
        took = float(np.mean([seconds[_text(turn.setting)] for turn in group]))
        yield Gauge(name, "turn", "N", {turn.n_samples: _cut(turn) for turn in group}, took)


def _cut(turn: Turn) -> np.ndarray:
    depths = [len(curve.excess) - 1.0 for curve in turn.sampled]
    return np.where(np.isnan(turn.layers), depths, turn.layers)


def _text(setting: dict[str, object]) -> str:
    """A setting in one line that no other one has."""
    parts = [_part(name, setting[name]) for name in _PARTS if not pd.isna(setting[name])]
    return f"{setting['sweep']}: {', '.join(parts)}"


def _part(name: str, value: object) -> str:
    return f"N = {value:.0f}" if name == "n_samples" else short(value)
