"""Gaussians by covariance family: the ground where theory gives the answer.

Every covariance has a unit diagonal, so that the loss KL(N(0, Σ) ‖ N(0, I)) is −½ log det Σ.
"""

from dataclasses import dataclass
from functools import partial
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array
from jax.typing import DTypeLike

from gscale.bijections.base import product
from gscale.data.base import Rows
from gscale.data.synthetic.base import SyntheticSource, exact_rows
from gscale.errors import InputError
from gscale.metrics import gaussian_kl, normal_log_prob
from gscale.runtime import Program
from gscale.validation import check_at_least


class Covariance(Protocol):
    """A family of covariance matrices with unit diagonal."""

    def matrix(self, key: Array, dim: int) -> Array:
        """A member (D, D), positive definite, in the widest float enabled."""
        ...


@dataclass(frozen=True)
class Wishart:
    """Correlations of ``ratio``·D samples of N(0, I): random, and ill-conditioned as the ratio falls to 1.

    Examples
    --------
    >>> Wishart().matrix(jax.random.key(0), 4).shape
    (4, 4)
    """

    ratio: float = 2.0

    def __post_init__(self) -> None:
        check_at_least(1, {"ratio": self.ratio})

    def matrix(self, key: Array, dim: int) -> Array:
        samples = jax.random.normal(key, (round(self.ratio * dim), dim))
        return _to_unit_diagonal(samples.T @ samples)


@dataclass(frozen=True)
class PowerLaw:
    """Eigenvalues ∝ j^−exponent in random directions, then brought to a unit diagonal."""

    exponent: float = 1.0

    def matrix(self, key: Array, dim: int) -> Array:
        directions = jax.random.orthogonal(key, dim)
        eigenvalues = jnp.arange(1.0, dim + 1) ** -self.exponent
        return _to_unit_diagonal((directions * eigenvalues[None]) @ directions.T)


@dataclass(frozen=True)
class AR1:
    """Stationary autoregression: Σ_ij = ρ^|i−j|, with KL −½ (D−1) log(1 − ρ²)."""

    rho: float = 0.9

    def __post_init__(self) -> None:
        if not -1 < self.rho < 1:
            raise InputError(f"rho is {self.rho}: it lies between -1 and 1")

    def matrix(self, key: Array, dim: int) -> Array:
        index = jnp.arange(dim)
        return jnp.asarray(self.rho, float) ** jnp.abs(index[:, None] - index[None])


@dataclass(frozen=True)
class Equicorrelated:
    """Σ_ij = ρ off the diagonal, with KL −½ [(D−1) log(1−ρ) + log(1 + (D−1) ρ)]."""

    rho: float = 0.5

    def __post_init__(self) -> None:
        if not 0 <= self.rho < 1:
            raise InputError(f"rho is {self.rho}: it lies in [0, 1) if every D is to be allowed")

    def matrix(self, key: Array, dim: int) -> Array:
        return jnp.where(jnp.eye(dim, dtype=bool), 1.0, self.rho)


@dataclass(frozen=True)
class Spiked:
    """White noise with ``n_spikes`` random directions of variance 1 + strength, then of unit diagonal."""

    strength: float = 10.0
    n_spikes: int = 1

    def __post_init__(self) -> None:
        if not self.strength > -1:
            raise InputError(f"strength is {self.strength}: at -1 and below the covariance is singular")
        check_at_least(0, {"n_spikes": self.n_spikes})

    def matrix(self, key: Array, dim: int) -> Array:
        spikes = jax.random.orthogonal(key, dim)[:, : self.n_spikes]
        return _to_unit_diagonal(jnp.eye(dim) + self.strength * spikes @ spikes.T)


@dataclass(frozen=True)
class NearIdentity:
    """I + E, E random symmetric with zero diagonal and spectral norm ``size``: the tail from the start."""

    size: float = 0.05

    def __post_init__(self) -> None:
        if not 0 < self.size < 1:
            raise InputError(f"size is {self.size}: it lies between 0 and 1, or Σ is not positive definite")

    def matrix(self, key: Array, dim: int) -> Array:
        draws = jax.random.normal(key, (dim, dim))
        symmetric = jnp.where(jnp.eye(dim, dtype=bool), 0.0, draws + draws.T)
        norm = jnp.abs(jnp.linalg.eigvalsh(symmetric)).max()
        return jnp.eye(dim) + symmetric * (self.size / jnp.where(norm > 0, norm, 1.0))


@dataclass(frozen=True)
class Gaussian(SyntheticSource):
    """N(0, Σ) with Σ drawn from a family, of any dimension, with its exact log-density.

    Examples
    --------
    >>> source = Gaussian(Equicorrelated(0.5))
    >>> rows = source.sample(jax.random.key(0), 3, 100, 50, "float32")
    >>> rows.train.shape, rows.log_prob_test.shape
    ((100, 3), (50,))
    >>> round(float(source.kl(jax.random.key(0), 3)), 4)
    0.3466
    """

    covariance: Covariance = Wishart()

    @partial(Program, static_argnums=(0, 2))
    def matrix(self, key: Array, dim: int) -> Array:
        """The covariance (D, D) that ``sample`` draws from with the same key."""
        return self.covariance.matrix(jax.random.split(key, 3)[0], dim)

    def kl(self, key: Array, dim: int) -> Array:
        """Exact KL(N(0, Σ) ‖ N(0, I)) () in nats: the loss before the first layer."""
        return gaussian_kl(self.matrix(key, dim))

    @partial(Program, static_argnums=(0, 2, 3, 4, 5))
    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        _, train_key, test_key = jax.random.split(key, 3)
        root = jnp.linalg.cholesky(self.matrix(key, dim)).astype(dtype)
        log_det = jnp.log(jnp.diagonal(root)).sum()

        def draw(key: Array, n: int) -> tuple[Array, Array]:
            z = jax.random.normal(key, (n, dim), dtype)
            x = product(z, root.T)
            return x, normal_log_prob(z) - log_det

        return exact_rows(draw(train_key, n_train), draw(test_key, n_test))


def _to_unit_diagonal(matrix: Array) -> Array:
    scale = 1 / jnp.sqrt(jnp.diagonal(matrix))
    scaled = matrix * (scale[:, None] * scale[None])
    return jnp.where(jnp.eye(matrix.shape[0], dtype=bool), 1.0, scaled)
