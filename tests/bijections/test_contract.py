"""One contract for all bijections. A new one is a row in BIJECTIONS."""

from functools import cache

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import (
    MLP,
    Coupling,
    Haar,
    Hadamard,
    Householder,
    Identity,
    LayerSpec,
    Linear,
    LinearCoupling,
    Logistic,
    MixtureCDF,
    Moments,
    Permutation,
    Quantiles,
    SplineTransformer,
    TrainableRotation,
    Training,
    fit_layerwise,
)
from gscale.theory import whitening_couplings

DIM = 4


def flow_of(n_layers, spec, first=None):
    return lambda key, x: fit_layerwise(key, x, spec, n_layers, first=first)[0]


def whitening_second(_, x):
    """The coupling that changes the last coordinates, with scales."""
    with jax.enable_x64(True), jax.ensure_compile_time_eval():
        _, second = whitening_couplings(np.cov(skewed_rows(500, x.dtype).T))
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, x.dtype), second)


def turned(key, x):
    """A trainable rotation after training."""
    learned = TrainableRotation().fit(key, x)
    return eqx.tree_at(lambda m: m.free, learned, jax.random.normal(key, (DIM, DIM), x.dtype))


BIJECTIONS = {
    "Haar": Haar().fit,
    "Hadamard": Hadamard().fit,
    "Identity": Identity().fit,
    "Permutation": Permutation().fit,
    "Householder": Householder(2).fit,
    "Learned": turned,
    "Moments": Moments().fit,
    "Quantiles": Quantiles(n_bins=8).fit,
    "one bin": Quantiles(n_bins=1).fit,
    "smoothed quantiles": Quantiles(n_bins=6, bandwidth=1.0, shrinkage=0.2).fit,
    "mixture of logistics": MixtureCDF(n_components=3, component=Logistic()).fit,
    "LinearCoupling": LinearCoupling().fit,
    "Coupling, spline": Coupling(
        SplineTransformer(n_bins=4), MLP(width=8), training=Training(n_steps=20)
    ).fit,
    "Coupling, linear": Coupling(conditioner=Linear(), training=Training(n_steps=20)).fit,
    "LinearCoupling of one": LinearCoupling(n_active=1).fit,
    "AffineCoupling with scales": whitening_second,
    "Layer": LayerSpec(Haar(), Quantiles(n_bins=6)).fit,
    "Layer with a coupling": LayerSpec(Haar(), Quantiles(n_bins=4), coupling=LinearCoupling()).fit,
    "Flow": flow_of(3, LayerSpec(Haar(), Quantiles(n_bins=6)), first=Quantiles(n_bins=4)),
    "Flow without a first map": flow_of(2, LayerSpec(Identity(), Moments())),
}


each_map = pytest.mark.parametrize("name", BIJECTIONS)


@cache
def fitted(name, dtype):
    """A map fitted to skewed, correlated rows, with those rows."""
    x = skewed_rows(500, dtype)
    return eqx.filter_jit(BIJECTIONS[name])(jax.random.key(1), x), x


def skewed_rows(n, dtype):
    z = jax.random.normal(jax.random.key(0), (n, DIM), dtype)
    mix = jnp.eye(DIM, dtype=dtype) + 0.5 * jnp.ones((DIM, DIM), dtype)
    x = jnp.sinh(z @ mix) + z**2
    return (x - x.mean(0, keepdims=True)) / x.std(0, keepdims=True)


def extreme_rows(dtype):
    """Rows a million standard deviations away, in all directions and along one axis."""
    signs = jnp.sign(jax.random.normal(jax.random.key(2), (20, DIM), dtype))
    return 1e6 * jnp.concatenate([signs, jnp.eye(DIM, dtype=dtype), -jnp.eye(DIM, dtype=dtype)])


def relative_error(back, x):
    return float((jnp.abs(back - x).max(1) / jnp.maximum(jnp.abs(x).max(1), 1)).max())


