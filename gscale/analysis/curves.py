"""Layer counts: from a loss curve to the number of layers that reach a target."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from gscale.errors import InputError

# What tells curves of one table apart, but for D and seed.
SETTING = (
    *("sweep", "kind", "per_depth", "dataset", "n_samples", "rotation", "marginal", "coupling", "training"),
    *("dtype", "metric"),
)

_LOSSES = ("kl", "nll")

# Where a sampled curve is read for its tail: below 1/e of the first excess the start is forgotten, below
# 1/e³ the sampling floor bends the curve.
_TAIL_WINDOW = (math.exp(-1), math.exp(-3))


@dataclass(frozen=True)
class Curve:
    """One loss curve.

    Attributes
    ----------
    setting : dict
        The columns `SETTING` of its rows.
    dim, seed : int
    excess : array, shape (L + 1,)
        Test loss over its floor with 0, 1, …, L layers, in nats.
    excess_train : array, shape (L + 1,), or None
        Train loss over the same floor; None on covariances alone, where there is no sampling noise.
    seconds : array, shape (L + 1,)
        What fitting has taken by then.
    floor : float
        What the excess is over, in nats.
    """

    setting: dict[str, object]
    dim: int
    seed: int
    excess: np.ndarray
    excess_train: np.ndarray | None
    seconds: np.ndarray
    floor: float = 0.0

    @property
    def kind(self) -> str:
        """What its losses are of, one of `gscale.results.schema.KINDS`."""
        return str(self.setting["kind"])

    @property
    def is_population(self) -> bool:
        """Whether it is computed on covariances, without sampling noise."""
        return self.excess_train is None

    @property
    def n_samples(self) -> int:
        """Rows that were fitted to; 0 where the curve is of a population."""
        n_samples: Any = self.setting["n_samples"]
        return 0 if pd.isna(n_samples) else int(n_samples)

    @property
    def per_depth(self) -> bool:
        """Whether each depth was trained on its own, so that depths in between do not exist."""
        return bool(self.setting["per_depth"])

    def layers_to(self, target: float) -> float:
        """Layers at which the excess first reaches a target; NaN if it never does."""
        layers = layers_needed(self.excess, target)
        # A crossing found by interpolation may lie a rounding above the depth itself.
        return math.ceil(layers - 1e-9) if self.per_depth and not math.isnan(layers) else layers


@dataclass(frozen=True)
class FactorTarget:
    """The excess falls by a factor."""

    factor: float

    def __call__(self, curve: Curve) -> float:
        return curve.layers_to(curve.excess[0] / self.factor)


@dataclass(frozen=True)
class GainTarget:
    """The loss falls by a number of nats, for the whole vector."""

    nats: float

    def __call__(self, curve: Curve) -> float:
        return curve.layers_to(curve.excess[0] - self.nats)


@dataclass(frozen=True)
class ExcessTarget:
    """The excess is down to a number of nats."""

    nats: float

    def __call__(self, curve: Curve) -> float:
        return curve.layers_to(self.nats)


@dataclass(frozen=True)
class TailTarget:
    """Layers for each e-fold once the decay is geometric."""

    def __call__(self, curve: Curve) -> float:
        return tail_rate(curve.excess, curve.is_population)


Target = FactorTarget | GainTarget | ExcessTarget | TailTarget


def target_named(name: str) -> Target:
    """The target called ``tail``, ``e``, a factor such as ``10``, a gain ``2.5nats`` or a rest ``1e-6left``.

    Raises
    ------
    InputError
        If it is none of these, a factor is not above 1 or a gain not above 0.

    Examples
    --------
    >>> target_named("e"), target_named("2.5nats"), target_named("1e-6left")
    (FactorTarget(factor=2.718281828459045), GainTarget(nats=2.5), ExcessTarget(nats=1e-06))
    """
    if name == "tail":
        return TailTarget()
    try:
        for unit, kind in (("nats", GainTarget), ("left", ExcessTarget)):
            if name.endswith(unit) and float(name.removesuffix(unit)) > 0:
                return kind(float(name.removesuffix(unit)))
        factor = math.e if name == "e" else float(name)
        if factor > 1:
            return FactorTarget(factor)
    except ValueError:
        pass
    raise InputError(
        f"target is {name!r}: it is tail, e, a factor above 1 such as 10, a gain such as 2.5nats, or what is "
        "left of the loss, such as 1e-6left"
    )


def layers_needed(excess: np.ndarray, target: float) -> float:
    """Layers at which a curve first reaches a target, between depths by interpolation in log-loss.

    Parameters
    ----------
    excess : array, shape (L + 1,)
        Loss over its floor with 0, 1, …, L layers, in nats.
    target : float
        The excess to reach.

    Returns
    -------
    float
        NaN if the curve never gets there.

    Examples
    --------
    >>> layers_needed(np.array([4.0, 2.0, 1.0]), math.sqrt(2))
    1.5
    """
    reached = np.flatnonzero(excess <= target)
    if not reached.size:
        return math.nan
    after = int(reached[0])
    if after == 0:
        return 0.0
    high, low = excess[after - 1], excess[after]
    if low > 0 and target > 0:
        high, low, target = math.log(high), math.log(low), math.log(target)
    return after - 1 + float((high - target) / (high - low))


def tail_rate(excess: np.ndarray, is_population: bool) -> float:
    """Layers for each e-fold in the tail: 1/log of the inverse mean factor of one layer.

    The factor's mean, and not that of its logarithm, is what theory speaks of: D/(D+2) for Haar
    rotations near the identity, (D+1)/2 layers (docs/theory.md). A single path falls faster than the mean
    (Jensen): by 4 % at D = 8.

    Parameters
    ----------
    excess : array, shape (L + 1,)
        Loss over its floor with 0, 1, …, L layers, in nats.
    is_population : bool
        Whether the curve is free of sampling noise. If so the second half of it is used, else what lies
        between 1/e and 1/e³ of the first excess.

    Returns
    -------
    float
        NaN if the curve does not get that far, or the loss does not fall there.

    Examples
    --------
    >>> round(tail_rate(0.8 ** np.arange(20.0), is_population=True), 4), round(1 / math.log(1.25), 4)
    (4.4814, 4.4814)
    """
    if is_population:
        positive = int(np.argmax(np.append(excess, 0) <= 0))
        tail = excess[positive // 2 : positive]
    else:
        bounds = [np.flatnonzero(excess <= excess[0] * fraction) for fraction in _TAIL_WINDOW]
        if not all(bound.size for bound in bounds):
            return math.nan
        tail = excess[bounds[0][0] : bounds[1][0] + 1]
    if len(tail) < 2 or (tail[:-1] <= 0).any():
        return math.nan
    factor = float((tail[1:] / tail[:-1]).mean())
    return -1 / math.log(factor) if 0 < factor < 1 else math.nan


def loss_curves(table: pd.DataFrame) -> Iterator[Curve]:
    """The curves of a table, one a setting, dimension and seed; the deepest where there are several.

    The floor is 0 where the loss is a KL. Elsewhere it is the lowest test loss that any curve of the same
    sweep, data, D, N and seed reaches, so that models are held to one standard. Rows that hold distances and
    no losses are left out.

    Parameters
    ----------
    table : DataFrame
        Rows with the columns of `gscale.results.schema.SCHEMA`.
    """
    table = table[table["metric"].isin(_LOSSES)]
    identity = [*SETTING, "dim", "seed"]
    depths = table.groupby([*identity, "cell_id"], dropna=False, sort=True)["n_layers"].max().reset_index()
    chosen = depths.sort_values("n_layers", kind="stable").drop_duplicates(identity, keep="last").sort_index()
    ordered = table.sort_values("n_layers", kind="stable")
    # sweeps may share a cell, which then has the same id in each
    parts = ordered.groupby(["sweep", "cell_id", "seed"])[["loss_test", "loss_train", "seconds"]]
    losses = dict(iter(parts))
    keys = zip(chosen["sweep"], chosen["cell_id"], chosen["seed"], strict=True)
    chosen["lowest"] = [losses[key]["loss_test"].min() for key in keys]
    same_rows = ["sweep", "dataset", "n_samples", "metric", "dim", "seed"]
    chosen["floor"] = chosen.groupby(same_rows, dropna=False)["lowest"].transform("min")
    chosen.loc[chosen["metric"] == "kl", "floor"] = 0.0
    for row in chosen.to_dict("records"):
        test, train, seconds = losses[row["sweep"], row["cell_id"], row["seed"]].to_numpy(float).T
        test, train = test - row["floor"], train - row["floor"]
        setting = {name: row[name] for name in SETTING}
        train = None if np.isnan(train).all() else train
        yield Curve(setting, row["dim"], row["seed"], test, train, seconds, row["floor"])
