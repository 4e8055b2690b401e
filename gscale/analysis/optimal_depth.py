"""Where test curves turn: the layer of the lowest test loss against N, measured and expected."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from gscale.analysis.curves import Curve, curves
from gscale.analysis.theory_reference import expected_in

_LAYER = ["dataset", "rotation", "marginal", "coupling"]


@dataclass(frozen=True)
class Turn:
    """Where the test curves of one setting, D and N turn.

    ``sampled`` has the curves of the seeds, and ``exact`` those without sampling noise, of all seeds that
    the table has. ``layers`` are the layers (S,) of the lowest test loss of the seeds, NaN where that is the
    last; ``expected`` are theory's, on the exact curves of the same seeds, None where these or theory are
    missing.
    """

    sampled: list[Curve]
    exact: list[Curve]
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
        """Theory's train and test loss, means (L + 1,) over the seeds that are exact too."""
        seeds, depth = {curve.seed for curve in self.sampled}, len(self.sampled[0].excess)
        found = [
            expected_in(self.setting, self.dim, self.n_samples, curve.excess[:depth])
            for curve in self.exact
            if curve.seed in seeds
        ]
        known = [both for both in found if both is not None]
        return tuple(np.mean(known, 0)) if known else None

    def expected_at(self, n_samples: int) -> float:
        """Theory's turning layer at another N, the mean over all exact curves; NaN where it is unknown."""
        layers = [_expected_layer(self.setting, curve, n_samples) for curve in self.exact]
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


def turns(table: pd.DataFrame) -> list[Turn]:
    """Where the test curves turn, one a setting, D and N, of the sweeps that vary N."""
    found = [curve for _, rows in table.groupby("sweep") if varies_rows(rows) for curve in curves(rows)]
    sampled: dict[tuple[str, int], list[Curve]] = {}
    exact: dict[str, list[Curve]] = {}
    for curve in found:
        name = str([curve.setting["sweep"], curve.dim, *(str(curve.setting[part]) for part in _LAYER)])
        if curve.excess_train is not None:
            sampled.setdefault((name, curve.n_samples), []).append(curve)
        elif curve.setting["training"] == "Population()":
            exact.setdefault(name, []).append(curve)
    return [_turn(group, exact.get(name, [])) for (name, _), group in sorted(sampled.items())]


def _turn(sampled: list[Curve], exact: list[Curve]) -> Turn:
    layers = np.array([_lowest(curve.excess) for curve in sampled])
    by_seed = {curve.seed: curve for curve in exact}
    expected = None
    if all(curve.seed in by_seed for curve in sampled):
        setting, n_samples = sampled[0].setting, sampled[0].n_samples
        expected = np.array([_expected_layer(setting, by_seed[curve.seed], n_samples) for curve in sampled])
        expected = None if np.isnan(expected).all() else expected
    return Turn(sampled, exact, layers, expected)


def _expected_layer(setting: dict[str, object], exact: Curve, n_samples: int) -> float:
    expected = expected_in(setting, exact.dim, n_samples, exact.excess)
    return np.nan if expected is None else _lowest(expected[1])


def _lowest(losses: np.ndarray) -> float:
    """The layer of the lowest loss; NaN where it may be further on."""
    layer = int(losses.argmin())
    return float(layer) if layer < len(losses) - 1 else np.nan
