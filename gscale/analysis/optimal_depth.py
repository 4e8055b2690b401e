"""The optimal depth: the layer of the lowest test loss against N, measured and expected."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gscale.analysis.curves import Curve, loss_curves
from gscale.analysis.theory_reference import expected_in

_LAYER = ["dataset", "rotation", "marginal", "coupling"]


@dataclass(frozen=True)
class OptimalDepth:
    """The depth at which the test loss of one setting, D and N is lowest.

    Attributes
    ----------
    sampled : list of Curve
        The curves of the seeds.
    population : list of Curve
        The curves without sampling noise of all seeds that the table has.
    layers : array, shape (S,)
        Layers of the lowest test loss of the seeds, NaN where that is the last.
    expected : array, shape (S,), or None
        Theory's, on the population's curves of the same seeds; None where these or theory are missing.
    """

    sampled: list[Curve]
    population: list[Curve]
    layers: np.ndarray
    expected: np.ndarray | None

    @property
    def setting(self) -> dict[str, object]:
        return self.sampled[0].setting

    @property
    def dim(self) -> int:
        return self.sampled[0].dim

    @property
    def n_samples(self) -> int:
        return self.sampled[0].n_samples

    def expected_curves(self) -> tuple[np.ndarray, np.ndarray] | None:
        """Theory's train and test loss, means (L + 1,) over the seeds whose population is known."""
        seeds, depth = {curve.seed for curve in self.sampled}, len(self.sampled[0].excess)
        losses = [
            expected_in(self.setting, self.dim, self.n_samples, curve.excess[:depth])
            for curve in self.population
            if curve.seed in seeds
        ]
        known = [both for both in losses if both is not None]
        return tuple(np.mean(known, 0)) if known else None

    def expected_at(self, n_samples: int) -> float:
        """Theory's optimal depth at another N, the mean over the population's curves; NaN where unknown."""
        layers = [_expected_layer(self.setting, curve, n_samples) for curve in self.population]
        return float(np.mean(layers)) if layers else np.nan


def varies_rows(table: pd.DataFrame) -> bool:
    """Whether it is N that a sweep varies: several at one D, and no fewer than there are D.

    Examples
    --------
    >>> varies_rows(pd.DataFrame({"dim": [4, 4], "n_samples": [10, 100]}))
    True
    """
    sampled = table.loc[table["n_samples"].notna(), ["dim", "n_samples"]]
    most = sampled.groupby("dim")["n_samples"].nunique().max()
    return bool(most > 1 and most >= sampled["dim"].nunique())


def optimal_depths(table: pd.DataFrame) -> list[OptimalDepth]:
    """The depths of the lowest test loss, one a setting, D and N, of the sweeps that vary N."""
    sampled: dict[tuple[str, int], list[Curve]] = {}
    population: dict[str, list[Curve]] = {}
    for _, rows in table.groupby("sweep"):
        for curve in loss_curves(rows) if varies_rows(rows) else ():
            name = str([curve.setting["sweep"], curve.dim, *(str(curve.setting[part]) for part in _LAYER)])
            if curve.excess_train is not None:
                sampled.setdefault((name, curve.n_samples), []).append(curve)
            elif curve.kind == "population":
                population.setdefault(name, []).append(curve)
    return [_optimum(group, population.get(name, [])) for (name, _), group in sorted(sampled.items())]


def _optimum(sampled: list[Curve], population: list[Curve]) -> OptimalDepth:
    layers = np.array([_lowest(curve.excess) for curve in sampled])
    by_seed = {curve.seed: curve for curve in population}
    expected = None
    if all(curve.seed in by_seed for curve in sampled):
        setting, n_samples = sampled[0].setting, sampled[0].n_samples
        expected = np.array([_expected_layer(setting, by_seed[curve.seed], n_samples) for curve in sampled])
        expected = None if np.isnan(expected).all() else expected
    return OptimalDepth(sampled, population, layers, expected)


def _expected_layer(setting: dict[str, object], population: Curve, n_samples: int) -> float:
    expected = expected_in(setting, population.dim, n_samples, population.excess)
    return np.nan if expected is None else _lowest(expected[1])


def _lowest(losses: np.ndarray) -> float:
    """The layer of the lowest loss; NaN where it may be further on."""
    layer = int(losses.argmin())
    return float(layer) if layer < len(losses) - 1 else np.nan
