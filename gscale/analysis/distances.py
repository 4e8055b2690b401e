"""What a table says of projections: the W2 distances that searches reach, beside √(D/N)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gscale.analysis.intervals import Estimate, half_width
from gscale.results.settings import parts
from gscale.theory.rates import spurious_distance

METRIC = "w2"

_SETTING = ["sweep", "dataset", "training", "n_samples", "dim"]


@dataclass(frozen=True)
class ProjectionDistance:
    """W2 distances to N(0, 1) of the seeds at one D and N, in standard deviations.

    Attributes
    ----------
    setting : dict
    dim, n_samples : int
    random : array, shape (S,)
        Along a random direction, on the rows searched.
    searched, fresh : array, shape (S,)
        Along the furthest direction that was found, on the rows searched and on fresh ones.
    """

    setting: dict[str, object]
    dim: int
    n_samples: int
    random: np.ndarray
    searched: np.ndarray
    fresh: np.ndarray

    @property
    def expected(self) -> float:
        """√(D/N), the distance that some projection of N normal rows has for large D.

        References
        ----------
        Montanari and Zhou, "Overparametrized linear dimensionality reductions", arXiv:2206.06526 (2022).
        """
        return spurious_distance(self.dim, self.n_samples)


def projection_distances(table: pd.DataFrame) -> Iterator[ProjectionDistance]:
    """The distances of a table, one for each setting with rising D/N; nothing where it has only losses."""
    rows = table[table["metric"] == METRIC].sort_values("seed", kind="stable")
    distances = []
    for key, group in rows.groupby(_SETTING):
        at = {n: part.drop_duplicates("seed") for n, part in group.groupby("n_layers")}
        setting = dict(zip(_SETTING, key, strict=True))
        columns = (at[0]["loss_train"], at[1]["loss_train"], at[1]["loss_test"])
        size = int(setting["dim"]), int(setting["n_samples"])
        distances.append(ProjectionDistance(setting, *size, *(column.to_numpy() for column in columns)))
    yield from sorted(distances, key=lambda one: (str(one.setting["sweep"]), one.expected, one.n_samples))


def modes_at(training: str) -> float:
    """Where a search wanted two modes; NaN if it wanted none, and kept no histograms."""
    name, chosen = parts(training)
    return float(chosen.get("modes_at") or math.nan) if name == "Projections" else math.nan


def mean_interval(values: np.ndarray) -> Estimate:
    """Mean over seeds (S,) with its 95 % interval, by Student's t.

    Examples
    --------
    >>> str(mean_interval(np.array([1.0, 2.0, 3.0])))
    '2.000 [-0.484, 4.484]'
    """
    mean, half = float(values.mean()), half_width(values)
    return Estimate(mean, mean - half, mean + half)
