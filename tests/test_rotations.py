"""Haar rotations are orthogonal and uniform, Hadamard ones orthogonal and flat."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import hadamard

from gscale import Haar, Hadamard, InputError


@pytest.mark.parametrize("dim", [1, 2, 64, 512])
def test_haar_is_orthogonal(dim, dtype):
    matrix = Haar().fit(jax.random.key(0), jnp.zeros((2, dim), dtype)).matrix
    error = np.abs(np.asarray(matrix, float) @ np.asarray(matrix, float).T - np.eye(dim)).max()
    assert error < {"float32": 1e-5, "float64": 1e-12}[dtype]


def test_haar_moments():
    """Entries have mean 0 and fourth moment 3/(D(D+2)), traces variance 1: without signs QR fails."""
    dim, n = 4, 20_000
    keys = jax.random.split(jax.random.key(0), n)
    matrices = np.asarray(jax.vmap(lambda key: Haar().fit(key, jnp.zeros((2, dim))).matrix)(keys), float)
    # Standard errors: 1/√(D n) = 0.0035, and less than 1/√n = 0.007 for the other two; limits at four.
    assert np.abs(matrices.mean(0)).max() < 0.015
    assert abs((matrices**4).mean() - 3 / (dim * (dim + 2))) < 0.003
    assert abs(np.trace(matrices, axis1=1, axis2=2).var() - 1) < 0.05
    assert abs((np.linalg.det(matrices) > 0).mean() - 0.5) < 0.015


@pytest.mark.parametrize("dim", [1, 2, 64, 1024])
def test_hadamard_is_flat_and_orthogonal(dim, dtype):
    rotation = Hadamard().fit(jax.random.key(0), jnp.zeros((2, dim), dtype))
    rows = jax.vmap(lambda x: rotation.forward(x)[0])(jnp.eye(dim, dtype=dtype))
    matrix = np.asarray(rows, float)
    assert np.abs(matrix @ matrix.T - np.eye(dim)).max() < {"float32": 1e-5, "float64": 1e-12}[dtype]
    np.testing.assert_allclose(np.abs(matrix), dim**-0.5, rtol={"float32": 1e-5, "float64": 1e-12}[dtype])


def test_hadamard_agrees_with_scipy():
    rotation = Hadamard().fit(jax.random.key(1), jnp.zeros((2, 16)))
    matrix = jax.vmap(lambda x: rotation.forward(x)[0], out_axes=1)(jnp.eye(16))
    expected = hadamard(16) / 4 * np.asarray(rotation.signs)[None]
    np.testing.assert_allclose(matrix, expected, atol=1e-6)


def test_hadamard_needs_a_power_of_two():
    with pytest.raises(InputError, match=r"dim is 12: .* such as 16"):
        Hadamard().fit(jax.random.key(0), jnp.zeros((2, 12)))
