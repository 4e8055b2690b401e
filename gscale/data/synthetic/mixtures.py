"""Distributions far from normal in any dimension, with their exact log-density."""

import math
from dataclasses import dataclass
from functools import partial

import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.special import logsumexp
from jax.typing import DTypeLike

from gscale.bijections.base import product
from gscale.data.base import Rows
from gscale.data.synthetic.base import SyntheticSource, exact_rows
from gscale.metrics import normal_log_prob
from gscale.runtime import Program
from gscale.validation import check_at_least


@dataclass(frozen=True)
class GaussianMixture(SyntheticSource):
    """M Gaussians of equal weight: means 10·N(0, I), deviations 1 + U(0, 1) a coordinate.

    Parameters
    ----------
    n_components : int
        M, at least 1.

    References
    ----------
    The toy mixture of Draxler et al., "On the convergence rate of Gaussianization with random rotations",
    ICML 2023.

    Examples
    --------
    >>> rows = GaussianMixture(3).sample(jax.random.key(0), 2, 100, 50, "float32")
    >>> rows.train.shape, rows.log_prob_test.shape
    ((100, 2), (50,))
    """

    n_components: int = 10

    def __post_init__(self) -> None:
        check_at_least(1, {"n_components": self.n_components})

    @partial(Program, static_argnums=(0, 2, 3, 4, 5))
    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        mean_key, scale_key, train_key, test_key = jax.random.split(key, 4)
        shape = self.n_components, dim
        means = 10 * jax.random.normal(mean_key, shape, dtype)
        scales = 1 + jax.random.uniform(scale_key, shape, dtype)
        log_weights = -jnp.log(scales).sum(1) - math.log(self.n_components)

        def log_prob(x: Array) -> Array:
            def of_component(component: tuple[Array, Array, Array]) -> Array:
                mean, scale, log_weight = component
                return jax.vmap(lambda row: normal_log_prob((row - mean) / scale))(x) + log_weight

            return logsumexp(jax.lax.map(of_component, (means, scales, log_weights)), 0)

        def draw(key: Array, n: int) -> tuple[Array, Array]:
            component_key, noise_key = jax.random.split(key)
            component = jax.random.randint(component_key, (n,), 0, self.n_components)
            x = means[component] + scales[component] * jax.random.normal(noise_key, (n, dim), dtype)
            return x, log_prob(x)

        return exact_rows(draw(train_key, n_train), draw(test_key, n_test))


@dataclass(frozen=True)
class LaplaceSources(SyntheticSource):
    """Independent Laplace sources under a random linear map: x = A s, A = I + strength · G/√D.

    G has independent standard normal entries; every coordinate is divided by its standard deviation.

    Parameters
    ----------
    strength : float
        Standard deviation, times √D, of what the mixing adds to the identity; at least 0.

    Examples
    --------
    >>> rows = LaplaceSources().sample(jax.random.key(0), 8, 20_000, 2, "float32")
    >>> bool(abs(rows.train.std(0) - 1).max() < 0.05)
    True
    """

    strength: float = 0.5

    def __post_init__(self) -> None:
        check_at_least(0, {"strength": self.strength})

    @partial(Program, static_argnums=(0, 2))
    def mixing(self, key: Array, dim: int) -> Array:
        """The matrix (D, D), scaled to unit variances, that ``sample`` mixes with under the same key."""
        mix_key = jax.random.split(key, 3)[0]
        matrix = jnp.eye(dim) + self.strength / dim**0.5 * jax.random.normal(mix_key, (dim, dim))
        return matrix / jnp.sqrt(2 * (matrix**2).sum(1, keepdims=True))

    @partial(Program, static_argnums=(0, 2, 3, 4, 5))
    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        _, train_key, test_key = jax.random.split(key, 3)
        matrix = self.mixing(key, dim).astype(dtype)
        log_det = jnp.linalg.slogdet(matrix)[1]

        def draw(key: Array, n: int) -> tuple[Array, Array]:
            sources = jax.random.laplace(key, (n, dim), dtype)
            x = product(sources, matrix.T)
            return x, -jnp.abs(sources).sum(1) - dim * math.log(2) - log_det

        return exact_rows(draw(train_key, n_train), draw(test_key, n_test))
