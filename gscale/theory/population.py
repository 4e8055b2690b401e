"""Exact losses on Gaussians, computed on covariances alone, in float64."""

from typing import Any, Protocol, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gscale.theory.float64 import in_float64, log1p_less_x

AnyArray = TypeVar("AnyArray", Array, np.ndarray)


class RotatingSpec(Protocol):
    """A spec whose layers have a ``rotation``, a ``coupling`` or None, and then standardise each coordinate.

    On a Gaussian every marginal that fits a normal distribution standardises, and every coupling
    that fits an affine relation subtracts the regression on its passive coordinates.
    """

    def fit(self, key: Array, x: Array) -> Any:
        """Fit a layer to the rows of x (N, D)."""
        ...


@in_float64
def population_losses(key: Array, covariance: Array, spec: RotatingSpec, n_layers: int) -> Array:
    """Exact loss of layers fitted to N(0, Σ), with 0, 1, …, L of them: no samples, no sampling noise.

    One layer maps E = Σ − I to S (I + Q E Qᵀ) S − I, with S standardising the diagonal, and lowers the
    loss ℒ = −½ log det Σ by the gain g = −½ Σ_i log (Q Σ Qᵀ)_ii. Because E and not Σ is carried, and
    losses are sums of later gains, every loss is exact to rounding relative to itself, however small.
    A coupling first takes from the active coordinates their regression on the passive ones, which has
    determinant one.

    Parameters
    ----------
    key : Array
        Random key; the layers draw from it as ``fit_layerwise`` does.
    covariance : Array, shape (D, D)
        Σ, positive definite. It is brought to a unit diagonal first, as by a marginal in front.
    spec : RotatingSpec
        The layer. Its rotation is fitted to 2D points whose mean is zero and whose covariance is Σ
        exactly; a rotation that depends on higher moments depends on these points' structure.
    n_layers : int
        Number of layers L.

    Returns
    -------
    Array, shape (L + 1,), float64
        KL to N(0, I) in nats.

    References
    ----------
    Draxler et al., "On the convergence rate of Gaussianization with random rotations", ICML 2023,
    for the setting; the recursion in E is derived here.

    Examples
    --------
    >>> from gscale import Haar, LayerSpec, Moments
    >>> covariance = jnp.array([[1.0, 0.6], [0.6, 1.0]])
    >>> losses = population_losses(jax.random.key(0), covariance, LayerSpec(Haar(), Moments()), 3)
    >>> losses.shape, round(float(losses[0]), 4), bool((losses[1:] < losses[:-1]).all())
    ((4,), 0.2231, True)
    """
    return _population_losses(key, jnp.asarray(covariance, float), spec, n_layers)


@eqx.filter_jit
def _population_losses(key: Array, covariance: Array, spec: RotatingSpec, n_layers: int) -> Array:
    def step(carried: Array, index: Array) -> tuple[Array, Array]:
        return whiten_layer(key, carried, spec, index)

    last, gains = lax.scan(step, deviation(covariance), jnp.arange(n_layers))
    return losses_from_gains(gains, remaining_loss(last))


def deviation(covariance: Array) -> Array:
    """E = Σ − I (D, D) after Σ (D, D) is brought to a unit diagonal."""
    return standardise(covariance - jnp.eye(covariance.shape[-1]))


def whiten_layer(key: Array, carried: Array, spec: RotatingSpec, index: Array) -> tuple[Array, Array]:
    """One layer on E = Σ − I (D, D): the next E, and the gain () in nats."""
    layer = spec.fit(jax.random.fold_in(key, index + 1), sigma_points(carried))
    rotate = jax.vmap(lambda x: layer.rotation.forward(x)[0])
    carried = rotate(rotate(carried).T)
    explained = jnp.zeros(carried.shape[0], carried.dtype)
    if layer.coupling is not None:
        carried, explained = _regress(carried, layer.coupling.start, layer.coupling.stop)
    # The trace of E is zero before the regression, and less by the explained variances behind it.
    gain = 0.5 * explained.sum() - 0.5 * log1p_less_x(jnp.diagonal(carried)).sum()
    return standardise(carried), gain


def _regress(carried: Array, start: int, stop: int) -> tuple[Array, Array]:
    """E after the active coordinates lose their regression on the passive ones, and explained variances (D,).

    With T = Σ_ap Σ_pp⁻¹, Σ_ap goes to 0 and Σ_aa to Σ_aa − T Σ_pa.
    """
    dim = carried.shape[0]
    active = (jnp.arange(dim) >= start) & (jnp.arange(dim) < stop)
    cross = carried * (active[:, None] & ~active[None])
    passive = jnp.where(~active[:, None] & ~active[None], carried, 0) + jnp.eye(dim)
    explained = cross @ jnp.linalg.solve(passive, cross.T)
    return carried - cross - cross.T - explained, jnp.diagonal(explained)


def remaining_loss(carried: Array) -> Array:
    """ℒ = −½ log det(I + E) () in nats, for E (D, D) of zero trace, exact relative to itself."""
    return -0.5 * log1p_less_x(jnp.linalg.eigvalsh(carried)).sum()


def losses_from_gains(gains: AnyArray, last: AnyArray) -> AnyArray:
    """Losses (L+1, …) from the gains (L, …) of the layers and the loss (…) behind the last."""
    xp: Any = np if isinstance(gains, np.ndarray) else jnp
    losses: AnyArray = xp.concatenate([gains, last[None]])[::-1].cumsum(0)[::-1]
    return losses


def sigma_points(carried: Array) -> Array:
    """Rows (2D, D) with mean 0 and covariance I + E exactly."""
    dim = carried.shape[-1]
    root = jnp.linalg.cholesky(carried + jnp.eye(dim, dtype=carried.dtype)) * dim**0.5
    return jnp.concatenate([root.T, -root.T])


def standardise(carried: Array) -> Array:
    """E of S (I + E) S with S bringing the diagonal to one; small E keep their relative precision."""
    scale = lax.rsqrt(1 + jnp.diagonal(carried))
    scaled = carried * (scale[:, None] * scale[None])
    return jnp.where(jnp.eye(carried.shape[-1], dtype=bool), 0, (scaled + scaled.T) / 2)
