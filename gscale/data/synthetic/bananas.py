"""Normal noise, bent: each coordinate lies along a curve over another one."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from gscale.data.synthetic.base import IndependentDraws
from gscale.errors import InputError
from gscale.metrics import normal_log_prob
from gscale.validation import check_positive, check_share


@dataclass(frozen=True)
class Banana(IndependentDraws):
    """All coordinates along a parabola over the first: x_i = b (x_1² − 1)/√2 + √(1−b²) z_i, x_1 and z normal.

    Every coordinate has mean 0 and variance 1, and no two are correlated with the first.

    Parameters
    ----------
    bend : float
        b, in [0, 1): the share of a coordinate's standard deviation that is the parabola's.

    References
    ----------
    The twisted Gaussian of Haario, Saksman and Tamminen, "Adaptive proposal distribution for random walk
    Metropolis algorithm", Computational Statistics 14 (1999), with every coordinate twisted.

    Examples
    --------
    >>> rows = Banana().sample(jax.random.key(0), 3, 100, 50, "float32")
    >>> rows.train.shape, rows.log_prob_test.shape
    ((100, 3), (50,))
    """

    bend: float = 0.9

    def __post_init__(self) -> None:
        check_share({"bend": self.bend})

    def draw(self, key: Array, n: int, dim: int, dtype: DTypeLike) -> tuple[Array, Array]:
        z = jax.random.normal(key, (n, dim), dtype)
        width = (1 - self.bend**2) ** 0.5
        parabola = self.bend / 2**0.5 * (z[:, :1] ** 2 - 1)
        x = jnp.concatenate([z[:, :1], parabola + width * z[:, 1:]], 1)
        return x, normal_log_prob(z) - (dim - 1) * math.log(width)


@dataclass(frozen=True)
class BananaTree(IndependentDraws):
    """A binary tree of bananas: x_i = b (√(1 + x_p²) − 1) + w z_i, p the parent of i, z standard normal.

    Coordinate i has the children 2i and 2i+1, counted from 1, so that coordinates depend on each other over
    log₂ D bends. The curve is a parabola near 0 and straight far out: its tails stay those of a normal.

    Parameters
    ----------
    bend : float
        b, in [0, 1].
    width : float
        w, above 0; the first coordinate has the width 1.

    Examples
    --------
    >>> BananaTree().sample(jax.random.key(0), 7, 100, 50, "float32").train.shape
    (100, 7)
    """

    bend: float = 1.0
    width: float = 0.25

    def __post_init__(self) -> None:
        if not 0 <= self.bend <= 1:
            raise InputError(f"bend is {self.bend}: it lies in [0, 1], or tails grow with D")
        check_positive({"width": self.width})

    def draw(self, key: Array, n: int, dim: int, dtype: DTypeLike) -> tuple[Array, Array]:
        z = jax.random.normal(key, (n, dim), dtype)
        levels = [z[:, :1]]
        for start in 2 ** np.arange(1, dim.bit_length()) - 1:
            noise = z[:, start : 2 * start + 1]
            parents = jnp.repeat(levels[-1], 2, axis=1)[:, : noise.shape[1]]
            levels.append(self.bend * (jnp.sqrt(1 + parents**2) - 1) + self.width * noise)
        return jnp.concatenate(levels, 1), normal_log_prob(z) - (dim - 1) * math.log(self.width)
