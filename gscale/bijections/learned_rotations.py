"""Rotations learned from data: frames along non-normal directions, and when to trust them.

With few rows a dimension they fit structure that is not there (docs/theory.md, Figure 4). ``validate`` holds
a fraction of the rows out and falls back on a random rotation where the learned one is no better on them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

from gscale.bijections.base import product
from gscale.bijections.marginals import Quantiles
from gscale.bijections.optimizer import Training
from gscale.bijections.rotations import RotationMap
from gscale.bijections.stiefel import (
    completed,
    furthest_frame,
    independent_axes,
    key_after,
    polish,
    principal_axes,
)
from gscale.errors import InputError
from gscale.validation import check_at_least, check_positive, check_share

_CHECK_BINS = 16  # of the splines that learned and random rotations are compared by


@dataclass(frozen=True)
class PCA:
    """Principal axes: after them a Gaussian needs one layer.

    Parameters
    ----------
    validate : float
        Fraction of the rows held out to compare with a random rotation; 0 to trust the axes.

    Raises
    ------
    InputError
        If ``validate`` is not in [0, 1); at fitting, if fewer than 2 rows are left to fit to.

    Examples
    --------
    >>> x = jax.random.normal(jax.random.key(0), (100, 2)) * jnp.array([[1.0, 3.0]])
    >>> rotation = PCA().fit(jax.random.key(1), x)
    >>> bool(abs(rotation.matrix[0, 1]) > 0.99)
    True
    """

    validate: float = 0.0

    def __post_init__(self) -> None:
        check_share({"validate": self.validate})

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse too few rows."""
        _check_rows(self, n_samples, 2)

    def fit(self, key: Array, x: Array) -> RotationMap:
        """Fit to the rows of x (N, D); the key is for the rows held out."""
        self.check(x.shape[1], x.shape[0])
        return RotationMap(_validated(key, x, self.validate, lambda _, x: principal_axes(x)[1]))


@dataclass(frozen=True)
class ICA:
    """Symmetric FastICA with the contrast log cosh.

    It iterates W ← polar(E[tanh(Wz) zᵀ] − diag(E[1 − tanh²(Wz)]) W) on z = Σ^−½ (x − mean). W is the
    orthogonal matrix closest to the unmixing WΣ^−½: after a layer that whitens, the unmixing itself.

    Parameters
    ----------
    n_steps : int
        Iterations at most.
    validate : float
        Fraction of the rows held out to compare with a random rotation; 0 to trust the axes.

    Raises
    ------
    InputError
        If ``n_steps`` is below 1 or ``validate`` not in [0, 1); at fitting, if there are no more than D rows.

    References
    ----------
    Hyvärinen, "Fast and robust fixed-point algorithms for independent component analysis", IEEE
    Transactions on Neural Networks 10 (1999).

    Examples
    --------
    >>> turned = jnp.array([[0.6, -0.8], [0.8, 0.6]])
    >>> x = jax.random.laplace(jax.random.key(0), (5000, 2)) @ turned.T
    >>> cosines = jnp.abs(ICA().fit(jax.random.key(1), x).matrix @ turned)
    >>> bool(cosines.max(1).min() > 0.99)
    True
    """

    n_steps: int = 100
    validate: float = 0.0

    def __post_init__(self) -> None:
        check_at_least(1, {"n_steps": self.n_steps})
        check_share({"validate": self.validate})

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse too few rows."""
        _check_rows(self, n_samples, dim + 1)

    def fit(self, key: Array, x: Array) -> RotationMap:
        """Fit to the rows of x (N, D); the key is for the start and the rows held out."""
        self.check(x.shape[1], x.shape[0])
        return RotationMap(_validated(key, x, self.validate, self._learn))

    def _learn(self, key: Array, x: Array) -> Array:
        return independent_axes(key, x, self.n_steps)


@dataclass(frozen=True)
class SlicedWasserstein:
    """The K orthonormal directions along which the data is furthest from normal (max-K-SWD).

    Ascent by conjugate gradients on the Stiefel manifold of the sum over directions of W2² to N(0, 1): from
    random frames, and from the better of the principal and the independent axes, since along a random frame
    there may be nothing but noise. The other D − K rows of the rotation are random.

    Parameters
    ----------
    n_directions : int or None
        K, from 1 to D; D where None.
    n_steps : int
        Steps of ascent at most.
    validate : float
        Fraction of the rows held out to compare with a random rotation; 0 to trust the directions.

    Raises
    ------
    InputError
        If a count is below 1 or ``validate`` not in [0, 1); at fitting, if K is above D or there are no
        more than D rows.

    References
    ----------
    Dai and Seljak, "Sliced iterative normalizing flows", ICML 2021.

    Examples
    --------
    >>> x = jax.random.normal(jax.random.key(0), (2000, 3))
    >>> x = x.at[:, 1].set(jnp.sign(x[:, 1]))
    >>> rotation = SlicedWasserstein(n_directions=1).fit(jax.random.key(1), x)
    >>> bool(abs(rotation.matrix[0, 1]) > 0.99)
    True
    """

    n_directions: int | None = None
    n_steps: int = 200
    validate: float = 0.0

    def __post_init__(self) -> None:
        check_at_least(1, {"n_steps": self.n_steps})
        if self.n_directions is not None:
            check_at_least(1, {"n_directions": self.n_directions})
        check_share({"validate": self.validate})

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse more directions than dimensions, and too few rows."""
        if self.n_directions is not None and self.n_directions > dim:
            raise InputError(f"n_directions is {self.n_directions}: D = {dim} has at most {dim}")
        _check_rows(self, n_samples, dim + 1)

    def fit(self, key: Array, x: Array) -> RotationMap:
        """Fit to the rows of x (N, D); the key is for the starts and the rows held out."""
        self.check(x.shape[1], x.shape[0])
        return RotationMap(_validated(key, x, self.validate, self._learn))

    def _learn(self, key: Array, x: Array) -> Array:
        dim = x.shape[1]
        frame = furthest_frame(key, x, self.n_directions or dim, self.n_steps)
        return completed(jax.random.fold_in(key, 1), frame)


