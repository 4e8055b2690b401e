"""Mixtures: EM finds what was planted and never loses likelihood; the map is right, smooth and invertible."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings, strategies as st
from hypothesis.extra.numpy import arrays
from scipy import stats

from gscale import Haar, InputError, LayerSpec, fit_layerwise
from gscale.bijections.mixture import (
    Logistic,
    MixtureCDF,
    MixtureCDFMap,
    Normal,
    _em_step,
    _initial_mixture,
    _least_scale,
    _nodes,
)

KEY = jax.random.key(0)
COMPONENTS = {"normal": (Normal(), stats.norm), "logistic": (Logistic(), stats.logistic)}


@pytest.fixture(params=COMPONENTS)
def shape(request):
    """A component and the same law in SciPy."""
    return COMPONENTS[request.param]


def bimodal(component, *, bound):
    """Modes at −1 and 1.5 of unequal weight and scale, one coordinate."""
    log_weights, locations = jnp.log(jnp.array([[0.3], [0.7]])), jnp.array([[-1.0], [1.5]])
    log_scales = jnp.log(jnp.array([[0.2], [0.5]]))
    return MixtureCDFMap(
        log_weights, locations, log_scales, -jnp.array([bound]), jnp.array([bound]), component
    )


def test_components_are_what_they_say(shape, dtype):
    component, law = shape
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    z = np.linspace(-12, 12, 401)
    left = z[z <= 0]
    np.testing.assert_allclose(component.log_density(jnp.asarray(z, dtype)), law.logpdf(z), rtol=tolerance)
    # in float32, e^(−z²/2) has the relative error ½ z² ε of its exponent, 1e-5 at z = 12
    np.testing.assert_allclose(component.cdf(jnp.asarray(left, dtype)), law.cdf(left), rtol=2 * tolerance)


def test_the_precision_is_that_of_a_scale_mixture(shape):
    """E[1/V | z] = −g'(z)/(z g(z)), with its limit −(log g)'' at zero."""
    component, _ = shape
    with jax.enable_x64(True):
        z = jnp.linspace(1e-4, 12, 50)
        slopes = jax.jit(jax.vmap(jax.grad(component.log_density)))(z)
        np.testing.assert_allclose(component.precision(z), -slopes / z, rtol=1e-8)
        # −(log g)'' is even: next to zero it differs from its value there by z² or less
        assert abs(component.precision(jnp.zeros(())) + slopes[0] / z[0]) < 1e-8


def test_known_laws_become_normal(shape):
    """The image of x is Φ⁻¹(F(x)), within the statistical error of quantiles of 20,000 rows."""
    laws = [stats.norm(3, 2), stats.laplace(), stats.gamma(3), stats.t(5)]
    x = np.stack([law.rvs(20_000, random_state=0) for law in laws], 1)
    fitted = MixtureCDF(component=shape[0]).fit(KEY, jnp.asarray(x, jnp.float32))
    levels = np.linspace(0.01, 0.99, 99)
    points = np.stack([law.ppf(levels) for law in laws], 1)
    y, _ = jax.vmap(fitted.forward)(jnp.asarray(points, jnp.float32))
    # The standard error of Φ⁻¹ of a level p is √(p(1−p)/N)/φ(y): at most 0.027 at p = 0.01.
    scores = stats.norm.ppf(levels)
    errors = np.sqrt(levels * (1 - levels) / 20_000) / stats.norm.pdf(scores)
    assert np.all(np.abs(y - scores[:, None]) < 4 * errors[:, None])


def test_density_cost_is_that_of_its_parameters(shape):
    """On a mixture of two, the test loss exceeds the entropy by about 5/(2N) nats for 5 parameters."""
    component, law = shape
    n, n_columns, rng = 1_000, 50, np.random.default_rng(0)
    fit_rows, test_rows = (planted_rows(law, rng, (rows, n_columns)) for rows in (n, 2_000))
    spec = MixtureCDF(n_components=2, component=component)
    fitted = spec.fit(KEY, jnp.asarray(fit_rows, jnp.float32))
    y, log_det = jax.vmap(fitted.forward)(jnp.asarray(test_rows, jnp.float32))
    losses = 0.5 * (np.asarray(y) ** 2 + np.log(2 * np.pi)).sum(1) - np.asarray(log_det)
    gap = (losses.mean() + planted_log_density(law, test_rows).sum(1).mean()) / n_columns
    # The straight line adds no more than 0.001 where the modes leave no gap.
    assert 0.3 * 5 / (2 * n) < gap < 1.5 * 5 / (2 * n) + 0.001


def planted_rows(law, rng, size):
    second = rng.random(size) < 0.7
    z = law.rvs(size=size, random_state=rng)
    return np.where(second, 3 + 1.5 * z, -2 + 0.5 * z)


