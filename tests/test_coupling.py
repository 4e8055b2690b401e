"""Couplings: what a linear one removes, and its limits."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from gscale import InputError, LinearCoupling
from gscale.data import Gaussian, Wishart


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


def test_a_coupling_needs_a_passive_coordinate():
    with pytest.raises(InputError, match="n_active is 3: of D = 3 coordinates at least 1 is passive"):
        LinearCoupling(3).fit(None, jnp.zeros((5, 3)))
    with pytest.raises(InputError, match="dim is 1: a coupling needs at least 2"):
        LinearCoupling().fit(None, jnp.zeros((5, 1)))
