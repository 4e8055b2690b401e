"""The best scales between fixed random rotations: Theorem 1, from both sides."""

from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from gscale.theory.float64 import in_float64
from gscale.validation import check_at_least

_MAX_STEPS = 200
_DONE = 1e-12  # nats; rounding leaves some 1e-14 at D = 32
_STALLED = 1e-9  # relative gain of a step below which later ones gain nothing
_STUCK = 1e9  # damping at which steps change nothing


class _Search(NamedTuple):
    log_scales: Array
    value: Array
    damping: Array
    stalled: Array
    n_steps: Array


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
        Starts, with the same rotations and different scales.

    Returns
    -------
    BestScales

    Raises
    ------
    InputError
        If ``n_layers`` or ``n_restarts`` is below 1.

    References
    ----------
    Draxler et al., ICML 2023, Theorem 1: exactness needs L ≥ (D+1)/2. That this is enough is observed, not
    proved.

    Examples
    --------
    >>> import numpy as np
    >>> covariance = np.array([[1.0, 0.8, 0.2], [0.8, 1.0, 0.5], [0.2, 0.5, 1.0]])
    >>> [bool(fit_scales(jax.random.key(0), covariance, n).loss < 1e-9) for n in (1, 3)]
    [False, True]
    """
    check_at_least(1, {"n_layers": n_layers, "n_restarts": n_restarts})
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
    root = jnp.linalg.cholesky(covariance)
    inverse_root = jax.scipy.linalg.solve_triangular(root, jnp.eye(dim), lower=True)
    log_det = 2 * jnp.log(jnp.diagonal(root)).sum()
    problem = _Problem(rotations, used, root, inverse_root, log_det)
    fits = jax.vmap(lambda start: _minimise(start, problem))(starts)
    best = jnp.nanargmin(fits.loss)
    return BestScales(fits.loss[best], fits.log_scales[best])


class _Problem(NamedTuple):
    """Rotations (L, D, D), which layers have scales (L,), Σ^½ and its inverse (D, D), and log det Σ ()."""

    rotations: Array
    used: Array
    root: Array
    inverse_root: Array
    log_det: Array

    def images(self, log_scales: Array) -> tuple[Array, Array]:
        """A_l = S_l Q_l ⋯ S₁ Q₁ Σ^½ after each layer, and their inverses, (L, D, D) each."""

        def step(carry: tuple[Array, Array], layer: tuple[Array, Array]) -> tuple[Any, Any]:
            (a, inverse), (log_scale, rotation) = carry, layer
            a = jnp.exp(log_scale)[:, None] * (rotation @ a)
            inverse = (inverse @ rotation.T) * jnp.exp(-log_scale)[None]
            return (a, inverse), (a, inverse)

        return lax.scan(step, (self.root, self.inverse_root), (log_scales, self.rotations))[1]

    def loss(self, log_scales: Array) -> Array:
        """½ (Tr AAᵀ − D − log det Σ) − Σ log s () in nats, with A that of the last layer."""
        last = self.images(log_scales)[0][-1]
        return 0.5 * ((last**2).sum() - len(last) - self.log_det) - log_scales.sum()

    def step(self, log_scales: Array, damping: Array) -> Array:
        """The damped Gauss–Newton step (L, D), of length 2 at most in each log-scale."""
        # A⁻¹ dA of scale i of layer l is u vᵀ, with column i of A_l⁻¹ and row i of A_l, so that entries of
        # ½ JᵀJ are (u·u')(v·v') + (u·v')(v·u'): no Jacobian is ever formed.
        a, inverse = self.images(log_scales)
        dim = a.shape[-1]
        u, v = inverse.mT.reshape(-1, dim), a.reshape(-1, dim)
        metric = (u @ u.T) * (v @ v.T) + (u @ v.T) * (v @ u.T)
        gradient = ((v @ (a[-1].T @ a[-1])) * u).sum(1) - 1
        free = jnp.repeat(self.used, dim)
        metric = jnp.where(free[:, None] & free[None, :], metric, 0.0) + damping * jnp.eye(u.shape[0])
        step = -jax.scipy.linalg.solve(metric, gradient * free, assume_a="pos").reshape(log_scales.shape)
        return step * jnp.minimum(1, 2 / jnp.abs(step).max())


def _minimise(start: Array, problem: _Problem) -> BestScales:
    """Levenberg and Marquardt's search: less damping after each step that lowers the loss, else more."""

    def improve(state: _Search) -> _Search:
        trial = state.log_scales + problem.step(state.log_scales, state.damping)
        value = problem.loss(trial)
        better = value < state.value  # False for NaN
        return _Search(
            jnp.where(better, trial, state.log_scales),
            jnp.where(better, value, state.value),
            jnp.where(better, jnp.maximum(0.3 * state.damping, 1e-14), 4 * state.damping),
            better & (state.value - value < _STALLED * state.value),
            state.n_steps + 1,
        )

    def unfinished(state: _Search) -> Array:
        stuck = state.stalled | (state.damping > _STUCK)
        return (state.value > _DONE) & ~stuck & (state.n_steps < _MAX_STEPS)

    first = _Search(start, problem.loss(start), jnp.ones(()), jnp.array(False), jnp.zeros((), int))
    last = lax.while_loop(unfinished, improve, first)
    return BestScales(jnp.maximum(last.value, 0.0), last.log_scales)
