"""Computations on covariances beyond layer-by-layer rotations: couplings, scales, whitening, projections."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import Gaussian, Haar, Hadamard, InputError, LayerSpec, LinearCoupling, Moments
from gscale.data import NearIdentity, Wishart
from gscale.metrics import gaussian_kl
from gscale.theory import (
    find_projection,
    fit_scales,
    population_losses,
    projected_distance,
    spurious_distance,
    whitening_couplings,
)
from gscale.theory.rates import coupling_rate, flat_rate, min_layers

KEY = jax.random.key(0)
COUPLING = LayerSpec(Haar(), Moments(), coupling=LinearCoupling())


def matrix_of(bijection, dim):
    with jax.enable_x64(True):
        return np.asarray(jax.vmap(lambda x: bijection.forward(x)[0], out_axes=1)(jnp.eye(dim)))


def test_coupling_losses_are_those_of_the_covariances():
    """Rotate, regress, standardise Σ itself in plain NumPy, with the rotations the layers draw."""
    dim = 7
    with jax.enable_x64(True):
        covariance = np.asarray(Gaussian(Wishart()).matrix(KEY, dim))
        losses = np.asarray(population_losses(KEY, covariance, COUPLING, 8))
        for layer in range(8):
            np.testing.assert_allclose(losses[layer], -0.5 * np.linalg.slogdet(covariance)[1], rtol=1e-9)
            drawn = COUPLING.fit(jax.random.fold_in(KEY, layer + 1), jax.random.normal(KEY, (50, dim)))
            rotation = np.asarray(drawn.rotation.matrix)
            covariance = rotation @ covariance @ rotation.T
            step = np.eye(dim)
            step[:3, 3:] = -covariance[:3, 3:] @ np.linalg.inv(covariance[3:, 3:])
            covariance = step @ covariance @ step.T
            scale = np.sqrt(np.diag(covariance))
            covariance /= np.outer(scale, scale)


@pytest.mark.parametrize(
    ("layer", "rate"),
    [(COUPLING, coupling_rate(8, 8)), (LayerSpec(Hadamard(), Moments()), flat_rate(16))],
    ids=["coupling", "flat"],
)
def test_rates_near_the_identity(layer, rate):
    with jax.enable_x64(True):
        keys = jax.random.split(KEY, 256)
        losses = np.asarray(
            jax.vmap(lambda key: population_losses(key, NearIdentity(0.01).matrix(key, 16), layer, 12))(keys)
        )
    factors = losses[:, 1:] / losses[:, :-1]
    assert abs(factors.mean() - rate) < 4 * factors.mean(1).std() / len(keys) ** 0.5


@pytest.mark.parametrize("dim", [4, pytest.param(6, marks=pytest.mark.long)])
def test_theorem_1(dim):
    """No draw is exact a layer below the bound; one above it, all are."""
    with jax.enable_x64(True):
        covariance = np.asarray(Gaussian(Wishart()).matrix(KEY, dim))
    keys = jax.random.split(KEY, 4)
    below = [float(fit_scales(key, covariance, min_layers(dim) - 1).loss) for key in keys]
    above = [float(fit_scales(key, covariance, min_layers(dim) + 1).loss) for key in keys]
    assert min(below) > 1e-3
    assert max(above) < 1e-10


def test_the_scales_give_their_loss():
    """Compose the map from rotations and scales, and take the KL of its image."""
    n_layers, dim = 3, 4
    with jax.enable_x64(True):
        covariance = np.asarray(Gaussian(Wishart()).matrix(KEY, dim))
        fitted = fit_scales(KEY, covariance, n_layers)
        image = covariance
        for layer in range(n_layers):
            drawn = LayerSpec(Haar(), Moments()).fit(jax.random.fold_in(KEY, layer + 1), jnp.eye(dim))
            step = np.exp(np.asarray(fitted.log_scales[layer]))[:, None] * np.asarray(drawn.rotation.matrix)
            image = step @ image @ step.T
        assert float(gaussian_kl(image)) == pytest.approx(float(fitted.loss), abs=1e-12)


@pytest.mark.parametrize(("n_layers", "n_restarts", "name"), [(0, 1, "n_layers"), (1, 0, "n_restarts")])
def test_fit_scales_counts(n_layers, n_restarts, name):
    with pytest.raises(InputError, match=f"{name} is 0"):
        fit_scales(KEY, np.eye(2), n_layers, n_restarts=n_restarts)


def random_covariance(dim, seed, condition):
    rng = np.random.default_rng(seed)
    rotation, _ = np.linalg.qr(rng.standard_normal((dim, dim)))
    covariance = (rotation * np.exp(rng.uniform(0, np.log(condition), dim))) @ rotation.T
    return (covariance + covariance.T) / 2


@pytest.mark.parametrize(
    "dim", [2, 3, 4, 7, *(pytest.param(dim, marks=pytest.mark.long) for dim in (6, 17, 64))]
)
def test_two_couplings_whiten(dim):
    for seed in range(20):
        covariance = random_covariance(dim, seed, 10 ** (0.3 * seed))
        first, second = whitening_couplings(covariance)
        assert (first.start, first.stop, second.start, second.stop) == (0, dim // 2, dim // 2, dim)
        whole = matrix_of(second, dim) @ matrix_of(first, dim)
        assert np.abs(whole @ covariance @ whole.T - np.eye(dim)).max() < 1e-8


def test_the_identity_is_whitened_too():
    for dim in (2, 3, 8, 9):
        first, second = whitening_couplings(np.eye(dim))
        whole = matrix_of(second, dim) @ matrix_of(first, dim)
        assert np.abs(whole @ whole.T - np.eye(dim)).max() < 1e-8


@pytest.mark.parametrize(
    ("covariance", "message"),
    [
        (np.ones((3, 3)), "not positive definite: its least eigenvalue is"),
        (np.diag([1.0, -1.0]), "not positive definite: its least eigenvalue is -1, its largest 1"),
        (np.array([[1.0, 0.5], [0.2, 1.0]]), "not symmetric: mirrored entries differ by 0.3"),
        (np.ones((2, 3)), r"shape \(2, 3\)"),
        (np.ones((1, 1)), r"shape \(1, 1\)"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "not finite"),
    ],
)
def test_what_cannot_be_whitened_is_told(covariance, message):
    with pytest.raises(InputError, match=message):
        whitening_couplings(covariance)


@pytest.mark.long
@pytest.mark.optimised
@pytest.mark.parametrize(
    ("n", "dim"),
    [(2000, 200), (2000, 800), (4000, 1000)],
)
def test_the_search_attains_the_spurious_distance(n, dim):
    """√(D/N) holds as D, N grow; here the optimum is above it by up to some percent."""
    x = jax.random.normal(KEY, (n, dim))
    direction, distance = find_projection(jax.random.key(1), x)
    assert float(jnp.linalg.norm(direction)) == pytest.approx(1, abs=1e-5)
    assert 0.98 < float(distance) / spurious_distance(dim, n) < 1.1
    fresh = jax.random.normal(jax.random.key(2), (n, dim))
    assert float(projected_distance(direction, fresh)) < 0.1 * float(distance) + 3 / n**0.5


@pytest.mark.optimised
def test_the_search_finds_real_structure():
    """A local search: in 4 dimensions some of 32 starts see the two modes."""
    x = np.random.default_rng(0).standard_normal((5000, 4)).astype(np.float32)
    x[:, 3] = np.sign(x[:, 3])
    direction, _ = find_projection(KEY, jnp.asarray(x), n_restarts=32)
    assert abs(float(direction[3])) > 0.99