@each_map
def test_contract(name, dtype):
    """All claims on one map in one test: compiling takes most of its time."""
    bijection, x = fitted(name, dtype)
    points = jnp.concatenate([x, 100 * x[:3], extreme_rows(dtype)])
    images, log_det, back, log_det_back, jacobians, one_by_one, copies = measure(bijection, points)
    check_dtype(bijection, x[0], dtype)
    assert relative_error(back, points) < {"float32": 1e-5, "float64": 1e-12}[dtype]
    # In float32 both sides sum some 5 logarithms of slopes that carry a relative error of about 1e-5. Rows
    # farther out come back without the digits that tell the slope there.
    tolerance = {"float32": 2e-4, "float64": 1e-10}[dtype]
    near = slice(0, len(x) + 3)
    assert jnp.abs(jnp.linalg.slogdet(jacobians)[1] - log_det)[near].max() < tolerance
    assert jnp.abs(log_det + log_det_back)[near].max() < tolerance
    # Batches and single points are summed in different orders.
    tolerance = {"float32": 1e-4, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(one_by_one, images[:10], atol=tolerance, rtol=tolerance)
    np.testing.assert_allclose(copies, images[:1].repeat(2, 0), atol=tolerance, rtol=tolerance)


@eqx.filter_jit
def measure(bijection, points):
    """There, back and the Jacobian for all points; ten in a scan; the first one by two stacked copies."""

    def there_and_back(point):
        y, log_det = bijection.forward(point)
        jacobian = jax.jacfwd(lambda point: bijection.forward(point)[0])(point)
        return y, log_det, *bijection.inverse(y), jacobian

    one_by_one = jax.lax.scan(lambda carry, x: (carry, bijection.forward(x)[0]), None, points[:10])[1]
    arrays, static = eqx.partition(bijection, eqx.is_array)
    arrays = jax.tree.map(lambda leaf: jnp.stack([leaf, leaf]), arrays)
    copies = jax.vmap(lambda one: eqx.combine(one, static).forward(points[0])[0], axis_size=2)(arrays)
    return *jax.vmap(there_and_back)(points), one_by_one, copies


def check_dtype(bijection, x, dtype):
    """Kept, and Python's floats don't widen it where float64 is enabled."""
    for wide in (dtype == "float64", True):
        with jax.enable_x64(wide):
            for run in (bijection.forward, bijection.inverse):
                image, log_det = jax.eval_shape(run, x)
                assert image.dtype == log_det.dtype == dtype
                assert (image.shape, log_det.shape) == ((DIM,), ())


@pytest.mark.parametrize("spec", [LayerSpec(Haar(), Moments()), LayerSpec(Haar(), Quantiles(n_bins=8))])
def test_inverse_after_100_layers(spec, dtype):
    flow, _ = fit_layerwise(jax.random.key(1), skewed_rows(2000, dtype), spec, 100)
    points = jnp.concatenate([skewed_rows(500, dtype), extreme_rows(dtype)])
    back = jax.jit(jax.vmap(lambda point: flow.inverse(flow.forward(point)[0])[0]))(points)
    assert relative_error(back, points) < {"float32": 1e-3, "float64": 1e-9}[dtype]


@each_map
def test_gradients_are_finite_everywhere(name):
    """In float32, whose range is the smaller one."""
    bijection, x = fitted(name, "float32")
    knots = [leaf[:, :] for leaf in jax.tree.leaves(bijection) if leaf.ndim == 2 and leaf.shape[1] == DIM]
    points = jnp.concatenate([x[:20], extreme_rows("float32"), jnp.zeros((1, DIM)), *knots])
    arrays, static = eqx.partition(bijection, eqx.is_inexact_array)

    def loss(arrays, point):
        bijection = eqx.combine(arrays, static)
        results = [*bijection.forward(point), *bijection.inverse(point)]
        return sum(result.sum() for result in results)

    gradients = jax.jit(jax.vmap(jax.grad(loss, argnums=(0, 1)), (None, 0)))(arrays, points)
    assert all(jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(gradients))
