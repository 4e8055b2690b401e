"""The gain of one layer on a Gaussian in expectation, and a bound on the loss after it.

Everything computes in float64 whatever the process has enabled.
"""

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from gscale.theory.float64 import in_float64, log1p_less_x

# The integrand of the expected gain, in s = log t, is analytic for |Im s| < π and falls like e^{2s} to
# the left and like e^{−sD/2} at least to the right, so the trapezoidal rule converges geometrically:
# at this step its error is exp(−2π·π/0.2), far below rounding.
_STEP = 0.2
_NODES = (-60.0, 90.0)


@in_float64
@jax.jit
def expected_gain(eigenvalues: ArrayLike) -> Array:
    """Exact expected gain of one layer with a Haar rotation, from the eigenvalues of Σ alone.

    The rows of Q are uniform on the sphere and zᵀΣz = |z|² qᵀΣq for normal z, so with
    log x = ∫₀^∞ (e^{−t} − e^{−tx}) dt/t

        E g = (D/2) [ψ(D/2) + log 2 − ∫₀^∞ (e^{−t} − Πⱼ (1 + 2tλⱼ)^{−1/2}) dt/t]
            = (D/2) ∫₀^∞ [Πⱼ (1 + 2tλⱼ)^{−1/2} − (1 + 2t)^{−D/2}] dt/t,

    since the second line's last term is the first line's ψ for Σ = I. Its integrand is never negative for
    Tr Σ = D: nothing cancels, and small gains are as exact as large ones.

    Parameters
    ----------
    eigenvalues : array, shape (D,)
        Eigenvalues λ of Σ, positive; of a unit diagonal, so that they sum to D.

    Returns
    -------
    Array, shape (), float64
        E g in nats.

    References
    ----------
    Derived here (docs/theory.md); the setting is that of Draxler et al., ICML 2023.

    Examples
    --------
    >>> round(float(expected_gain([0.5, 1.5])), 6)
    0.069336
    """
    eigenvalues = jnp.asarray(eigenvalues, float)
    dim = eigenvalues.shape[0]
    trace_excess = (eigenvalues - 1).sum()

    def integrand(s: Array) -> Array:
        t = jnp.exp(s)
        share = 2 * t / (1 + 2 * t)
        log_isotropic = -0.5 * dim * jnp.log1p(2 * t)
        # log of Πⱼ ((1 + 2tλⱼ)/(1 + 2t))^{−1/2}; the terms linear in λ − 1 are summed first
        curved = _log_less_linear(
            share * (eigenvalues - 1), jnp.log1p(2 * t * eigenvalues) - jnp.log1p(2 * t)
        )
        exponent = -0.5 * (curved.sum() + share * trace_excess)
        # e^{a+b} − e^a, where e^b alone may overflow
        return jnp.where(
            exponent < 1,
            jnp.exp(log_isotropic) * jnp.expm1(jnp.minimum(exponent, 1)),
            jnp.exp(log_isotropic + exponent) - jnp.exp(log_isotropic),
        )

    values = lax.map(integrand, jnp.arange(*_NODES, _STEP))
    return 0.5 * dim * _STEP * values.sum()


@in_float64
@jax.jit
def loss_lower_bound(eigenvalues: ArrayLike) -> Array:
    """A bound that the expected loss after one Haar layer is never below, from the eigenvalues of Σ.

    With c(t) = (t − 1 − log t)/(t − 1)², which falls in t and is ½ at 1, E g ≤ c(λ_min) ‖Σ−I‖²/(D+2) and
    ℒ ≥ c(λ_max) ‖Σ−I‖²/2, hence E ℒ′ ≥ (1 − 2/(D+2) · c(λ_min)/c(λ_max)) ℒ. It tends to the rate
    D/(D+2) as Σ → I; a negative bound is no information and is returned as 0.

    Parameters
    ----------
    eigenvalues : array, shape (D,)
        Eigenvalues of Σ, positive, summing to D.

    Returns
    -------
    Array, shape (), float64
        Bound on E ℒ′ in nats.

    References
    ----------
    Derived here (docs/theory.md).

    Examples
    --------
    >>> eigenvalues = [0.9, 1.0, 1.1]
    >>> loss = -0.5 * float(jnp.log(jnp.array(eigenvalues)).sum())
    >>> float(loss_lower_bound(eigenvalues)) <= loss - float(expected_gain(eigenvalues))
    True
    """
    eigenvalues = jnp.asarray(eigenvalues, float)
    dim = eigenvalues.shape[0]
    curved = _log_less_linear(eigenvalues - 1, jnp.log(eigenvalues))
    loss = -0.5 * (curved.sum() + (eigenvalues - 1).sum())
    ratio = _curvature(eigenvalues.min()) / _curvature(eigenvalues.max())
    return jnp.maximum(1 - 2 / (dim + 2) * ratio, 0) * loss


def _curvature(t: Array) -> Array:
    """c(t) = (t − 1 − log t)/(t − 1)²."""
    deviation = jnp.where(t == 1, 1, t - 1)
    return jnp.where(t == 1, 0.5, -_log_less_linear(t - 1, jnp.log(t)) / deviation**2)


def _log_less_linear(deviation: Array, log: Array) -> Array:
    """log(1 + deviation) − deviation, from the deviation where it is small, else from its exact logarithm."""
    small = jnp.abs(deviation) < 0.02
    return jnp.where(small, log1p_less_x(jnp.where(small, deviation, 0)), log - deviation)
