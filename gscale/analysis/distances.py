"""What a table says of projections: the W2 distances that searches reach, beside √(D/N)."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from gscale.analysis import Estimate, half_width
from gscale.theory.rates import spurious_distance

METRIC = "w2"

_SETTING = ["sweep", "dataset", "training", "n_samples", "dim"]


@dataclass(frozen=True)
class Reached:
    """W2 distances to N(0, 1) of the seeds at one D and N, (S,) each.

    Along a ``random`` direction and the furthest one that was found, there on the rows ``searched`` and on
    ``fresh`` ones.
    """

    setting: dict[str, object]
    dim: int
    n_samples: int
    random: np.ndarray
    searched: np.ndarray
    fresh: np.ndarray

    @property
    def expected(self) -> float:
        """√(D/N)."""
        return spurious_distance(self.dim, self.n_samples)


def reached(table: pd.DataFrame) -> Iterator[Reached]:
    """The distances of a table, one for each setting with rising D/N; nothing where it has only losses."""
    rows = table[table["metric"] == METRIC].sort_values("seed", kind="stable")
    found = []
    for key, group in rows.groupby(_SETTING):
        at = {n: part.drop_duplicates("seed") for n, part in group.groupby("n_layers")}
        setting = dict(zip(_SETTING, key, strict=True))
        random, best = at[0]["loss_train"], at[1]
        distances = (random, best["loss_train"], best["loss_test"])
        n_samples = int(setting["n_samples"])
        found.append(Reached(setting, int(setting["dim"]), n_samples, *(d.to_numpy() for d in distances)))
    yield from sorted(found, key=lambda one: (str(one.setting["sweep"]), one.expected, one.n_samples))


def mean_of(values: np.ndarray) -> Estimate:
    """Mean over seeds with its 95 % interval, by Student's t.

    Examples
    --------
    >>> str(mean_of(np.array([1.0, 2.0, 3.0])))
    '2.000 [-0.484, 4.484]'
    """
    mean, half = float(values.mean()), half_width(values)
    return Estimate(mean, mean - half, mean + half)
