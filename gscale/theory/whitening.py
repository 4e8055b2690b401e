"""Two affine couplings that whiten any covariance: the least number of blocks in Equation 20."""

from collections.abc import Callable
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.typing import ArrayLike

from gscale.bijections.coupling import AffineCouplingMap
from gscale.errors import InputError
from gscale.runtime import Program
from gscale.theory.float64 import in_float64

_ATTEMPTS = 100
_MAX_STEPS = 100
# Mismatch of the logarithms of the spectra, after the fast and after the accurate search.
_NEAR, _MATCHED = 1e-6, 1e-11
_SPREAD = 0.3  # of the log-scales at the start: at equal scales of small D there is no direction of descent
_MARGIN = 0.05  # by which the least eigenvalue is lifted above 1, in logarithm


@in_float64
def whitening_couplings(covariance: ArrayLike) -> tuple[AffineCouplingMap, AffineCouplingMap]:
    """Exactly two affine couplings U, then V, with VU Σ (VU)ᵀ = I.

    With n = ⌊D/2⌋, P = Σ⁻¹, U = [[S₁, T₁], [0, I]] and V = [[I, 0], [T₂, S₂]]: VU whitens Σ if

    1. A = S₁⁻¹ P₁₁ S₁⁻¹ and B = S₂ Σ₂₂ S₂ have one spectrum μ ≥ 1 (for odd D, B has a single 1 more),
    2. T₂ = W_B diag(√(μ−1)) W_Aᵀ with the eigenvectors of B and A,
    3. T₁ = (I + T₂ᵀT₂)⁻¹ (S₁⁻¹ P₁₂ − T₂ᵀ S₂).

    Step 1 is solved for the logarithms of the scales by Gauss–Newton steps of least length, with
    ∂ log μ_k / ∂ log s_i = 2 (W_ki)²: shortened where they do not help, and started again from other
    scales where they stall.

    Parameters
    ----------
    covariance : array, shape (D, D)
        Σ, symmetric and positive definite, D ≥ 2.

    Returns
    -------
    AffineCouplingMap, AffineCouplingMap
        U, which changes the first ⌊D/2⌋ coordinates, and V, which changes the others.

    Raises
    ------
    InputError
        If Σ is not square, not symmetric, singular or indefinite, or D < 2.
    RuntimeError
        If no start leads to a solution; none is known.

    References
    ----------
    Derived here (docs/theory.md). That a constant number of affine couplings represents any linear map
    is due to Koehler, Mehta and Risteski, "Representational aspects of depth and conditioning in
    normalizing flows", ICML 2021.

    Examples
    --------
    >>> first, second = whitening_couplings([[1.0, 0.8, 0.0], [0.8, 1.0, 0.3], [0.0, 0.3, 1.0]])
    >>> (first.start, first.stop), (second.start, second.stop)
    ((0, 1), (1, 3))
    """
    covariance = _checked(jnp.asarray(covariance, float))
    for attempt in range(_ATTEMPTS):
        couplings, mismatch = _couplings(covariance, jax.random.key(attempt))
        if mismatch < _MATCHED:
            return couplings
    raise RuntimeError(f"none of {_ATTEMPTS} starts matched the spectra: the last mismatch was {mismatch}")


def _checked(covariance: Array) -> Array:
    shape = covariance.shape
    if len(shape) != 2 or shape[0] != shape[1] or shape[0] < 2:
        raise InputError(f"the covariance has shape {shape}: (D, D) with D of at least 2 is needed")
    if not bool(jnp.isfinite(covariance).all()):
        raise InputError("the covariance has entries that are not finite")
    asymmetry = float(jnp.abs(covariance - covariance.T).max())
    eigenvalues = jnp.linalg.eigvalsh(covariance)
    least, most = float(eigenvalues[0]), float(eigenvalues[-1])
    if asymmetry > 1e-10 * most:
        raise InputError(f"the covariance is not symmetric: mirrored entries differ by {asymmetry:g}")
    if least <= shape[0] * jnp.finfo(float).eps * most:
        raise InputError(
            f"the covariance is not positive definite: its least eigenvalue is {least:g}, its largest "
            f"{most:g}; drop dependent columns or add to its diagonal"
        )
    return covariance


