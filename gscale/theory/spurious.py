"""Projections that see structure where there is none: Figure 4."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.special import ndtri


def spurious_distance(dim: int, n_samples: int) -> float:
    """W2 distance to N(0, 1) of the most non-normal projection of N rows of N(0, I_D): √(D/N).

    For N, D → ∞ with D/N small. The gain of a layer fitted on it is not real: it is gone on new rows.

    References
    ----------
    Bickel, Kur and Nadler, "Projection pursuit in high dimensions", PNAS 115 (2018); Montanari and Zhou,
    "Overparametrized linear dimensionality reductions: from projection pursuit to two-layer neural
    networks", 2022.

    Examples
    --------
    >>> round(spurious_distance(200, 2000), 3)
    0.316
    """
    return float(np.sqrt(dim / n_samples))


def projected_distance(direction: Array, x: Array) -> Array:
    """W2 distance () of the rows x (N, D) projected on a unit vector (D,) to N(0, 1).

    Examples
    --------
    >>> x = jax.random.normal(jax.random.key(0), (10_000, 3))
    >>> bool(projected_distance(jnp.array([1.0, 0.0, 0.0]), x) < 0.03)
    True
    """
    projected = jnp.matmul(x, direction, precision=lax.Precision.HIGHEST)
    return jnp.sqrt(((jnp.sort(projected) - _normal_quantiles(x)) ** 2).mean())


def find_projection(key: Array, x: Array, *, n_restarts: int = 4, n_steps: int = 60) -> tuple[Array, Array]:
    """The unit vector on which the rows are furthest from normal, and the W2 distance there.

    With r the ranks of Xw and q the normal quantiles, W2² = |Xw − q_r|²/N. Its gradient at fixed ranks,
    Xᵀ(Xw − q_r), brought to length one, is the next w: a power iteration, from random starts.

    Parameters
    ----------
    key : Array
        Random key.
    x : Array, shape (N, D)
        Rows.
    n_restarts, n_steps : int
        Random starts, and steps from each.

    Returns
    -------
    direction : Array, shape (D,)
    distance : Array, shape ()

    Examples
    --------
    >>> x = jax.random.normal(jax.random.key(0), (2000, 50))
    >>> _, distance = find_projection(jax.random.key(1), x)
    >>> bool(0.95 < distance / spurious_distance(50, 2000) < 1.2)
    True
    """
    starts = jax.random.normal(key, (n_restarts, x.shape[1]), x.dtype)
    found = _ascend(starts / jnp.linalg.norm(starts, axis=1, keepdims=True), x, n_steps)
    distances = jax.vmap(projected_distance, (0, None))(found, x)
    best = jnp.argmax(distances)
    return found[best], distances[best]


def _ascend(starts: Array, x: Array, n_steps: int) -> Array:
    quantiles = _normal_quantiles(x)

    def step(direction: Array) -> Array:
        projected = jnp.matmul(x, direction, precision=lax.Precision.HIGHEST)
        ranks = jnp.argsort(jnp.argsort(projected))
        slope = jnp.matmul(projected - quantiles[ranks], x, precision=lax.Precision.HIGHEST)
        return slope / jnp.linalg.norm(slope)

    return lax.fori_loop(0, n_steps, lambda _, w: jax.vmap(step)(w), starts)


def _normal_quantiles(x: Array) -> Array:
    n = x.shape[0]
    return ndtri((jnp.arange(n, dtype=x.dtype) + 0.5) / n)