class OrthogonalMap(eqx.Module):
    """An orthogonal matrix to train: Q = exp(A) B with the skew A = free − freeᵀ.

    Orthogonal whatever ``free`` is, so that plain gradient steps on it stay on the manifold; ``base`` is
    not trained.

    Parameters
    ----------
    free : Array, shape (D, D)
        Zero at the start.
    base : Array, shape (D, D)
        The orthogonal matrix B before training.

    Examples
    --------
    >>> quarter_turn = OrthogonalMap(jnp.array([[0.0, -1.5708], [0.0, 0.0]]), jnp.eye(2))
    >>> [round(float(y), 3) for y in quarter_turn.forward(jnp.array([1.0, 0.0]))[0]]
    [-0.0, 1.0]
    """

    free: Array
    base: Array

    @property
    def matrix(self) -> Array:
        return product(_exponential(self.free - self.free.T), lax.stop_gradient(self.base))

    def forward(self, x: Array) -> tuple[Array, Array]:
        return RotationMap(self.matrix).forward(x)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return RotationMap(self.matrix).inverse(y)


@dataclass(frozen=True)
class TrainableRotation:
    """A Haar rotation to train, with its layer or with the whole flow.

    Examples
    --------
    >>> rotation = TrainableRotation().fit(jax.random.key(0), jnp.zeros((10, 3)))
    >>> bool(jnp.allclose(rotation.matrix @ rotation.matrix.T, jnp.eye(3), atol=1e-6))
    True
    """

    def fit(self, key: Array, x: Array) -> OrthogonalMap:
        """Draw a rotation; of the data x (N, D) only D and the dtype are used."""
        return _haar_start(jax.random.split(key)[0], x)


