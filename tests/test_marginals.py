"""Splines from quantiles: right on known distributions, finite on all."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from gscale import InputError, Moments, Quantiles, Spline
from gscale.marginals import _sort_columns

KEY = jax.random.key(0)


@pytest.mark.parametrize(
    "law", [stats.norm(3, 2), stats.laplace(), stats.uniform(), stats.gamma(3), stats.t(5)]
)
def test_quantiles_make_known_laws_normal(law, dtype):
    """The image of x is Φ⁻¹(F(x)): within the statistical error of quantiles of 20,000 rows."""
    x = jnp.asarray(law.rvs((20_000, 1), random_state=0), dtype)
    spline = Quantiles(n_bins=32).fit(KEY, x)
    levels = np.linspace(0.01, 0.99, 99)
    points = jnp.asarray(law.ppf(levels)[:, None], dtype)
    y = jax.vmap(spline.forward)(points)[0][:, 0]
    # The standard error of Φ⁻¹ of a level p is √(p(1−p)/N)/φ(y): at most 0.027 at p = 0.01.
    errors = np.sqrt(levels * (1 - levels) / 20_000) / stats.norm.pdf(stats.norm.ppf(levels))
    assert np.all(np.abs(y - stats.norm.ppf(levels)) < 4 * errors)


def test_density_cost_is_that_of_its_parameters():
    """On normal data the test loss exceeds the entropy by about K/(2N) nats for K parameters."""
    n_bins, n = 32, 2_000
    fit_rows, test_rows = (
        jax.random.normal(KEY, (200, n)),
        jax.random.normal(jax.random.key(1), (10_000, 200)),
    )
    spline = Quantiles(n_bins=n_bins).fit(KEY, fit_rows.T)
    y, log_det = jax.vmap(spline.forward)(test_rows)
    gap = (-0.5 * test_rows**2 + 0.5 * y**2).mean() - log_det.mean() / 200
    assert 0.3 * n_bins / (2 * n) < gap < 1.5 * n_bins / (2 * n)


def test_spline_interpolates_its_knots_with_their_derivatives(dtype):
    x = jnp.asarray([[-2.0], [-0.5], [0.25], [3.0]], dtype)
    y = jnp.asarray([[-1.0], [0.0], [2.0], [2.5]], dtype)
    derivatives = jnp.asarray([[0.3], [2.0], [0.1], [4.0]], dtype)
    spline = Spline(x, y, derivatives)
    images, log_dets = jax.vmap(spline.forward)(x)
    np.testing.assert_allclose(images, y, atol=1e-6)
    np.testing.assert_allclose(jnp.exp(log_dets), derivatives[:, 0], rtol=1e-5)
    np.testing.assert_allclose(spline.forward(x[-1] + 2)[0], y[-1] + 8, rtol=1e-6)
    np.testing.assert_allclose(spline.inverse(y[0] - 3)[0], x[0] - 10, rtol=1e-6)


def test_an_outlier_is_not_thrown_further_out_layer_after_layer():
    """In 400 layers of noise-fitted splines, far test rows stay where they are to within a small factor."""
    from gscale import Haar, LayerSpec, fit_layerwise

    x = jax.random.normal(KEY, (1000, 4))
    far = 50 * jnp.concatenate([jnp.eye(4), -jnp.eye(4)])
    flow, losses = fit_layerwise(KEY, x, LayerSpec(Haar(), Quantiles(n_bins=16)), 400, x_test=far)
    z, _ = jax.vmap(flow.forward)(far)
    assert jnp.isfinite(losses.test).all()
    assert jnp.linalg.norm(z, axis=1).max() < 500


@partial(jax.jit, static_argnums=0)
def images_of_sorted_rows(spec, x):
    fitted = spec.fit(KEY, x)
    y, log_det = jax.vmap(fitted.forward)(jnp.sort(x, 0))
    latent = jnp.linspace(-6, 6, 10)[:, None] * jnp.ones((1, x.shape[1]))
    return y, log_det, jax.vmap(fitted.inverse)(latent)[0]


@settings(max_examples=200, deadline=None)
@given(
    # few shapes, because each is compiled once
    x=st.sampled_from([(2, 1), (3, 2), (40, 2)]).flatmap(
        lambda shape: arrays(np.float32, shape, elements=st.floats(-1e4, 1e4, width=32))
    ),
    spec=st.sampled_from([Quantiles(n_bins=1), Quantiles(n_bins=20), Moments()]),
)
def test_any_rows_give_a_finite_increasing_map(x, spec):
    """Ties, duplicates, constant columns, a handful of rows: nothing is infinite, and order is kept."""
    y, log_det, back = images_of_sorted_rows(spec, jnp.asarray(x))
    assert jnp.isfinite(y).all()
    assert jnp.isfinite(log_det).all()
    assert jnp.isfinite(back).all()
    # forward is exact to a few rounding errors of its steepest bin
    assert (jnp.diff(y, axis=0) >= -1e-5 * jnp.abs(y).max()).all()


def test_sorting_by_integer_images_is_sorting(dtype):
    x = np.random.default_rng(0).standard_cauchy((1000, 3)).astype(dtype)
    x[:4, 0] = [0.0, -0.0, np.finfo(dtype).max, -np.finfo(dtype).tiny]
    np.testing.assert_array_equal(_sort_columns(jnp.asarray(x)), np.sort(x, axis=0))


def test_bins_are_counted():
    with pytest.raises(InputError, match=r"n_bins is 0: a spline needs at least 1 bin"):
        Quantiles(n_bins=0)
