"""Layers fitted in stages, with NumPy between two programs, beside those of one program."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import (
    PCA,
    Coupling,
    Haar,
    InformationCriterion,
    LayerSpec,
    LinearCoupling,
    Moments,
    Quantiles,
    Training,
    fit_layerwise,
)
from gscale.bijections.histogram_quantiles import RowsInMemory
from gscale.bijections.host_sort import sorted_rows
from gscale.flows.staged import StagedStart, StagedStep, fits_on_host, is_staged

KEY = jax.random.key(5)


def skewed(n, dim, dtype=np.float32):
    rng = np.random.default_rng(1)
    return (rng.gamma(2.0, size=(n, dim)) @ rng.normal(size=(dim, dim))).astype(dtype)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize(
    "marginal", [Quantiles(8), Quantiles(None), Quantiles(16, shrinkage=0.2), Quantiles(8, bandwidth=1.0)]
)
def test_sorted_splines_are_those_of_the_program(marginal, dtype):
    """Both sort up to 4,096 rows: splines differ by the rounding of sums and logarithms alone."""
    with jax.enable_x64(dtype == "float64"):
        x = skewed(1_000, 3, dtype)
        on_host, in_program = marginal.fit_on_host(x), marginal.fit(KEY, jnp.asarray(x))
        for a, b in zip(jax.tree.leaves(on_host), jax.tree.leaves(in_program), strict=True):
            assert a.dtype == b.dtype
            assert np.allclose(a, b, rtol=50 * np.finfo(dtype).eps, atol=50 * np.finfo(dtype).eps)


def test_ranks_of_sorted_and_counted_knots_differ_by_less_than_their_standard_error():
    n, levels = 20_000, np.array([0.001, 0.1, 0.5, 0.9, 0.999])
    x, spec = skewed(n, 4), Quantiles(32)
    on_host, counted = spec.fit_on_host(x), spec.fit_counted(RowsInMemory(jnp.asarray(x)))
    for column in range(4):
        ordered = np.sort(x[:, column])
        for level in levels:
            k = round(level * 32)
            ranks = [np.searchsorted(ordered, np.asarray(a.x)[k, column]) for a in (on_host, counted)]
            p = ranks[0] / n
            assert abs(ranks[0] - ranks[1]) <= 1 + np.sqrt(n * p * (1 - p))


@pytest.mark.parametrize(
    "spec",
    [
        LayerSpec(Haar(), Quantiles(8)),
        LayerSpec(PCA(), Quantiles(8)),
        LayerSpec(Haar(), Quantiles(8), coupling=LinearCoupling()),
        LayerSpec(Haar(), Quantiles(8), coupling=Coupling(training=Training(n_steps=20))),
    ],
)
@pytest.mark.parametrize("first", [None, Quantiles(16), Moments()])
def test_flows_are_those_of_one_program(spec, first):
    """With 600 rows both sort; float32 rounds coordinates to 1e-7, and each layer builds on those before."""
    x, x_test = skewed(600, 4), skewed(200, 4)
    staged, losses = fit_layerwise(KEY, x, spec, 3, x_test=x_test, first=first)
    fit = eqx.filter_jit(fit_layerwise)
    one, of_one = fit(KEY, jnp.asarray(x), spec, 3, x_test=jnp.asarray(x_test), first=first)
    assert jax.tree.structure(staged) == jax.tree.structure(one)
    np.testing.assert_allclose(np.array(losses), np.array(of_one), rtol=1e-4)
    for a, b in zip(jax.tree.leaves(staged), jax.tree.leaves(one), strict=True):
        assert a.shape == b.shape
        assert isinstance(a, jax.Array)


def test_a_seed_of_a_batch_is_the_seed_alone():
    """Columns do not depend on each other, whatever the seeds beside them."""
    keys = jax.random.split(KEY, 3)
    x, x_test = (np.stack([skewed(n, 3) * scale for scale in (1, 2, 50)]) for n in (500, 100))
    spec = LayerSpec(Haar(), Quantiles(8))
    together, alone = (
        StagedStep(spec)(keys[part], StagedStart(Quantiles(16))(keys[part], x[part], x_test[part])[0], 0)
        for part in (slice(None), slice(1, 2))
    )
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(a[1:2], b, rtol=1e-5, atol=1e-5)


def test_a_seed_of_a_counted_batch_is_the_seed_alone():
    """Columns that are fine wait while others are counted again."""
    x = jnp.stack([jnp.asarray(skewed(6_000, 2)), jnp.asarray(skewed(6_000, 2)) ** 5])
    spec = LayerSpec(Haar(), Quantiles(8))
    keys = jax.random.split(KEY, 2)

    def fit(key, rows):
        return eqx.filter(spec.fit_through(key, rows, 5_000), eqx.is_array)

    together = jax.jit(jax.vmap(fit))(keys, x)
    alone = jax.jit(fit)(keys[0], x[0])
    for a, b in zip(jax.tree.leaves(together), jax.tree.leaves(alone), strict=True):
        np.testing.assert_allclose(a[0], b, rtol=1e-4, atol=1e-4)


def test_what_is_not_staged():
    x = jnp.zeros((10, 2))
    assert is_staged(LayerSpec(Haar(), Quantiles(8)), 10, KEY, x)
    assert not is_staged(LayerSpec(Haar(), Moments()), 10, KEY, x)
    assert not fits_on_host(Moments(), 10)
    assert not fits_on_host(Quantiles(8), 2**17 + 1)  # counting takes as long, and less memory
    traced = []
    spec = LayerSpec(Haar(), Quantiles(8))
    jax.make_jaxpr(lambda x: traced.append(is_staged(spec, 10, KEY, x)))(x)
    assert traced == [False]


def test_a_fit_in_stages_stops_as_one_program_does():
    x = jax.random.normal(KEY, (500, 3))
    flow, losses = fit_layerwise(KEY, x, LayerSpec(Haar(), Quantiles(8)), 5, stopping=InformationCriterion())
    assert len(losses.train) - 1 == len(flow.layers.rotation.matrix)


@pytest.mark.parametrize("shape", [(50, 1), (700, 5), (3, 900, 40), (2, 8_000, 48)])
def test_columns_are_sorted(shape):
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    kept = sorted_rows(x, np.array([0.0, 3.25, shape[-2] - 1.0]), 4)
    columns = np.sort(np.moveaxis(x.reshape(-1, *shape[-2:]), 1, 2).reshape(-1, shape[-2]), 1).T
    np.testing.assert_array_equal(kept.tails, np.concatenate([columns[:4], columns[-4:]]))
    np.testing.assert_array_equal(kept.at_ranks[[0, 2]], columns[[0, -1]])
    np.testing.assert_allclose(kept.at_ranks[1], 0.75 * columns[3] + 0.25 * columns[4], rtol=1e-5, atol=1e-6)