@dataclass(frozen=True)
class LearnedRotation:
    """A rotation trained on the loss of its own layer, by Adam on `OrthogonalMap`'s free matrix.

    Each step fits splines to a batch's images and moves Q against the gradient of their negative
    log-likelihood, the splines held fixed: maximum-likelihood ICA with free marginals. The map can be
    trained further.

    Parameters
    ----------
    n_steps : int
        Steps, at least 1; `TrainableRotation` has none.
    learning_rate : float
        Of Adam, decaying to 0 by a cosine.
    batch_size : int
        Rows of a step, drawn anew for each.
    n_bins : int
        Bins of the splines.
    validate : float
        Fraction of the rows held out to compare with a random rotation; 0 to trust the training.

    Raises
    ------
    InputError
        If a setting is out of its range; at fitting, if there are no more than D rows to learn from.

    Examples
    --------
    >>> turned = jnp.array([[0.6, -0.8], [0.8, 0.6]])
    >>> x = jax.random.laplace(jax.random.key(0), (5000, 2)) @ turned.T
    >>> cosines = jnp.abs(LearnedRotation().fit(jax.random.key(1), x).matrix @ turned)
    >>> bool(cosines.max(1).min() > 0.99)
    True
    """

    n_steps: int = 100
    learning_rate: float = 0.03
    batch_size: int = 4096
    n_bins: int = 8
    validate: float = 0.0

    def __post_init__(self) -> None:
        check_at_least(1, {"n_steps": self.n_steps, "batch_size": self.batch_size, "n_bins": self.n_bins})
        check_positive({"learning_rate": self.learning_rate})
        check_share({"validate": self.validate})

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse too few rows."""
        _check_rows(self, n_samples, dim + 1)

    def fit(self, key: Array, x: Array) -> OrthogonalMap:
        """Fit to the rows of x (N, D); the key is for the start, the batches and the rows held out."""
        self.check(x.shape[1], x.shape[0])
        matrix = _validated(key, x, self.validate, self._learn)
        return OrthogonalMap(jnp.zeros_like(matrix), matrix)

    def _learn(self, key: Array, x: Array) -> Array:
        start_key, batch_key = jax.random.split(key)
        start = _haar_start(start_key, x)
        batch_size = min(self.batch_size, len(x))
        training = Training(self.n_steps, self.learning_rate, batch_size, held_out=0.0)
        marginal = Quantiles(self.n_bins)

        def loss(free: Array, batch: Array) -> Array:
            return _layer_loss(OrthogonalMap(free, start.base).matrix, marginal, batch)

        free = training.minimise(batch_key, loss, start.free, x)
        return polish(OrthogonalMap(free, start.base).matrix)


def _haar_start(key: Array, x: Array) -> OrthogonalMap:
    dim = x.shape[-1]
    return OrthogonalMap(jnp.zeros((dim, dim), x.dtype), jax.random.orthogonal(key, dim, dtype=x.dtype))


def _exponential(skew: Array) -> Array:
    """Orthogonal to rounding, and exp of a skew matrix (D, D) to 1 %, by matrix products alone.

    Four terms of the series of A/2ⁿ, n squarings, and steps of Newton and Schulz, which take the nearest
    orthogonal matrix. An A for which n squarings are too few is shortened.
    """
    n = 5 + len(skew).bit_length() // 2
    norm = jnp.abs(skew).sum(0).max()
    small = skew * (0.5 / jnp.maximum(norm, 2.0 ** (n - 1)))
    square = product(small, small)
    identity = jnp.eye(len(skew), dtype=skew.dtype)
    rotation = identity + small + square / 2 + product(square, small) / 6 + product(square, square) / 24
    for _ in range(n):
        rotation = product(rotation, rotation)
    for _ in range(3):
        rotation = polish(rotation)
    return rotation


def _layer_loss(matrix: Array, marginal: Quantiles, x: Array) -> Array:
    """Negative log-likelihood () of x rotated and made normal by splines; no gradient reaches these."""
    rotated = product(x, matrix.T)
    spline = marginal.fit(jax.random.key(0), lax.stop_gradient(rotated))
    y, log_det = jax.vmap(spline.forward)(rotated)
    return (0.5 * (y**2).sum(1) - log_det).mean()


def _validated(key: Array, x: Array, validate: float, learn: Callable[[Array, Array], Array]) -> Array:
    """The learned matrix (D, D), or a Haar one where held-out rows don't gain more by the learned one."""
    if not validate:
        return learn(key, x)
    learn_key, split_key, random_key = jax.random.split(key, 3)
    n_held = _n_held_out(validate, len(x))
    held_out, rest = jnp.split(jax.random.permutation(split_key, x), [n_held])
    learned = learn(learn_key, rest)
    random = jax.random.orthogonal(key_after(random_key, learned), x.shape[1], dtype=x.dtype)
    by_learned, by_random = lax.map(
        lambda matrix: _gains(matrix, rest, held_out), jnp.stack([learned, random])
    )
    difference = by_learned - by_random
    # By more than a standard error: where there is no structure half of all frames beat a random one.
    better = difference.mean() > difference.std() / n_held**0.5
    return jnp.where(better, learned, random)


def _gains(matrix: Array, x: Array, held_out: Array) -> Array:
    """Gain (M,) of a layer with this rotation, fitted to x, on each of the M rows held out, in nats."""
    spline = Quantiles(_CHECK_BINS).fit(jax.random.key(0), product(x, matrix.T))
    rotated = product(held_out, matrix.T)
    y, log_det = jax.vmap(spline.forward)(rotated)
    return 0.5 * (rotated**2 - y**2).sum(1) + log_det


def _n_held_out(validate: float, n_samples: int) -> int:
    return max(round(validate * n_samples), 2)


def _check_rows(spec: Any, n_samples: int, least: int) -> None:
    left = n_samples - (_n_held_out(spec.validate, n_samples) if spec.validate else 0)
    if left < least:
        needed = least
        while spec.validate and needed - _n_held_out(spec.validate, needed) < least:
            needed += 1
        raise InputError(f"n_samples is {n_samples}: {spec!r} needs at least {needed} rows")
