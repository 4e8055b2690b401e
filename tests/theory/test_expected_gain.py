"""The expected gain and its bound: against mpmath, against draws, over random spectra."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gscale.data import AR1, Equicorrelated, Gaussian, NearIdentity, PowerLaw, Spiked, Wishart
from gscale.theory import expected_gain, loss_lower_bound
from gscale.theory.rates import coupling_rate, flat_rate, haar_rate, layers_per_efold, min_layers


def spectrum(dim, condition):
    values = np.geomspace(1, condition, dim)
    return values * (dim / values.sum())


def reference_gain(eigenvalues):
    """The formula with ψ, to 30 digits."""
    with mpmath.workdps(30):
        values, dim = [mpmath.mpf(float(x)) for x in eigenvalues], len(eigenvalues)

        def integrand(s):
            t = mpmath.exp(s)
            return mpmath.exp(-t) - mpmath.exp(-sum(mpmath.log1p(2 * t * x) for x in values) / 2)

        # analytic in |Im s| < π/2 and below 1e-25 at the ends: the trapezoidal rule errs by exp(−4π²)
        integral = sum(integrand(mpmath.mpf(k) / 4) for k in range(-240, 320)) / 4
        isotropic = mpmath.digamma(mpmath.mpf(dim) / 2) + mpmath.log(2)
        return float(mpmath.mpf(dim) / 2 * (isotropic - integral))


@pytest.mark.parametrize("condition", [1.5, 1e4, 1e8])
@pytest.mark.parametrize("dim", [1, 2, 3, 16, 64])
def test_expected_gain_is_the_integral(dim, condition):
    eigenvalues = spectrum(dim, condition)
    assert float(expected_gain(eigenvalues)) == pytest.approx(
        reference_gain(eigenvalues), rel=1e-8, abs=1e-15
    )


@pytest.mark.long
@pytest.mark.optimised
def test_expected_gain_of_many_dimensions():
    eigenvalues = spectrum(1024, 1e8)
    assert float(expected_gain(eigenvalues)) == pytest.approx(reference_gain(eigenvalues), rel=1e-8)


def test_small_gains_keep_their_digits():
    deviations = 1e-7 * np.array([1.0, -1.0, 2.0, -2.0])
    expected = (deviations**2).sum() / (2 * (4 + 2))
    assert float(expected_gain(1 + deviations)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    "family", [Wishart(1.2), PowerLaw(), AR1(), Equicorrelated(), Spiked(), NearIdentity(0.5)], ids=repr
)
def test_expected_gain_is_the_mean_over_rotations(family):
    n, dim = 10_000, 6
    with jax.enable_x64(True):
        covariance = np.asarray(Gaussian(family).matrix(jax.random.key(0), dim))
        rotations = np.asarray(jax.random.orthogonal(jax.random.key(1), dim, (n,)))
    variances = np.einsum("nij,jk,nik->ni", rotations, covariance, rotations)
    gains = -0.5 * np.log(variances).sum(1)
    expected = float(expected_gain(np.linalg.eigvalsh(covariance)))
    assert abs(gains.mean() - expected) < 3 * gains.std() / n**0.5


@settings(max_examples=100, deadline=None)
@given(
    dim=st.sampled_from([2, 5, 17]),
    logs=st.lists(st.floats(-8, 8), min_size=17, max_size=17),
)
def test_gain_and_bound_lie_between_0_and_the_loss(dim, logs):
    values = np.exp(np.array(logs[:dim]))
    values *= dim / values.sum()
    loss = -0.5 * np.log(values).sum()
    gain, bound = float(expected_gain(values)), float(loss_lower_bound(values))
    rounding = 1e-12 * max(1, loss)
    assert -rounding <= gain <= loss + rounding
    assert -rounding <= bound <= loss - gain + rounding


def test_the_bound_tends_to_the_rate():
    values = 1 + 1e-4 * np.array([1.0, -1.0, 0.5, -0.5])
    loss = -0.5 * np.log(values).sum()
    assert float(loss_lower_bound(values)) / loss == pytest.approx(haar_rate(4), rel=1e-3)


def test_both_are_jittable_and_vmappable():
    with jax.enable_x64(True):
        values = jnp.stack([jnp.asarray(spectrum(4, c)) for c in (2.0, 3.0)])
        for function in (expected_gain, loss_lower_bound):
            batch = jax.jit(jax.vmap(function))(values)
            np.testing.assert_allclose(batch[1], function(values[1]), rtol=1e-12)


@pytest.mark.parametrize(("active", "passive"), [(4, 4), (3, 5), (1, 7)])
def test_rates_by_counting_the_off_diagonal(active, passive):
    """A random E of zero diagonal keeps, by (1) of docs/theory.md, what a layer leaves of its entries."""
    dim = active + passive
    rng = np.random.default_rng(0)
    symmetric = rng.standard_normal((dim, dim))
    symmetric = symmetric + symmetric.T
    symmetric -= np.diag(np.diag(symmetric))
    with jax.enable_x64(True):
        rotations = np.asarray(jax.random.orthogonal(jax.random.key(0), dim, (20_000,)))
    turned = np.einsum("nij,jk,nlk->nil", rotations, symmetric, rotations)
    diagonal = np.einsum("nii->ni", turned)
    total = (symmetric**2).sum()
    assert 1 - (diagonal**2).sum(1).mean() / total == pytest.approx(haar_rate(dim), rel=0.01)
    within = sum(
        (block**2).sum((1, 2)) for block in (turned[:, :active, :active], turned[:, active:, active:])
    )
    left = (within - (diagonal**2).sum(1)).mean() / total
    assert left == pytest.approx(coupling_rate(active, passive), rel=0.01)


def test_numbers_of_layers():
    assert [min_layers(dim) for dim in range(1, 9)] == [1, 2, 2, 3, 3, 4, 4, 5]
    assert flat_rate(2) == flat_rate(1) == 0
    assert layers_per_efold(0) == 0
    assert layers_per_efold(haar_rate(1000)) == pytest.approx(500.5, abs=1e-3)
    assert layers_per_efold(flat_rate(1024)) == pytest.approx(511.5, abs=1e-3)
    assert coupling_rate(10**6, 10**6) == pytest.approx(0.5, abs=1e-6)
