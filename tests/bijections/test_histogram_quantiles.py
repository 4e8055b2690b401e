"""Quantiles by counting are those by sorting, and rows in blocks are rows."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from gscale import Quantiles
from gscale.bijections.batching import in_blocks, over_blocks
from gscale.bijections.histogram_quantiles import RowsInMemory, quantiles
from gscale.bijections.marginals import least_width, normal_levels

N = 20_000
LEVELS = stats.norm.cdf(normal_levels(N, 32))
RNG = np.random.default_rng(0)
LAWS = {
    "normal": RNG.normal(3, 2, N),
    "laplace": RNG.laplace(size=N),
    "Cauchy": RNG.standard_cauchy(N),
    "lognormal": np.exp(2 * RNG.normal(size=N)),
    "far modes": np.where(RNG.random(N) < 0.3, RNG.normal(-1e4, 1, N), RNG.normal(1e4, 1e-2, N)),
    "one far outlier": np.append(RNG.normal(size=N - 1), 1e6),
    "uniform": RNG.random(N),
}


@partial(jax.jit, static_argnums=1)
def counted(x, dtype):
    return quantiles(RowsInMemory(x.astype(dtype)), LEVELS, least_width(x))


def test_ranks_are_right_to_their_standard_error(dtype):
    """A quantile has as many rows below as it should, to the standard error of a rank."""
    x = np.stack(list(LAWS.values()), 1).astype(dtype)
    with jax.enable_x64(dtype == "float64"):
        quantile = np.asarray(counted(jnp.asarray(x), dtype))
    least = 8 * np.finfo(dtype).eps * np.abs(x).max(0)  # values closer than this are one for the spline
    below = (x[:, None] < quantile - least).mean(0).T, (x[:, None] <= quantile + least).mean(0).T
    for name, low, high in zip(LAWS, *below, strict=True):
        error = np.maximum(np.maximum(low - LEVELS, LEVELS - high), 0)
        assert np.all(error <= np.sqrt(LEVELS * (1 - LEVELS) / N) + 1 / N), name


def test_ties_have_their_value():
    """Values that many rows share: a level among them is at the value, to the digits of the largest."""
    x = RNG.choice([0.0, 0.0, 1.0, 5.0, 1e4], (N, 1)).astype("float32")
    quantile = np.asarray(counted(jnp.asarray(x), "float32"))[:, 0]
    truth = np.quantile(x[:, 0], LEVELS, method="hazen")
    np.testing.assert_allclose(quantile, truth, atol=8 * 1.2e-7 * 1e4)


def test_a_constant_column_is_that_constant():
    quantile = counted(jnp.full((N, 2), 3.0), "float32")
    np.testing.assert_allclose(quantile, 3.0, rtol=1e-5)


def test_seeds_are_counted_separately():
    x = jnp.asarray(RNG.normal(size=(2, 5_000, 3)) * np.array([1, 1e3])[:, None, None], "float32")

    def of_one(rows):
        return quantiles(RowsInMemory(rows), LEVELS[8:-8], least_width(rows))

    both, apart = jax.jit(jax.vmap(of_one))(x), jnp.stack([jax.jit(of_one)(rows) for rows in x])
    # a pass that one seed needs is also made for the other
    np.testing.assert_allclose(both[1], apart[1], rtol=0, atol=20)
    np.testing.assert_allclose(both[0], apart[0], rtol=0, atol=0.02)


def test_many_rows_fit_the_spline_that_few_would():
    """On both sides of the number up to which rows are sorted: the same knots to their standard error."""
    x = jnp.asarray(RNG.laplace(size=(4_097, 2)), "float32")
    counting, sorting = (jax.jit(partial(Quantiles(8).fit, jax.random.key(0)))(rows) for rows in (x, x[:-1]))
    levels = stats.norm.cdf(np.asarray(sorting.y[:, 0]))
    density = stats.laplace.pdf(stats.laplace.ppf(levels))
    error = np.sqrt(levels * (1 - levels) / 4_096) / density
    assert np.all(np.abs(counting.x - sorting.x) < 0.3 * error[:, None])
    # a tail's slope is that of some ten rows beyond a knot
    np.testing.assert_allclose(counting.derivatives[1:-1], sorting.derivatives[1:-1], rtol=0.02)
    np.testing.assert_allclose(counting.derivatives[::8], sorting.derivatives[::8], rtol=0.15)


@pytest.mark.parametrize("n", [10, 4_096, 4_097, 9_001])
def test_blocks_are_rows(n):
    x = jnp.arange(2.0 * n).reshape(n, 2)
    image, total = in_blocks(lambda row: (row[::-1], row.sum()), x)
    assert bool((image == x[:, ::-1]).all())
    assert bool((total == x.sum(1)).all())

    def count(seen, block, new):
        return seen.at[(block[:, 0] / 2).astype(int)].add(new.astype(int))

    assert bool((over_blocks(count, jnp.zeros(n, int), x) == 1).all())
