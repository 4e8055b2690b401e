"""Two distributions in the plane, D = 2: squares with sharp edges, and circles."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import logsumexp
from jax.scipy.stats import norm
from jax.typing import DTypeLike

from gscale.data.base import check_dim
from gscale.data.synthetic.base import IndependentDraws
from gscale.errors import InputError
from gscale.validation import check_at_least, check_positive


class _Plane(IndependentDraws):
    @property
    def max_dim(self) -> int:
        return 2

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_dim(self, dim)
        if dim != 2:
            raise InputError(f"dim is {dim}: {self!r} lies in the plane, D = 2")


@dataclass(frozen=True)
class Checkerboard(_Plane):
    """Uniform on the black squares of a board of 2k × 2k squares over [−2, 2]²: the density there is 1/8.

    Parameters
    ----------
    half : int
        k, at least 1.

    Examples
    --------
    >>> rows = Checkerboard().sample(jax.random.key(0), 2, 100, 50, "float32")
    >>> round(float(rows.log_prob_test[0]), 4)
    -2.0794
    """

    half: int = 2

    def __post_init__(self) -> None:
        check_at_least(1, {"half": self.half})

    def draw(self, key: Array, n: int, dim: int, dtype: DTypeLike) -> tuple[Array, Array]:
        row_key, pair_key, offset_key = jax.random.split(key, 3)
        row = jax.random.randint(row_key, (n,), 0, 2 * self.half)
        pair = jax.random.randint(pair_key, (n,), 0, self.half)
        corner = jnp.stack([row, 2 * pair + row % 2], 1)
        x = (corner + jax.random.uniform(offset_key, (n, 2), dtype)) * (2 / self.half) - 2
        return x.astype(dtype), jnp.full(n, -math.log(8), dtype)


@dataclass(frozen=True)
class Rings(_Plane):
    """K circles around 0 with radii 1/K … 1 times 2, each as likely, with normal walls.

    Parameters
    ----------
    n_rings : int
        K, at least 1.
    width : float
        The standard deviation of the walls, above 0.

    Examples
    --------
    >>> Rings().sample(jax.random.key(0), 2, 100, 50, "float32").train.shape
    (100, 2)
    """

    n_rings: int = 3
    width: float = 0.08

    def __post_init__(self) -> None:
        check_at_least(1, {"n_rings": self.n_rings})
        check_positive({"width": self.width})

    def draw(self, key: Array, n: int, dim: int, dtype: DTypeLike) -> tuple[Array, Array]:
        ring_key, wall_key, angle_key = jax.random.split(key, 3)
        radii = jnp.arange(1, self.n_rings + 1, dtype=dtype) * (2 / self.n_rings)
        centre = radii[jax.random.randint(ring_key, (n,), 0, self.n_rings)]
        z = jax.random.truncated_normal(wall_key, -centre / self.width, jnp.inf, (n,), dtype)
        radius = centre + self.width * z
        angle = jax.random.uniform(angle_key, (n,), dtype, maxval=2 * math.pi)
        walls = norm.logpdf(radius[:, None], radii[None], self.width) - norm.logcdf(radii[None] / self.width)
        log_prob = logsumexp(walls, axis=1) - jnp.log(2 * math.pi * self.n_rings * radius)
        return radius[:, None] * jnp.stack([jnp.cos(angle), jnp.sin(angle)], 1), log_prob
