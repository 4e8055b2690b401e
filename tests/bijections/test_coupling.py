"""Couplings: what a linear one removes, what trained ones reach, and their limits."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st

from gscale import MLP, Haar, InputError, LayerSpec, Linear, LinearCoupling, Moments, Training, fit_layerwise
from gscale.bijections.coupling import Coupling
from gscale.bijections.transformers import AffineTransformer, SplineTransformer
from gscale.data import Gaussian, Wishart

UNTRAINED = Training(n_steps=0)
HALF_LOG_2_PI = 0.5 * math.log(2 * math.pi)


@pytest.mark.parametrize(("dim", "n_active"), [(2, None), (5, None), (6, 2), (6, 5)])
def test_the_active_part_loses_its_regression(dim, n_active, dtype):
    x = Gaussian(Wishart()).sample(jax.random.key(0), dim, 2_000, 2, dtype).train + 3
    coupling = LinearCoupling(n_active).fit(None, x)
    y = np.asarray(jax.vmap(coupling.forward)(x)[0], float)
    n = coupling.stop
    assert n == (n_active or dim // 2)
    # least squares in float32 loses some digits to the rows' mean of 3
    tolerance = {"float32": 1e-4, "float64": 1e-12}[dtype]
    centred = y - y.mean(0, keepdims=True)
    assert np.abs(centred[:, :n].T @ centred[:, n:]).max() / len(x) < tolerance
    np.testing.assert_array_equal(y[:, n:], x[:, n:])
    np.testing.assert_allclose(y.mean(0), np.asarray(x, float).mean(0), atol=10 * tolerance)


@pytest.mark.parametrize("n_active", [0, -1])
def test_a_coupling_needs_an_active_coordinate(n_active):
    with pytest.raises(InputError, match=f"n_active is {n_active}"):
        LinearCoupling(n_active)


@pytest.mark.parametrize("kind", [LinearCoupling, Coupling])
def test_a_coupling_needs_a_passive_coordinate(kind):
    key = jax.random.key(0)
    with pytest.raises(InputError, match="n_active is 3: of D = 3 coordinates at least 1 is passive"):
        kind(n_active=3).fit(key, jnp.zeros((5, 3)))
    with pytest.raises(InputError, match="dim is 1: a coupling needs at least 2"):
        kind().fit(key, jnp.zeros((5, 1)))
    with pytest.raises(InputError, match="n_active is 3"):
        LayerSpec(Haar(), Moments(), coupling=kind(n_active=3)).check(3, 5)


def normal_rows(n, dim, dtype="float32", seed=0):
    return jax.random.normal(jax.random.key(seed), (n, dim), dtype)


def banana(n, seed):
    """Rows (n, 2) whose first coordinate is normal given the second, with mean log-scale −1."""
    passive, noise = normal_rows(2, n, seed=seed)
    log_scale = -1 + 0.5 * jnp.sin(2 * passive)
    return jnp.stack([passive**2 + jnp.exp(log_scale) * noise, passive], 1)


def two_modes(n, seed):
    """Rows (n, 2) whose first coordinate is the second ± 1, with noise of scale 0.2."""
    passive, noise, sign = normal_rows(3, n, seed=seed)
    return jnp.stack([passive + jnp.sign(sign) + 0.2 * noise, passive], 1)


@jax.jit
def conditional_nll(coupling, x):
    """Mean −log q(x_a | x_p) in nats, with N(0, I) behind the coupling in the units of its rows."""
    y, log_det = jax.vmap(coupling.forward)(x)
    n = coupling.stop
    shift, scale = coupling.units.shift[None, :n], coupling.units.scale[None, :n]
    z = (y[:, :n] - shift) / scale
    return (0.5 * (z**2).sum(1) - log_det).mean() + jnp.log(scale).sum() + n * HALF_LOG_2_PI


@pytest.mark.parametrize("transformer", [AffineTransformer(), SplineTransformer()])
def test_an_untrained_coupling_is_the_identity(transformer, dtype):
    x = 3 * normal_rows(100, 5, dtype) + 2
    coupling = Coupling(transformer, training=UNTRAINED).fit(jax.random.key(1), x)
    y, log_det = jax.jit(jax.vmap(coupling.forward))(x)
    # ten units in the last place of the knots of a spline, which are up to 5 standard deviations
    rounding = 10 * float(jnp.finfo(x.dtype).eps)
    np.testing.assert_allclose(y, x, rtol=rounding, atol=15 * rounding)
    np.testing.assert_allclose(log_det, 0, atol=2 * rounding)
    np.testing.assert_array_equal(y[:, coupling.stop :], x[:, coupling.stop :])


def test_with_a_linear_conditioner_it_starts_from_the_closed_form(dtype):
    x = Gaussian(Wishart()).sample(jax.random.key(0), 5, 2_000, 2, dtype).train + 3
    start = Coupling(conditioner=Linear(), training=UNTRAINED).fit(jax.random.key(1), x)
    y, log_det = jax.jit(jax.vmap(start.forward))(x)
    closed_form = jax.jit(jax.vmap(LinearCoupling().fit(None, x).forward))(x)[0]
    tolerance = {"float32": 1e-4, "float64": 1e-12}[dtype]  # of least squares, as above
    np.testing.assert_allclose(y, closed_form, atol=tolerance)
    np.testing.assert_array_equal(log_det, 0)


def test_a_spline_is_the_identity_outside_its_bound():
    transformer = SplineTransformer(n_bins=5, bound=2.0)
    parameters = 5 * normal_rows(transformer.n_parameters, 6)
    x = jnp.array([-1e6, -7.0, -2.0, 2.0, 3.0, 1e6])
    for transform in (transformer.forward, transformer.inverse):
        y, log_det = jax.jit(transform)(parameters, x)
        np.testing.assert_allclose(y, x, rtol=1e-6)
        assert abs(log_det) < 1e-5


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_a_spline_has_the_slopes_it_says_and_a_way_back(spread):
    transformer = SplineTransformer()
    with jax.enable_x64(True):
        parameters = spread * normal_rows(transformer.n_parameters, 200, "float64")
        x = 2 * normal_rows(1, 200, "float64", seed=1)[0]
        forward = jax.jit(transformer.forward)
        y, log_det = forward(parameters, x)
        slopes = jax.grad(lambda x: forward(parameters, x)[0].sum())(x)
        back, log_det_back = jax.jit(transformer.inverse)(parameters, y)
        assert slopes.min() > 0
        # Rounding comes back divided by the least slope, and changes the log of a slope as much again.
        assert abs(jnp.log(slopes).sum() - log_det) < 1e-11 / slopes.min()
        np.testing.assert_allclose(back, x, atol=1e-14 / slopes.min())
        assert abs(log_det + log_det_back) < 1e-11 / slopes.min()


def test_bounds_hold_for_any_parameters():
    spline = jax.jit(SplineTransformer(n_bins=2).spline)
    number = st.floats(width=32, allow_nan=False, allow_infinity=False)

    @given(st.floats(1e-3, 10), st.lists(number, min_size=5, max_size=5))
    @settings(max_examples=50, deadline=None)
    def check(max_log_scale, numbers):
        parameters = jnp.array(numbers, jnp.float32)[:, None]
        log_scale = AffineTransformer(max_log_scale).log_scale(parameters[:2])
        assert abs(float(log_scale[0])) <= max_log_scale * (1 + 1e-6)
        knots = spline(parameters)
        assert 0.999e-3 < knots.derivatives[1, 0] < 1.001e3
        for table in (knots.x, knots.y):
            # a thousandth of the interval of 10, less the rounding of its ends
            assert np.diff(table, axis=0).min() > 0.00999

    check()


@pytest.mark.long
def test_a_trained_coupling_reaches_the_conditional_entropy():
    x, fresh = banana(10_000, 0), banana(10_000, 1)
    entropy = HALF_LOG_2_PI + 0.5 - 1
    linear = Coupling(conditioner=Linear(), training=UNTRAINED).fit(jax.random.key(2), x)
    trained = Coupling().fit(jax.random.key(2), x)
    assert conditional_nll(linear, fresh) > entropy + 0.5
    # Over 10,000 rows the mean of ½ε² + log-scale has a standard error of 0.008; the rest of the tolerance
    # is what 500 steps leave to be learned.
    assert -0.03 < conditional_nll(trained, fresh) - entropy < 0.06


@pytest.mark.long
def test_a_spline_takes_two_modes_apart_where_no_affine_map_can():
    x, fresh = two_modes(10_000, 0), two_modes(10_000, 1)
    entropy = math.log(2 * 0.2) + HALF_LOG_2_PI + 0.5
    # An affine image that is normal means a normal conditional law, at best of the variance of both modes.
    best_affine = 0.5 * math.log(1 + 0.2**2) + HALF_LOG_2_PI + 0.5
    spline = conditional_nll(Coupling(SplineTransformer()).fit(jax.random.key(3), x), fresh)
    assert entropy - 0.03 < spline < entropy + 0.08 < best_affine


def test_the_fit_does_not_depend_on_units():
    x, spec = banana(10_000, 0), Coupling()
    # by a power of two: such a product is not rounded
    plain, scaled = spec.fit(jax.random.key(1), x), spec.fit(jax.random.key(1), 1024 * x)
    for a, b in zip(jax.tree.leaves(plain.network), jax.tree.leaves(scaled.network), strict=True):
        np.testing.assert_allclose(a, b, atol=1e-4)
    np.testing.assert_allclose(1024 * plain.units.scale, scaled.units.scale, rtol=1e-6)


@pytest.mark.long
def test_layers_with_trained_couplings_beat_linear_ones():
    x, fresh = banana(4_000, 0), banana(4_000, 1)

    def loss(coupling):
        spec = LayerSpec(Haar(), Moments(), coupling=coupling)
        return fit_layerwise(jax.random.key(2), x, spec, 3, x_test=fresh)[1].test[-1]

    assert loss(Coupling()) < loss(LinearCoupling()) - 0.5


def test_seeds_are_fitted_in_one_batch_and_in_the_dtype_of_the_rows():
    x, keys = banana(300, 0), jax.random.split(jax.random.key(1), 2)
    spec = Coupling(conditioner=MLP(8, 1), training=Training(n_steps=20, batch_size=32))
    with jax.enable_x64(True):
        both = jax.vmap(lambda key: spec.fit(key, x))(keys)
    for weight in both.network.weights:
        assert str(weight.dtype) == "float32"
        assert jnp.isfinite(weight).all()
        assert (weight[0] != weight[1]).any()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Coupling(n_active=0), "n_active is 0"),
        (lambda: MLP(width=0), "width is 0"),
        (lambda: MLP(depth=0), "depth is 0"),
        (lambda: AffineTransformer(0.0), "max_log_scale is 0.0"),
        (lambda: AffineTransformer(math.inf), "max_log_scale is inf"),
        (lambda: SplineTransformer(n_bins=1), "n_bins is 1"),
        (lambda: SplineTransformer(bound=-1.0), "bound is -1.0"),
        (lambda: SplineTransformer(bound=math.nan), "bound is nan"),
        (lambda: SplineTransformer(min_width=0.2), "min_width is 0.2: .* 1 / n_bins = 0.125"),
        (lambda: SplineTransformer(min_height=0.0), "min_height is 0.0"),
        (lambda: SplineTransformer(min_derivative=1.0), "min_derivative is 1.0"),
    ],
)
def test_impossible_settings_are_refused_by_name(make, message):
    with pytest.raises(InputError, match=message) as error:
        make()
    assert "\n" not in str(error.value)
