"""One contract for all bijections. A new one is a row in BIJECTIONS."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import (
    MLP,
    Adam,
    Coupling,
    Haar,
    Hadamard,
    Householder,
    Identity,
    LayerSpec,
    Learned,
    Linear,
    LinearCoupling,
    Logistic,
    MixtureCDF,
    Moments,
    Permutation,
    Quantiles,
    SplineTransformer,
    fit_layerwise,
)
from gscale.theory import whitening_couplings

DIM = 4


def flow_of(n_layers, spec, first=None):
    return lambda key, x: fit_layerwise(key, x, spec, n_layers, first=first)[0]


def whitening_second(_, x):
    """The coupling that changes the last coordinates, with scales."""
    with jax.enable_x64(True):
        _, second = whitening_couplings(jnp.cov(x.T))
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, x.dtype), second)


def turned(key, x):
    """A trainable rotation after training."""
    learned = Learned(n_steps=0).fit(key, x)
    return eqx.tree_at(lambda m: m.free, learned, jax.random.normal(key, (DIM, DIM), x.dtype))


BIJECTIONS = {
    "Haar": Haar().fit,
    "Hadamard": Hadamard().fit,
    "Identity": Identity().fit,
    "Permutation": Permutation().fit,
    "Householder": Householder(2).fit,
    "Learned": turned,
    "Moments": Moments().fit,
    "Quantiles": Quantiles(n_bins=16).fit,
    "one bin": Quantiles(n_bins=1).fit,
    "smoothed quantiles": Quantiles(n_bins=16, bandwidth=1.0, shrinkage=0.2).fit,
    "mixture of logistics": MixtureCDF(n_components=3, component=Logistic()).fit,
    "LinearCoupling": LinearCoupling().fit,
    "Coupling, spline": Coupling(SplineTransformer(n_bins=4), MLP(width=8), training=Adam(n_steps=20)).fit,
    "Coupling, linear": Coupling(conditioner=Linear(), training=Adam(n_steps=20)).fit,
    "LinearCoupling of one": LinearCoupling(n_active=1).fit,
    "AffineCoupling with scales": whitening_second,
    "Layer": LayerSpec(Haar(), Quantiles(n_bins=16)).fit,
    "Layer with a coupling": LayerSpec(Haar(), Quantiles(n_bins=8), coupling=LinearCoupling()).fit,
    "Flow": flow_of(3, LayerSpec(Haar(), Quantiles(n_bins=16)), first=Quantiles(n_bins=8)),
    "Flow without a first map": flow_of(2, LayerSpec(Identity(), Moments())),
}


@pytest.fixture(params=BIJECTIONS)
def fitted(request, dtype):
    """A map fitted to skewed, correlated rows, with those rows."""
    return fitted_once(request.param, dtype)


@cache
def fitted_once(name, dtype):
    x = skewed_rows(500, dtype)
    return BIJECTIONS[name](jax.random.key(1), x), x


def skewed_rows(n, dtype):
    z = jax.random.normal(jax.random.key(0), (n, DIM), dtype)
    mix = jnp.eye(DIM, dtype=dtype) + 0.5 * jnp.ones((DIM, DIM), dtype)
    x = jnp.sinh(z @ mix) + z**2
    return (x - x.mean(0, keepdims=True)) / x.std(0, keepdims=True)


def extreme_rows(dtype):
    """Rows a million standard deviations away, in all directions and along one axis."""
    signs = jnp.sign(jax.random.normal(jax.random.key(2), (20, DIM), dtype))
    return 1e6 * jnp.concatenate([signs, jnp.eye(DIM, dtype=dtype), -jnp.eye(DIM, dtype=dtype)])


def relative_error(bijection, x):
    y, _ = jax.jit(jax.vmap(bijection.forward))(x)
    back, _ = jax.jit(jax.vmap(bijection.inverse))(y)
    return float((jnp.abs(back - x).max(1) / jnp.maximum(jnp.abs(x).max(1), 1)).max())


def test_inverse_undoes_forward(fitted, dtype):
    bijection, x = fitted
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    assert relative_error(bijection, x) < tolerance
    assert relative_error(bijection, extreme_rows(dtype)) < tolerance


@pytest.mark.parametrize("spec", [LayerSpec(Haar(), Moments()), LayerSpec(Haar(), Quantiles(n_bins=16))])
def test_inverse_after_100_layers(spec, dtype):
    flow, _ = fit_layerwise(jax.random.key(1), skewed_rows(2000, dtype), spec, 100)
    tolerance = {"float32": 1e-3, "float64": 1e-9}[dtype]
    assert relative_error(flow, skewed_rows(500, dtype)) < tolerance
    assert relative_error(flow, extreme_rows(dtype)) < tolerance


def test_log_det_is_that_of_the_jacobian(fitted, dtype):
    bijection, x = fitted
    # In float32 both sides sum some 5 logarithms of slopes that carry a relative error of about 1e-5.
    tolerance = {"float32": 2e-4, "float64": 1e-10}[dtype]
    points = jnp.concatenate([x[:50], x[:3] * 100])
    y, log_det = jax.vmap(bijection.forward)(points)
    jacobians = jax.vmap(jax.jacfwd(lambda point: bijection.forward(point)[0]))(points)
    assert jnp.abs(jnp.linalg.slogdet(jacobians)[1] - log_det).max() < tolerance
    _, log_det_back = jax.vmap(bijection.inverse)(y)
    assert jnp.abs(log_det + log_det_back).max() < tolerance


def test_dtype_is_kept(fitted, dtype):
    bijection, x = fitted
    results = [*bijection.forward(x[0]), *bijection.inverse(x[0])]
    assert {str(result.dtype) for result in results} == {dtype}
    assert [result.shape for result in results] == [(DIM,), (), (DIM,), ()]


def test_python_floats_do_not_widen_it_with_float64_enabled(fitted):
    bijection, x = fitted
    with jax.enable_x64(True):
        y, log_det = bijection.forward(x[0])
    assert y.dtype == log_det.dtype == x.dtype


def test_gradients_are_finite_everywhere(fitted, dtype):
    bijection, x = fitted
    knots = [leaf[:, :] for leaf in jax.tree.leaves(bijection) if leaf.ndim == 2 and leaf.shape[1] == DIM]
    points = jnp.concatenate([x[:20], extreme_rows(dtype), jnp.zeros((1, DIM), dtype), *knots])
    arrays, static = eqx.partition(bijection, eqx.is_inexact_array)

    def loss(arrays, point):
        bijection = eqx.combine(arrays, static)
        results = [*bijection.forward(point), *bijection.inverse(point)]
        return sum(result.sum() for result in results)

    gradients = jax.jit(jax.vmap(jax.grad(loss, argnums=(0, 1)), (None, 0)))(arrays, points)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))


def test_it_survives_vmap_over_fits_and_scan_over_points(fitted, dtype):
    bijection, x = fitted
    copies = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), bijection)
    both, _ = (
        eqx.filter_vmap(lambda one: one.forward(x[0]))(copies) if jax.tree.leaves(copies) else (None, None)
    )
    one_by_one = jax.lax.scan(lambda carry, point: (carry, bijection.forward(point)[0]), None, x[:10])[1]
    at_once = jax.vmap(bijection.forward)(x[:10])[0]
    # Batches and single points are summed in different orders.
    tolerance = {"float32": 1e-4, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(one_by_one, at_once, atol=tolerance, rtol=tolerance)
    if both is not None:
        np.testing.assert_allclose(both[0], one_by_one[0], atol=tolerance, rtol=tolerance)
