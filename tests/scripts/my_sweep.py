"""A user's own sweep, with a rotation and a data set from outside the package."""

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp

from gscale import LayerSpec, Moments, RotationMap
from gscale.bench import Grid, Sweep
from gscale.data import Rows, check_dim


@dataclass(frozen=True)
class Reversal:
    def fit(self, key, x):
        return RotationMap(jnp.eye(x.shape[1], dtype=x.dtype)[::-1])


@dataclass(frozen=True)
class Flawed:
    """Normal rows with a flaw of choice in the last column."""

    flaw: str = "none"
    max_dim: int = 8

    def check(self, dim, n_train, n_test):
        check_dim(self, dim)

    def sample(self, key, dim, n_train, n_test, dtype):
        x = jax.random.normal(key, (n_train + n_test, dim), dtype)
        last = {"constant": 1.0, "nan": jnp.nan, "infinite": jnp.inf, "huge": x[:, -1] * 1e30}
        if self.flaw in last:
            x = x.at[:, -1].set(last[self.flaw])
        if self.flaw == "bug":
            raise RuntimeError("a bug of the user's")
        if self.flaw == "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        if self.flaw == "killed once" and not (mark := Path("killed")).exists():
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if self.flaw == "slow":
            time.sleep(60)
        return Rows(x[:n_train], x[n_train:])


def sweep_of(*flaws):
    grid = Grid(
        datasets=tuple(Flawed(flaw) for flaw in flaws),
        dims=(2, 4),
        layers=(LayerSpec(Reversal(), Moments()),),
        depth=3,
        n_seeds=2,
        n_samples=(20,),
        n_test=10,
    )
    return Sweep(name="mine", about="a user's own", profiles={"quick": (grid,)})


SWEEP = sweep_of("none")