@Program
def _couplings(covariance: Array, key: Array) -> tuple[tuple[AffineCouplingMap, AffineCouplingMap], Array]:
    """The couplings from one start, and the mismatch of the spectra that is left."""
    dim = covariance.shape[0]
    n = dim // 2
    # Brought to a unit diagonal first, for a start at scales of order one; its scales are part of the
    # couplings.
    unit = 1 / jnp.sqrt(jnp.diagonal(covariance))
    lower = jnp.linalg.cholesky(covariance * (unit[:, None] * unit[None]))
    inverse = jax.scipy.linalg.solve_triangular(lower, jnp.eye(dim), lower=True)
    # P₁₁ = F₁ᵀF₁ and Σ₂₂ = F₂ᵀF₂: singular values of F keep small eigenvalues that FᵀF would lose to rounding
    first_factor, second_factor = jnp.linalg.qr(inverse[:, :n])[1], jnp.linalg.qr(lower[n:].T)[1]
    p12 = inverse[:, :n].T @ inverse[:, n:]
    log_a, log_b, mismatch = _match_spectra(first_factor, second_factor, key)
    if dim % 2 == 0:  # a common factor moves all μ; for odd D the single 1 has fixed it
        lift = jnp.maximum(_MARGIN - jnp.log(_accurate_spectrum(log_a, first_factor)[0][0]), 0) / 2
        log_a, log_b = log_a + lift, log_b + lift
    mu, w_a = _accurate_spectrum(log_a, first_factor)
    _, w_b = _accurate_spectrum(log_b, second_factor)
    t2 = w_b[:, dim % 2 :] @ (jnp.sqrt(jnp.maximum(mu - 1, 0))[:, None] * w_a.T)
    a, b = jnp.exp(log_a), jnp.exp(log_b)
    t1 = w_a @ ((w_a.T @ (a[:, None] * p12 - t2.T * b[None])) / mu[:, None])
    first = AffineCouplingMap(t1 * unit[None, n:], -log_a + jnp.log(unit[:n]), jnp.zeros(n), 0, n)
    second = AffineCouplingMap(t2, log_b + jnp.log(unit[n:]), jnp.zeros(dim - n), n, dim)
    return (first, second), mismatch


Spectrum = Callable[[Array, Array], tuple[Array, Array]]


class _Search(NamedTuple):
    log_scales: Array
    direction: Array
    residual: Array
    length: Array
    n_steps: Array


def _match_spectra(first: Array, second: Array, key: Array) -> tuple[Array, Array, Array]:
    """Log-scales at which both matrices have one spectrum, and the largest mismatch of its logarithm."""
    n, m = first.shape[0], second.shape[0]
    start = _SPREAD * jax.random.normal(key, (n + m,))
    start = start.at[:n].add(-0.5 * jnp.log((first**2).sum(0)))
    near, _ = _solve(start, (first, second), _fast_spectrum, _NEAR)
    log_scales, mismatch = _solve(near, (first, second), _accurate_spectrum, _MATCHED / 10)
    return log_scales[:n], log_scales[n:], mismatch


def _solve(
    log_scales: Array, factors: tuple[Array, Array], spectrum: Spectrum, tolerance: float
) -> tuple[Array, Array]:
    """Gauss–Newton steps, shortened where they do not help; log-scales and the largest residual."""

    def shorten_or_continue(state: _Search) -> _Search:
        trial = state.log_scales + state.length * state.direction
        residual, direction = _residual_and_step(trial, factors, spectrum)
        # NaN, from a step that left the positive definite matrices in floating point, is not smaller
        better = jnp.linalg.norm(residual) < jnp.linalg.norm(state.residual)
        taken = _Search(trial, direction, residual, jnp.minimum(2 * state.length, 1), state.n_steps + 1)
        shortened = state._replace(length=state.length / 4, n_steps=state.n_steps + 1)
        return jax.tree.map(lambda yes, no: jnp.where(better, yes, no), taken, shortened)

    def unfinished(state: _Search) -> Array:
        far = jnp.abs(state.residual).max() > tolerance
        return far & (state.length > 1e-4) & (state.n_steps < _MAX_STEPS)

    residual, direction = _residual_and_step(log_scales, factors, spectrum)
    first = _Search(log_scales, direction, residual, jnp.ones(()), jnp.zeros((), int))
    last = lax.while_loop(unfinished, shorten_or_continue, first)
    return last.log_scales, jnp.abs(last.residual).max()


def _residual_and_step(
    log_scales: Array, factors: tuple[Array, Array], spectrum: Spectrum
) -> tuple[Array, Array]:
    """Differences of the log-spectra, and the Gauss–Newton step of least length that removes them."""
    first, second = factors
    n, m = first.shape[0], second.shape[0]
    (mu_a, w_a), (mu_b, w_b) = spectrum(log_scales[:n], first), spectrum(log_scales[n:], second)
    residual = (-jnp.log(mu_b)).at[m - n :].add(jnp.log(mu_a))
    jacobian = jnp.concatenate([jnp.zeros((m, n)).at[m - n :].set(2 * (w_a**2).T), -2 * (w_b**2).T], 1)
    gram = jacobian @ jacobian.T + 1e-13 * jnp.eye(m)
    return residual, -jacobian.T @ jax.scipy.linalg.solve(gram, residual, assume_a="pos")


def _fast_spectrum(log_scale: Array, factor: Array) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of (F s)ᵀ(F s), small ones to rounding of the largest."""
    scaled = factor * jnp.exp(log_scale)[None]
    values, vectors = jnp.linalg.eigh(scaled.T @ scaled)
    return values, vectors


def _accurate_spectrum(log_scale: Array, factor: Array) -> tuple[Array, Array]:
    """Eigenvalues, ascending, and eigenvectors of (F s)ᵀ(F s), from singular values: slower, more digits."""
    _, singular, vectors = jnp.linalg.svd(factor * jnp.exp(log_scale)[None])
    return singular[::-1] ** 2, vectors[::-1].T