def planted_log_density(law, x):
    return np.logaddexp(
        np.log(0.3) + law(-2, 0.5).logpdf(x),
        np.log(0.7) + law(3, 1.5).logpdf(x),
    )


def test_a_planted_mixture_is_recovered(shape):
    component, law = shape
    n = 20_000
    x = jnp.asarray(planted_rows(law, np.random.default_rng(1), (n, 1)), jnp.float32)
    fitted = MixtureCDF(n_components=2, component=component, n_steps=200).fit(KEY, x)
    weights, scales = np.array([0.3, 0.7]), np.array([0.5, 1.5])
    # A location or scale has a standard error of at most √3 s/√n for the n rows of its component (the
    # Fisher information of a logistic location is 1/(3 s²)); the modes hardly overlap.
    errors = np.sqrt(3) * scales / np.sqrt(n * weights)
    assert np.all(np.abs(fitted.locations[:, 0] - np.array([-2, 3])) < 4 * errors)
    assert np.all(np.abs(np.exp(fitted.log_scales[:, 0]) - scales) < 4 * errors)
    assert np.all(np.abs(np.exp(fitted.log_weights[:, 0]) - weights) < 4 * np.sqrt(0.21 / n))


@pytest.mark.parametrize("law", [stats.t(2), stats.gamma(0.5)], ids=["t", "gamma"])
def test_the_likelihood_never_falls(law, shape):
    """Each of 60 steps of EM, also where a scale is held at its least, by an outlier or by tied rows."""
    component, oracle = shape
    with jax.enable_x64(True):
        x = law.rvs((500, 3), random_state=0)
        x[:100, 0] = 0
        ordered = jnp.asarray(np.sort(x, 0))
        least, (ranks, masses) = _least_scale(ordered), _nodes(500)
        step = jax.jit(lambda mixture: _em_step(component, ordered, masses, least, mixture))
        mixture, likelihoods = _initial_mixture(ordered, 5, least), []
        for _ in range(60):
            mixture = step(mixture)
            likelihoods.append(log_likelihood(oracle, mixture, ordered))
    np.testing.assert_array_equal(ranks, np.arange(500))
    assert np.diff(likelihoods, axis=0).min() > -1e-12
    assert np.all(likelihoods[-1] > likelihoods[0])


def log_likelihood(law, mixture, rows):
    """Mean over the rows, for each column: by SciPy."""
    log_weights, locations, log_scales = (np.asarray(part)[:, None] for part in mixture)
    densities = np.exp(log_weights) * law(locations, np.exp(log_scales)).pdf(np.asarray(rows)[None])
    return np.log(densities.sum(0)).mean(0)


def test_many_rows_are_replaced_by_quantiles_of_their_mass():
    ranks, masses = _nodes(100_000)
    np.testing.assert_allclose(ranks[[0, -1]], [0, 99_999], atol=1e-6)
    assert np.all(np.diff(ranks) > 0)
    np.testing.assert_allclose(masses.sum(), 1)
    # the mass of a node is centred on its level
    np.testing.assert_allclose(np.cumsum(masses) - masses / 2, (ranks + 0.5) / 100_000, atol=2e-5)


def test_the_map_is_the_score_of_the_distribution_function(shape):
    component, law = shape
    x = np.linspace(-10, 10, 201)
    with jax.enable_x64(True):
        fitted = bimodal(component, bound=10.0)
        y, log_det = (np.asarray(part) for part in jax.vmap(fitted.forward)(jnp.asarray(x[:, None])))
    first, second = law(-1, 0.2), law(1.5, 0.5)
    cdf = 0.3 * first.cdf(x) + 0.7 * second.cdf(x)
    survival = 0.3 * first.sf(x) + 0.7 * second.sf(x)
    density = 0.3 * first.pdf(x) + 0.7 * second.pdf(x)
    # where the mixture has no mass, scores end at the level 1e-12
    known = np.minimum(cdf, survival) > 1e-12
    scores = np.where(cdf < survival, *stats.norm.ppf(np.maximum([cdf, survival], 1e-12)))
    scores = np.where(cdf < survival, scores, -scores)
    slopes = np.where(known, density / stats.norm.pdf(scores), 0)
    # a straight line has a share of 0.003
    line = np.interp(x, [-10, 10], scores[[0, -1]])
    np.testing.assert_allclose(y[:, 0], 0.997 * scores + 0.003 * line, atol=1e-9)
    slopes = 0.997 * slopes + 0.003 * (scores[-1] - scores[0]) / 20
    np.testing.assert_allclose(log_det, np.log(slopes), rtol=1e-9, atol=1e-9)


def test_nothing_is_lost_far_to_the_right():
    """In float32, where 1 − F is a few rounding errors, a normal is still mapped to itself."""
    zero, bound = jnp.zeros((1, 1)), jnp.array([6.5])
    itself = MixtureCDFMap(zero, zero, zero, -bound, bound, Normal())
    x = jnp.linspace(-6.4, 6.4, 101)[:, None]
    y, log_det = jax.vmap(itself.forward)(x)
    np.testing.assert_allclose(y, x, rtol=2e-6, atol=1e-6)
    # the slope is f e^(y²/2), with exponents up to 20
    np.testing.assert_allclose(log_det, 0, atol=2e-5)


