"""The best that scales can do between fixed random rotations: Theorem 1, seen from both sides."""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from gscale.errors import InputError
from gscale.theory.precision import in_float64

_STEPS = 200
_DONE = 1e-12  # nats; rounding leaves some 1e-14 at D = 32
_STUCK = 1e9  # damping at which a step no longer moves anything


class BestScales(NamedTuple):
    """The least loss () in nats that the restarts reached, and its log-scales (L, D), inner layer first."""

    loss: Array
    log_scales: Array


@in_float64
def fit_scales(key: Array, covariance: ArrayLike, n_layers: int, *, n_restarts: int = 4) -> BestScales:
    """Train the scales of all layers together, the rotations drawn once and fixed.

    The map is M = S_L Q_L ⋯ S₁ Q₁ and the loss ½ (Tr MΣMᵀ − D) − Σ log s − ½ log det Σ, exactly KL of its
    image to N(0, I). Minimised by damped Gauss–Newton steps in the metric of the KL, ½ JᵀJ with
    J = A⁻¹ d(AAᵀ) A⁻ᵀ and A = MΣ^½, which is the Hessian where the loss is 0: from there convergence is
    quadratic, where L-BFGS crawls.

    Parameters
    ----------
    key : Array
        Random key of the rotations, layer by layer as ``fit_layerwise`` draws them, and of the starts.
    covariance : array, shape (D, D)
        Σ, positive definite.
    n_layers : int
        Number of layers L, at least 1.
    n_restarts : int
        Starts with the same rotations and other scales.

    Returns
    -------
    BestScales

    Raises
    ------
    InputError
        If ``n_layers`` or ``n_restarts`` is below 1.

    References
    ----------
    Draxler et al., ICML 2023, Theorem 1: exactness needs L ≥ (D+1)/2. That it is enough is seen, not proved.

    Examples
    --------
    >>> import numpy as np
    >>> covariance = np.array([[1.0, 0.8, 0.2], [0.8, 1.0, 0.5], [0.2, 0.5, 1.0]])
    >>> [bool(fit_scales(jax.random.key(0), covariance, n).loss < 1e-9) for n in (1, 3)]
    [False, True]
    """
    for name, number in (("n_layers", n_layers), ("n_restarts", n_restarts)):
        if number < 1:
            raise InputError(f"{name} is {number}: at least 1 is needed")
    return best_scales(key, jnp.asarray(covariance, float), jnp.int32(n_layers), n_layers, n_restarts)


@partial(jax.jit, static_argnums=(3, 4))
def best_scales(key: Array, covariance: Array, n_layers: Array, most: int, n_restarts: int) -> BestScales:
    """`fit_scales` for any number of layers up to ``most``, compiled once for all of them."""
    dim = covariance.shape[0]
    used = jnp.arange(most) < n_layers
    keys = jax.vmap(lambda index: jax.random.fold_in(key, index))(jnp.arange(most + 1))
    drawn = jax.vmap(lambda key: jax.random.orthogonal(jax.random.split(key, 3)[0], dim))(keys[1:])
    rotations = jnp.where(used[:, None, None], drawn, jnp.eye(dim)[None])
    starts = 0.3 * jax.random.normal(keys[0], (n_restarts, most, dim)) * used[None, :, None]
    fits = jax.vmap(lambda start: _levenberg(start, rotations, used, covariance))(starts)
    best = jnp.nanargmin(fits.loss)
    return BestScales(fits.loss[best], fits.log_scales[best])


def _levenberg(start: Array, rotations: Array, used: Array, covariance: Array) -> BestScales:
    root = jnp.linalg.cholesky(covariance)
    log_det = 2 * jnp.log(jnp.diagonal(root)).sum()
    upper = jnp.triu_indices(root.shape[0])
    weights = jnp.where(upper[0] == upper[1], 1.0, 2.0**0.5)

    def image(log_scales: Array) -> Array:
        """A = MΣ^½."""

        def step(a: Array, layer: tuple[Array, Array]) -> tuple[Array, None]:
            log_scale, rotation = layer
            return jnp.exp(log_scale)[:, None] * (rotation @ a), None

        return lax.scan(step, root, (log_scales * used[:, None], rotations))[0]

    def loss(log_scales: Array) -> Array:
        total = (log_scales * used[:, None]).sum()
        return 0.5 * ((image(log_scales) ** 2).sum() - root.shape[0] - log_det) - total

    def direction(log_scales: Array, damping: Array) -> Array:
        inverse = jnp.linalg.inv(image(log_scales))

        def whitened(log_scales: Array) -> Array:
            a = inverse @ image(log_scales)
            return (a @ a.T)[upper] * weights

        jacobian = jax.jacfwd(whitened)(log_scales).reshape(len(weights), -1)
        gradient = jax.grad(loss)(log_scales).ravel()
        metric = 0.5 * jacobian.T @ jacobian + damping * jnp.eye(gradient.size)
        step = -jax.scipy.linalg.solve(metric, gradient, assume_a="pos").reshape(log_scales.shape)
        return step * jnp.minimum(1, 2 / jnp.abs(step).max())

    def improve(state: tuple[Array, Array, Array, Array]) -> tuple[Array, Array, Array, Array]:
        log_scales, value, damping, count = state
        tried = log_scales + direction(log_scales, damping)
        tried_value = loss(tried)
        better = tried_value < value  # False for NaN
        return (
            jnp.where(better, tried, log_scales),
            jnp.where(better, tried_value, value),
            jnp.where(better, jnp.maximum(0.3 * damping, 1e-14), 4 * damping),
            count + 1,
        )

    def unfinished(state: tuple[Array, Array, Array, Array]) -> Array:
        _, value, damping, count = state
        return (value > _DONE) & (damping < _STUCK) & (count < _STEPS)

    begin = (start, loss(start), jnp.ones(()), jnp.zeros((), int))
    log_scales, value, _, _ = lax.while_loop(unfinished, improve, begin)
    return BestScales(jnp.maximum(value, 0.0), log_scales)
