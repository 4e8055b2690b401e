"""Layer-wise fits: they gain what theory says, compile once, and refuse what cannot be fitted."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import Haar, InputError, LayerSpec, Moments, Quantiles, RotationMap, fit_layerwise
from gscale.data import Gaussian, Wishart

KEY = jax.random.key(0)


def test_the_last_loss_is_that_of_the_flow():
    x, x_test = jax.random.laplace(KEY, (500, 3)), jax.random.laplace(jax.random.key(1), (300, 3))
    spec, first = LayerSpec(Haar(), Quantiles(n_bins=8)), Quantiles(n_bins=8)
    flow, losses = fit_layerwise(KEY, x, spec, 6, x_test=x_test, first=first)
    assert losses.train.shape == losses.test.shape == (7,)
    # float32: a mean of log-densities of some nats, in another order of summation
    np.testing.assert_allclose(-jax.vmap(flow.log_prob)(x).mean(), losses.train[-1], atol=1e-4)
    np.testing.assert_allclose(-jax.vmap(flow.log_prob)(x_test).mean(), losses.test[-1], atol=1e-4)


def test_a_deeper_fit_begins_with_the_same_layers():
    x, spec = jax.random.laplace(KEY, (200, 3)), LayerSpec(Haar(), Moments())
    short, long = (fit_layerwise(KEY, x, spec, n)[1].train for n in (3, 9))
    np.testing.assert_allclose(long[:4], short, rtol=1e-6)


def test_samples_follow_the_flow():
    mix = jnp.array([[1.0, 0.7], [0.0, 0.5]])
    x = jnp.exp(jax.random.normal(KEY, (20_000, 2)) @ mix)
    flow, _ = fit_layerwise(KEY, x, LayerSpec(Haar(), Quantiles(8)), 20, first=Quantiles(8))
    sample = flow.sample(jax.random.key(1), 20_000)
    assert sample.dtype == x.dtype
    assert jnp.isfinite(sample).all()
    # Medians of log-normal columns: standard error √(π/2N) of the logarithm's deviation, 0.009.
    np.testing.assert_allclose(
        jnp.median(jnp.log(sample.clip(1e-6)), axis=0), jnp.median(jnp.log(x), axis=0), atol=0.04
    )


def test_a_gaussian_gives_its_entropy():
    """With enough layers the test loss is the entropy, up to D(D+3)/(4N) nats."""
    with jax.enable_x64(True):
        rows = Gaussian(Wishart()).sample(KEY, 4, 5_000, 50_000, "float64")
        _, losses = fit_layerwise(KEY, rows.train, LayerSpec(Haar(), Moments()), 60, x_test=rows.test)
        excess = float(losses.test[-1] + rows.log_prob_test.mean())
    assert abs(excess - 4 * 7 / (4 * 5_000)) < 2e-3


def test_one_trace_for_each_shape():
    counted = []

    class Counting(eqx.Module):
        def fit(self, key, x):
            counted.append(x.shape)
            return RotationMap(jnp.eye(x.shape[1], dtype=x.dtype))

    spec, x = LayerSpec(Counting(), Moments()), jax.random.normal(KEY, (50, 3))
    for n_layers, rows in [(4, x), (4, x + 1), (4, x[:40]), (4, x[:40])]:
        fit_layerwise(KEY, rows, spec, n_layers)
    # lax.scan may trace its body twice to settle the carry's type, whatever the depth
    assert len(counted) <= 2 * len(set(counted)) == 4


@pytest.mark.parametrize("what", ["fit", "forward", "inverse"])
def test_depth_does_not_grow_the_program(what):
    """A program of 1,000 layers is as long as one of 10, so it compiles as fast."""
    spec, x = LayerSpec(Haar(), Quantiles(n_bins=8)), jax.random.normal(KEY, (64, 3))

    def length(n_layers):
        if what == "fit":
            program = jax.jit(lambda x: eqx.filter(fit_layerwise(KEY, x, spec, n_layers), eqx.is_array))
        else:
            flow, _ = fit_layerwise(KEY, x, spec, n_layers)
            program = jax.jit(lambda x: jax.vmap(getattr(flow, what))(x))
            return len(str(jax.make_jaxpr(program)(x)))
        return len(program.lower(x).as_text().splitlines())

    assert length(1000) < 1.05 * length(10)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (np.zeros((1, 2)), r"x has 1 row\(s\): at least 2"),
        (np.zeros(5), r"x has shape \(5,\): rows and columns"),
        (np.array([[1.0, 2.0], [3.0, np.nan]]), r"x: there is nan in row 1, column 1"),
        (np.array([[1.0, np.inf], [3.0, 2.0]]), r"x: there is inf in row 0, column 1"),
        (np.array([[1.0, 2.0], [3.0, 2.0]]), r"x: column 1 has no variance \(every row is 2\)"),
    ],
)
def test_bad_rows_are_refused(x, message):
    with pytest.raises(InputError, match=message):
        fit_layerwise(KEY, x.astype(np.float32), LayerSpec(Haar(), Moments()), 3)


def test_no_layers_are_refused():
    with pytest.raises(InputError, match="n_layers is 0"):
        fit_layerwise(KEY, np.eye(3, dtype=np.float32), LayerSpec(Haar(), Moments()), 0)


def test_one_dimension_works():
    x = jax.random.gamma(KEY, 2.0, (5000, 1))
    flow, losses = fit_layerwise(KEY, x, LayerSpec(Haar(), Quantiles(8)), 3, first=Quantiles(8))
    assert jnp.isfinite(losses.train).all()
    assert abs(float(losses.train[-1]) - 1.5772) < 0.05  # the entropy of Γ(2): 1 + γ
    assert flow.sample(KEY, 3).shape == (3, 1)
