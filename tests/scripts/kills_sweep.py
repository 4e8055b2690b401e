"""Forty cells of one shape that take a tenth of a second each, for tests/scripts/kills.py."""

import time
from dataclasses import dataclass

import jax

from gscale import Haar, LayerSpec, Moments
from gscale.bench import Grid, Sweep
from gscale.data import Rows


@dataclass(frozen=True)
class Slow:
    """Normal rows, as many times as wide as the number says."""

    number: int
    max_dim: int = 8

    def check(self, dim, n_train, n_test):
        pass

    def sample(self, key, dim, n_train, n_test, dtype):
        time.sleep(0.05)  # twice, for two seeds
        x = (1 + self.number) * jax.random.normal(key, (n_train + n_test, dim), dtype)
        return Rows(x[:n_train], x[n_train:])


_GRID = Grid(
    datasets=tuple(map(Slow, range(40))),
    dims=(2,),
    layers=(LayerSpec(Haar(), Moments()),),
    depth=3,
    n_seeds=2,
    n_samples=(20,),
    n_test=10,
)
SWEEP = Sweep(name="kills", about="to be killed", profiles={"quick": (_GRID,)})
