"""Splines from quantiles: right on known distributions, finite on all."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from gscale import InputError, Moments, Quantiles, SplineMap
from gscale.bijections.marginals import sort_columns
from gscale.results.settings import to_json

KEY = jax.random.key(0)
SMOOTHED = Quantiles(n_bins=20, bandwidth=1.0, shrinkage=0.1)


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


def test_bins_adapt_to_the_number_of_rows():
    """The cube root of N, up to 64."""
    fits = [jax.eval_shape(Quantiles(n_bins=None).fit, KEY, jnp.zeros((n, 2))) for n in (10, 1000, 10**6)]
    assert [fit.x.shape for fit in fits] == [(3, 2), (11, 2), (65, 2)]


@pytest.mark.parametrize("bandwidth", [0.3, 1.0])
def test_knots_are_smoothed_by_a_kernel(bandwidth, dtype):
    """Heights Φ⁻¹(F_h) and derivatives f_h/φ: by brute force, in the far tails too."""
    x = stats.t(3).rvs((500, 2), random_state=0).astype(dtype)
    spline = jax.jit(partial(Quantiles(n_bins=24, bandwidth=bandwidth).fit, KEY))(jnp.asarray(x))
    for column, (rows, knots) in enumerate(
        zip(x.T.astype(float), np.asarray(spline.x.T, float), strict=True)
    ):
        quartiles = np.quantile(rows, [0.25, 0.75], method="hazen")
        width = bandwidth * 0.9 * min(rows.std(), np.diff(quartiles)[0] / 1.34) * 500 ** (-1 / 5)
        z = (knots[:, None] - rows) / width
        below, above = stats.norm.cdf(z).mean(1), stats.norm.sf(z).mean(1)
        heights = np.where(below < above, stats.norm.ppf(below), stats.norm.isf(above))
        densities = stats.norm.pdf(z).mean(1) / width
        # float32 sums 500 kernels
        tolerance = {"float32": 1e-4, "float64": 1e-10}[dtype]
        np.testing.assert_allclose(spline.y[:, column], heights, rtol=tolerance, atol=tolerance)
        slopes = (densities / stats.norm.pdf(heights))[1:-1]
        np.testing.assert_allclose(spline.derivatives[1:-1, column], slopes, rtol=tolerance)


def test_smoothing_pays_where_rows_are_few_and_bins_many():
    """300 rows and 32 bins: the test loss falls by 0.03 nats or more (0.04 to 0.05 were seen)."""
    laws = [stats.norm(), stats.laplace(), stats.gamma(3)]
    x, x_test = (
        np.concatenate([law.rvs((n, 50), random_state=seed) for law in laws], 1).astype(np.float32)
        for seed, n in enumerate([300, 2000])
    )
    raw, smoothed = (losses(Quantiles(bandwidth=bandwidth), x, x_test) for bandwidth in (0.0, 1.0))
    assert ((raw - smoothed).reshape(3, 50).mean(1) > 0.03).all()


def losses(spec, x, x_test):
    """Mean of −log q of each coordinate, up to a constant, in nats."""
    spline = jax.jit(partial(spec.fit, KEY))(jnp.asarray(x))

    def image(point):
        return jax.jvp(lambda point: spline.forward(point)[0], (point,), (jnp.ones_like(point),))

    y, slope = jax.jit(jax.vmap(image))(jnp.asarray(x_test))
    return (0.5 * y**2 - jnp.log(slope)).mean(0)


@pytest.mark.parametrize("bandwidth", [0.0, 0.5])
def test_shrinkage_of_a_half_goes_half_the_way_to_the_identity(bandwidth, dtype):
    x = jnp.asarray(stats.laplace.rvs(size=(1000, 2), random_state=0), dtype)
    whole = jax.jit(partial(Quantiles(bandwidth=bandwidth).fit, KEY))(x)
    half = jax.jit(partial(Quantiles(bandwidth=bandwidth, shrinkage=0.5).fit, KEY))(x)
    tolerance = {"float32": 1e-6, "float64": 1e-14}[dtype]
    np.testing.assert_allclose(half.x, whole.x)
    np.testing.assert_allclose(half.y, (whole.x + whole.y) / 2, atol=tolerance)
    np.testing.assert_allclose(half.derivatives, (1 + whole.derivatives) / 2, rtol=tolerance)
    # beyond the outer knots both are linear, so the image is halfway too
    far = jnp.asarray([-1e3, 1e3], dtype)
    np.testing.assert_allclose(half.forward(far)[0], (far + whole.forward(far)[0]) / 2, rtol=10 * tolerance)


def test_spline_interpolates_its_knots_with_their_derivatives(dtype):
    x = jnp.asarray([[-2.0], [-0.5], [0.25], [3.0]], dtype)
    y = jnp.asarray([[-1.0], [0.0], [2.0], [2.5]], dtype)
    derivatives = jnp.asarray([[0.3], [2.0], [0.1], [4.0]], dtype)
    spline = SplineMap(x, y, derivatives)
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
    spec=st.sampled_from([Quantiles(n_bins=1), Quantiles(n_bins=20), SMOOTHED, Moments()]),
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
    np.testing.assert_array_equal(sort_columns(jnp.asarray(x)), np.sort(x, axis=0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_bins": 0}, r"n_bins is 0: it is at least 1"),
        ({"bandwidth": -0.5}, r"bandwidth is -0\.5: it is at least 0"),
        ({"bandwidth": math.inf}, r"bandwidth is inf: it is finite and at least 0"),
        ({"bandwidth": math.nan}, r"bandwidth is nan: it is finite and at least 0"),
        ({"shrinkage": -0.1}, r"shrinkage is -0\.1: it is a share, at least 0 and below 1"),
        ({"shrinkage": 1.0}, r"shrinkage is 1\.0: it is a share, at least 0 and below 1"),
        ({"shrinkage": math.nan}, r"shrinkage is nan: it is a share, at least 0 and below 1"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        Quantiles(**options)


def test_options_at_their_defaults_are_not_part_of_a_setting():
    """The id of a cell is a hash of this text: an option that is not used does not change it."""
    assert to_json(Quantiles()) == '{"Quantiles":{}}'
    assert to_json(Quantiles(None, shrinkage=0.1)) == '{"Quantiles":{"n_bins":null,"shrinkage":0.1}}'
    everything = Quantiles(8, bandwidth=0.5, shrinkage=0.1)
    assert eval(repr(everything)) == everything