def test_derivatives_go_through_the_inverse():
    """inverse(forward(x)) is x whatever the parameters: derivative 1 to x and 0 to all parameters."""
    with jax.enable_x64(True):
        x = jnp.asarray([-50.0, -2.9, -1.1, -1.0, 0.3, 1.5, 2.9, 7.0])
        one = bimodal(Normal(), bound=3.0)
        columns = jax.tree.map(lambda leaf: jnp.repeat(leaf, x.shape[0], axis=-1), one)
        share = jnp.asarray(np.random.default_rng(0).random(x.shape[0]))

        def there_and_back(fitted, x):
            y, log_det = fitted.forward(x)
            back, log_det_back = fitted.inverse(y)
            return share @ back + 0.7 * (log_det + log_det_back)

        by_parameters, by_x = jax.jit(jax.grad(there_and_back, (0, 1)))(columns, x)
    for leaf in jax.tree.leaves(by_parameters):
        np.testing.assert_allclose(leaf, 0, atol=1e-8)
    np.testing.assert_allclose(by_x, share, rtol=1e-8)


def test_an_outlier_is_not_thrown_further_out_layer_after_layer():
    x = jax.random.normal(KEY, (1000, 4))
    far = 50 * jnp.concatenate([jnp.eye(4), -jnp.eye(4)])
    spec = LayerSpec(Haar(), MixtureCDF(n_components=4, n_steps=10))
    flow, losses = fit_layerwise(KEY, x, spec, 100, x_test=far)
    z, _ = jax.vmap(flow.forward)(far)
    assert jnp.isfinite(losses.test).all()
    assert jnp.linalg.norm(z, axis=1).max() < 500
    back, _ = jax.jit(jax.vmap(flow.inverse))(z)
    # rounding of 100 layers, for points 50 standard deviations away
    assert jnp.abs(back - far).max() < 1e-3 * 50


def test_fits_batch_over_seeds():
    """A batch of fits holds the fits one by one, to the rounding of 20 steps."""
    rows = jax.random.laplace(KEY, (2, 300, 3))
    spec = MixtureCDF(n_components=3, n_steps=20)
    batch = jax.vmap(spec.fit, (None, 0))(KEY, rows)
    alone = spec.fit(KEY, rows[1])
    for many, one in zip(jax.tree.leaves(batch), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(many[1], one, atol=1e-3)


@partial(jax.jit, static_argnums=0)
def images_of_sorted_rows(spec, x):
    fitted = spec.fit(KEY, x)
    between = jnp.linspace(0, 1, 50)[:, None] * (x.max(0) - x.min(0))[None] + x.min(0)[None]
    points = jnp.sort(jnp.concatenate([x, between]), 0)
    y, log_det = jax.vmap(fitted.forward)(points)
    latent = jnp.linspace(-6, 6, 10)[:, None] * jnp.ones((1, x.shape[1]))
    return y, log_det, jax.vmap(fitted.inverse)(latent)[0]


@settings(max_examples=60, deadline=None)
@given(
    # few pairs, because each is compiled once
    pair=st.sampled_from([((2, 2), Normal()), ((30, 2), Logistic())]).flatmap(
        lambda pair: st.tuples(
            arrays(np.float32, pair[0], elements=st.floats(-1e4, 1e4, width=32)), st.just(pair[1])
        )
    ),
)
def test_any_rows_give_a_finite_increasing_map(pair):
    """Ties, duplicates, constant columns, a handful of rows: nothing is infinite, and order is kept."""
    x, component = pair
    # each value ten times, where there are many: enough rows for three components
    x = np.repeat(x, 10, axis=0) if len(x) == 30 else x
    spec = MixtureCDF(component=component, n_steps=10)
    y, log_det, back = images_of_sorted_rows(spec, jnp.asarray(x))
    assert jnp.isfinite(y).all()
    assert jnp.isfinite(log_det).all()
    assert jnp.isfinite(back).all()
    # forward is exact to a few rounding errors of its steepest part
    assert (jnp.diff(y, axis=0) >= -1e-5 * jnp.maximum(jnp.abs(y).max(), 1)).all()


def test_few_rows_take_few_components():
    shapes = [jax.eval_shape(MixtureCDF().fit, KEY, jnp.zeros((n, 2))).locations.shape for n in (20, 350)]
    assert shapes == [(1, 2), (3, 2)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_components": 0}, r"n_components is 0: it is at least 1"),
        ({"n_steps": 0}, r"n_steps is 0: it is at least 1"),
    ],
)
def test_impossible_settings_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        MixtureCDF(**options)
