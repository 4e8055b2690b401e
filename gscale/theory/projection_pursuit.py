"""Projections on which pure noise looks structured: Figure 4."""

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.special import ndtri
from jax.typing import ArrayLike
from scipy.special import ndtr

from gscale.bijections.base import product
from gscale.bijections.stiefel import transported
from gscale.errors import InputError

_GRID = 100_001  # points of a distribution function to be inverted


def bimodal_quantiles(modes_at: float, n_samples: int) -> np.ndarray:
    """Quantiles (N,) at the levels (i + ½)/N of ½ N(−m, 1 − m²) + ½ N(m, 1 − m²): mean 0, variance 1.

    Parameters
    ----------
    modes_at : float
        m, above 0 and below 1; there are two modes from m = √½ on, near ±m.
    n_samples : int
        N.

    Raises
    ------
    InputError
        If m is not in (0, 1).

    Examples
    --------
    >>> quantiles = bimodal_quantiles(0.95, 1000)
    >>> print(round(quantiles[250], 1), round(quantiles.std(), 2))
    -0.9 1.0
    """
    if not 0 < modes_at < 1:
        raise InputError(f"modes_at is {modes_at}: for a variance of 1 it lies between 0 and 1")
    width = np.sqrt(1 - modes_at**2)
    reach = modes_at + 9 * width  # Φ(−9) is 1e-19
    grid = np.linspace(-reach, reach, _GRID)
    levels = (ndtr((grid - modes_at) / width) + ndtr((grid + modes_at) / width)) / 2
    return np.interp((np.arange(n_samples) + 0.5) / n_samples, levels, grid)


def projected_distance(direction: Array, x: Array, law: ArrayLike | None = None) -> Array:
    """W2 distance () of the rows x (N, D) projected on a unit vector (D,) to N(0, 1).

    Or to another ``law``, given by its quantiles (N,) at the levels (i + ½)/N.

    Examples
    --------
    >>> x = jax.random.normal(jax.random.key(0), (10_000, 3))
    >>> bool(projected_distance(jnp.array([1.0, 0.0, 0.0]), x) < 0.03)
    True
    """
    quantiles = ndtri(_levels(x)) if law is None else jnp.asarray(law, x.dtype)
    return jnp.sqrt(((jnp.sort(product(x, direction)) - quantiles) ** 2).mean())


def find_projection(
    key: Array, x: Array, *, towards: ArrayLike | None = None, n_restarts: int = 4, n_steps: int = 60
) -> tuple[Array, Array]:
    """The unit vector on which the rows are furthest from normal, and the W2 distance there.

    With r the ranks of Xw and q the normal quantiles, W2² = |Xw − q_r|²/N. Its gradient at fixed ranks,
    Xᵀ(Xw − q_r), brought to length one, is the next w: a power iteration, from random starts. It may step
    over a sharp maximum, as where the rows lie in two points: the best w of all steps is returned.

    Or the unit vector on which they are nearest to another law of quantiles t. Then the next w is
    μw − Xᵀ(Xw − t_r), with μ the largest eigenvalue of XᵀX, brought to length one. No step leads away: less
    μ|w|², which the sphere holds fixed, |Xw − t_r|² is concave in w, and so below its tangent, of which the
    step takes the minimum. Every law within √(D/N) of N(0, 1) can be reached in rows of N(0, I).

    Parameters
    ----------
    key : Array
        Random key.
    x : Array, shape (N, D)
        Rows.
    towards : array, shape (N,), optional
        Quantiles of the other law at the levels (i + ½)/N, increasing.
    n_restarts, n_steps : int
        Random starts, and directions tried from each, the start among them.

    Returns
    -------
    direction : Array, shape (D,)
    distance : Array, shape ()
        To N(0, 1), or to the law where one is given.

    References
    ----------
    Bickel, Kur and Nadler, "Projection pursuit in high dimensions", PNAS 115 (2018).

    Examples
    --------
    >>> x = jax.random.normal(jax.random.key(0), (2000, 50))
    >>> _, distance = find_projection(jax.random.key(1), x)
    >>> bool(0.95 < distance / (50 / 2000) ** 0.5 < 1.2)
    True
    """
    step = _further_from_normal(x) if towards is None else _nearer_to(jnp.asarray(towards, x.dtype), x)
    starts = _to_unit(jax.random.normal(key, (n_restarts, x.shape[1]), x.dtype))

    def improve(_: Array, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        frame, best, highest = state
        ahead, value = step(frame)
        better = value > highest
        return _to_unit(ahead), jnp.where(better[:, None], frame, best), jnp.where(better, value, highest)

    lowest = jnp.full(n_restarts, -jnp.inf, x.dtype)
    _, directions, _ = lax.fori_loop(0, n_steps, improve, (starts, starts, lowest))
    distances = jax.vmap(projected_distance, (0, None, None))(directions, x, towards)
    best = jnp.argmax(distances) if towards is None else jnp.argmin(distances)
    return directions[best], distances[best]


# From the directions (K, D) of all starts to the next ones, of any length, and the objective (K,) at the
# first.
Step = Callable[[Array], tuple[Array, Array]]


def _further_from_normal(x: Array) -> Step:
    def step(frame: Array) -> tuple[Array, Array]:
        projected = product(frame, x.T)
        moves = projected - transported(projected, ndtri)
        return product(moves, x), (moves**2).mean(1)

    return step


def _nearer_to(quantiles: Array, x: Array) -> Step:
    largest = jnp.linalg.eigvalsh(product(x.T, x))[-1]

    def at_levels(levels: Array) -> Array:
        return jnp.interp(levels, _levels(x), quantiles)

    def step(frame: Array) -> tuple[Array, Array]:
        projected = product(frame, x.T)
        moves = projected - transported(projected, at_levels)
        return largest * frame - product(moves, x), -(moves**2).mean(1)

    return step


def _to_unit(frame: Array) -> Array:
    return frame / jnp.linalg.norm(frame, axis=1, keepdims=True)


def _levels(x: Array) -> Array:
    return (jnp.arange(len(x), dtype=x.dtype) + 0.5) / len(x)
