"""Distributions with spherical symmetry that are not Gaussian."""

import math
from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import gammaln
from jax.scipy.stats import norm
from jax.typing import DTypeLike

from gscale.data.synthetic.base import IndependentDraws
from gscale.errors import InputError
from gscale.validation import check_positive


@dataclass(frozen=True)
class StudentT(IndependentDraws):
    """Multivariate Student-t with ν degrees of freedom: x = z √(ν/χ²_ν), one χ² for all coordinates.

    No rotation makes the coordinates independent. Its log-density is
    log Γ((ν+D)/2) − log Γ(ν/2) − D/2 log(νπ) − (ν+D)/2 log(1 + |x|²/ν).

    Parameters
    ----------
    freedom : float
        ν, above 0; the variance ν/(ν−2) is finite above 2.

    Examples
    --------
    >>> StudentT().sample(jax.random.key(0), 4, 100, 50, "float32").train.shape
    (100, 4)
    """

    freedom: float = 4.0

    def __post_init__(self) -> None:
        check_positive({"freedom": self.freedom})

    def draw(self, key: Array, n: int, dim: int, dtype: DTypeLike) -> tuple[Array, Array]:
        normal_key, chi_key = jax.random.split(key)
        nu = self.freedom
        scale = jax.random.gamma(chi_key, nu / 2, (n, 1), dtype) / (nu / 2)
        x = jax.random.normal(normal_key, (n, dim), dtype) / jnp.sqrt(scale)
        constant = math.lgamma((nu + dim) / 2) - math.lgamma(nu / 2) - dim / 2 * math.log(nu * math.pi)
        return x, constant - (nu + dim) / 2 * jnp.log1p((x**2).sum(1) / nu)


@dataclass(frozen=True)
class Shell(IndependentDraws):
    """A sphere with a wall: a uniform direction times a radius √D (1 + w z), z normal, the radius above 0.

    Parameters
    ----------
    width : float
        w, above 0 and at most 1: the wall's standard deviation as a share of the radius.

    Examples
    --------
    >>> rows = Shell().sample(jax.random.key(0), 8, 1000, 50, "float32")
    >>> bool(abs((rows.train**2).mean() - 1) < 0.1)
    True
    """

    width: float = 0.1

    def __post_init__(self) -> None:
        if not 0 < self.width <= 1:
            raise InputError(f"width is {self.width}: it lies in (0, 1]")

    def draw(self, key: Array, n: int, dim: int, dtype: DTypeLike) -> tuple[Array, Array]:
        direction_key, radius_key = jax.random.split(key)
        normal = jax.random.normal(direction_key, (n, dim), dtype)
        direction = normal / jnp.sqrt((normal**2).sum(1, keepdims=True))
        z = jax.random.truncated_normal(radius_key, -1 / self.width, jnp.inf, (n,), dtype)
        radius = dim**0.5 * (1 + self.width * z)
        of_radius = norm.logpdf(z) - math.log(self.width * dim**0.5) - norm.logcdf(1 / self.width)
        area = math.log(2) + dim / 2 * math.log(math.pi) - gammaln(dim / 2)
        return direction * radius[:, None], of_radius - area - (dim - 1) * jnp.log(radius)
