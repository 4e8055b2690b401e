"""Exact curves: against the closed loss, sampling, and the rate near the identity."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest

from gscale import Haar, Identity, LayerSpec, Moments
from gscale.data import Gaussian, NearIdentity, Wishart
from gscale.metrics import gaussian_kl
from gscale.theory import population_losses
from gscale.theory.float64 import log1p_less_x
from gscale.theory.population import sigma_points

KEY = jax.random.key(0)
HAAR = LayerSpec(Haar(), Moments())


def test_losses_are_those_of_the_covariances():
    """Rotate and standardise Σ itself, in plain NumPy, with the rotations the layers draw."""
    with jax.enable_x64(True):
        covariance = np.asarray(Gaussian(Wishart()).matrix(KEY, 6))
        losses = np.asarray(population_losses(KEY, covariance, HAAR, 12))
        for layer in range(12):
            np.testing.assert_allclose(losses[layer], -0.5 * np.linalg.slogdet(covariance)[1], rtol=1e-12)
            rotation = np.asarray(HAAR.fit(jax.random.fold_in(KEY, layer + 1), jnp.eye(6)).rotation.matrix)
            covariance = rotation @ covariance @ rotation.T
            scale = np.sqrt(np.diag(covariance))
            covariance /= np.outer(scale, scale)


@pytest.mark.long
@pytest.mark.optimised
@pytest.mark.parametrize("dim", [8, 32])
def test_rate_near_the_identity(dim):
    """One layer multiplies the expected loss by D/(D+2), and by that to 60 decimals of the loss."""
    with jax.enable_x64(True):
        keys = jax.random.split(KEY, 4096 // dim)
        n_layers = 40 * dim
        losses = jax.vmap(
            lambda key: population_losses(key, Gaussian(NearIdentity(0.01)).matrix(key, dim), HAAR, n_layers)
        )(keys)
    losses = np.asarray(losses)
    factors = losses[:, 1:] / losses[:, :-1]
    error = factors.mean(1).std() / len(keys) ** 0.5
    assert losses.min() < 1e-25
    assert abs(factors.mean() - dim / (dim + 2)) < 4 * error
    assert error < 0.003 / dim


def test_float64_without_asking():
    losses = population_losses(KEY, np.array([[1.0, 0.5], [0.5, 1.0]]), HAAR, 3)
    assert losses.dtype == np.float64


def test_without_rotation_a_standardised_gaussian_stays():
    losses = population_losses(KEY, np.array([[4.0, 1.0], [1.0, 1.0]]), LayerSpec(Identity(), Moments()), 3)
    np.testing.assert_allclose(losses, -0.5 * np.log(0.75), rtol=1e-14)


def test_one_dimension_is_done():
    assert population_losses(KEY, np.array([[3.0]]), HAAR, 2).tolist() == [0, 0, 0]


def test_sigma_points_have_the_covariance():
    with jax.enable_x64(True):
        covariance = Gaussian(Wishart()).matrix(KEY, 5)
        points = sigma_points(covariance - jnp.eye(5))
        np.testing.assert_allclose(np.cov(points.T, bias=True), covariance, atol=1e-14)
        np.testing.assert_allclose(points.mean(0), 0, atol=1e-15)


def test_log1p_less_x():
    points = [s * m * 10.0**-e for s in (1, -1) for m in (1, 1.999, 2.001, 5) for e in (1, 2, 3, 8)]
    with jax.enable_x64(True):
        values = np.asarray(log1p_less_x(jnp.array(points)))
    with mpmath.workdps(50):
        truth = [float(mpmath.log1p(mpmath.mpf(x)) - mpmath.mpf(x)) for x in points]
    np.testing.assert_allclose(values, truth, rtol=1e-12)


def test_gaussian_kl_is_the_sum_over_eigenvalues():
    with jax.enable_x64(True):
        covariance = Gaussian(Wishart()).matrix(KEY, 7)
        eigenvalues = np.linalg.eigvalsh(covariance)
        expected = 0.5 * (eigenvalues - 1 - np.log(eigenvalues)).sum()
        np.testing.assert_allclose(gaussian_kl(covariance), expected, rtol=1e-12)
