"""Random rotations: orthogonal, and as uniform or as flat as they are said to be."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.linalg import hadamard

from gscale import Haar, Hadamard, Householder, Identity, InputError, Permutation
from gscale.theory.rates import haar_rate, mixing_rate

KEY = jax.random.key(0)
RANDOM = [Haar(), Hadamard(), Householder(1), Permutation(), Identity()]


def matrix_of(spec, dim, dtype="float32"):
    """The matrices of the map and of its inverse, computed in the dtype."""
    with jax.enable_x64(dtype == "float64"):
        rotation = spec.fit(KEY, jnp.zeros((2, dim), dtype))
        one = jnp.eye(dim, dtype=dtype)
        maps = (rotation.forward, rotation.inverse)
        return [np.asarray(jax.vmap(lambda x, f=f: f(x)[0], out_axes=1)(one), float) for f in maps]


@pytest.mark.parametrize("spec", RANDOM, ids=repr)
@pytest.mark.parametrize("dim", [1, 12, 97, 1024])
def test_rotations_are_orthogonal(spec, dim, dtype):
    matrix, inverse = matrix_of(spec, dim, dtype)
    tolerance = {"float32": 1e-5, "float64": 1e-12}[dtype]
    assert np.abs(matrix @ matrix.T - np.eye(dim)).max() < tolerance
    assert np.abs(inverse - matrix.T).max() < tolerance


@pytest.mark.parametrize("n_reflections", [8, 1024])
def test_many_reflections_stay_orthogonal(n_reflections, dtype):
    matrix, _ = matrix_of(Householder(n_reflections), 1024, dtype)
    error = np.abs(matrix @ matrix.T - np.eye(1024)).max()
    assert error < {"float32": 1e-5, "float64": 1e-12}[dtype]
    # k reflections move a space of k dimensions
    if n_reflections < 1024:
        assert np.linalg.matrix_rank(matrix - np.eye(1024), tol=1e-3) == n_reflections


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
def test_hadamard_is_flat_at_powers_of_two(dim, dtype):
    matrix, _ = matrix_of(Hadamard(), dim, dtype)
    np.testing.assert_allclose(np.abs(matrix), dim**-0.5, rtol={"float32": 1e-5, "float64": 1e-12}[dtype])


@pytest.mark.parametrize("dim", [3, 12, 97, 1000])
def test_hadamard_is_as_flat_as_it_is_said_to_be(dim):
    odd = dim // (dim & -dim)
    matrix, _ = matrix_of(Hadamard(), dim, "float64")
    assert (matrix**4).sum() == pytest.approx(1.5 - 0.5 / odd, abs=1e-10)


@pytest.mark.optimised
@pytest.mark.parametrize("dim", [32, pytest.param(2048, marks=pytest.mark.long)])
def test_hadamard_is_a_hadamard_matrix_in_another_order(dim):
    """Without signs and order, the rows are those of Sylvester's matrix."""
    matrix, _ = matrix_of(Hadamard(), dim)
    rotation = Hadamard().fit(KEY, jnp.zeros((2, dim)))
    plain = (matrix * dim**0.5).round().astype(int)[:, np.asarray(rotation.order)]
    plain *= np.asarray(rotation.signs, int)[None]
    assert {tuple(row) for row in plain} == {tuple(row) for row in hadamard(dim)}


@pytest.mark.parametrize(("spec", "dim"), [(Hadamard(), 12), (Hadamard(), 16), (Householder(3), 6)], ids=repr)
def test_the_mixing_rate_is_that_of_the_fourth_moment(spec, dim):
    """Mean loss near the identity behind one layer, over random orders and signs of a fixed matrix."""
    matrix, _ = matrix_of(spec, dim, "float64")
    rng = np.random.default_rng(0)
    e = rng.standard_normal((dim, dim))
    e = (e + e.T) * (1 - np.eye(dim))
    left = []
    for _ in range(4000):
        q = matrix[:, rng.permutation(dim)] * rng.choice([-1, 1], dim)[None]
        left.append(1 - np.sum(np.einsum("ij,jk,ik->i", q, e, q) ** 2) / np.sum(e**2))
    error = np.std(left) / len(left) ** 0.5
    assert abs(np.mean(left) - mixing_rate(dim, (matrix**4).sum())) < 4 * error


def test_haar_mixes_as_its_mean_fourth_moment_does():
    for dim in (2, 3, 50):
        assert mixing_rate(dim, 3 * dim / (dim + 2)) == pytest.approx(haar_rate(dim), rel=1e-12)


def test_reflections_are_counted():
    with pytest.raises(InputError, match="n_reflections is 0: it is at least 1"):
        Householder(0)
    with pytest.raises(InputError, match="n_reflections is 4: for D = 3 at most 3"):
        Householder(4).fit(KEY, jnp.zeros((2, 3)))
