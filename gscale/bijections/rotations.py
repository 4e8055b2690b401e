"""How a layer mixes coordinates: orthogonal maps and the specs that choose them.

A spec of your own is a frozen dataclass with ``fit(key, x)``, which returns a map with ``forward`` and
``inverse`` of one point, as these are.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array
from jax.scipy.linalg import solve_triangular
from jax.typing import DTypeLike
from scipy.linalg import hadamard

from gscale.bijections.base import product
from gscale.bijections.constraints import NonTrainable
from gscale.errors import InputError
from gscale.validation import check_at_least

_FACTOR_BITS = 5  # Hadamard factors of 32: larger ones cost more arithmetic, smaller ones more memory traffic


class RotationMap(eqx.Module):
    """Multiply by an orthogonal matrix: y = Q x, log|det Q| = 0.

    Parameters
    ----------
    matrix : Array, shape (D, D)
        Orthogonal; its inverse is taken to be its transpose.

    Examples
    --------
    >>> quarter_turn = RotationMap(jnp.array([[0.0, -1.0], [1.0, 0.0]]))
    >>> y, log_det = quarter_turn.forward(jnp.array([1.0, 0.0]))
    >>> y.tolist(), float(log_det)
    ([0.0, 1.0], 0.0)
    """

    matrix: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        return product(self.matrix, x), jnp.zeros((), x.dtype)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return product(self.matrix.T, y), jnp.zeros((), y.dtype)

    def unconstrained(self) -> NonTrainable:
        return NonTrainable(self)  # a step along a gradient would leave the orthogonal group


class IdentityMap(eqx.Module):
    """The identity map: y = x."""

    def forward(self, x: Array) -> tuple[Array, Array]:
        return x, jnp.zeros((), x.dtype)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return y, jnp.zeros((), y.dtype)


@dataclass(frozen=True)
class Haar:
    """Rotations drawn uniformly from the orthogonal group O(D).

    The QR decomposition of a matrix of independent normals, with the signs of R's diagonal moved
    into Q, is Haar distributed; without the signs it is not.

    References
    ----------
    Mezzadri, "How to generate random matrices from the classical compact groups", Notices of the
    AMS 54 (2007).

    Examples
    --------
    >>> rotation = Haar().fit(jax.random.key(0), jnp.zeros((10, 3)))
    >>> bool(jnp.allclose(rotation.matrix @ rotation.matrix.T, jnp.eye(3), atol=1e-6))
    True
    """

    def fit(self, key: Array, x: Array) -> RotationMap:
        """Draw a rotation; of the data x (N, D) only D and the dtype are used."""
        return RotationMap(jax.random.orthogonal(key, x.shape[-1], dtype=x.dtype))


class PermutationMap(eqx.Module):
    """Reorder coordinates: y_i = x at ``order[i]``.

    Parameters
    ----------
    order : Array of int, shape (D,)
        Each of 0 … D − 1 once.

    Examples
    --------
    >>> y, _ = PermutationMap(jnp.array([2, 0, 1])).forward(jnp.array([5.0, 6.0, 7.0]))
    >>> y.tolist()
    [7.0, 5.0, 6.0]
    """

    order: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        return x[self.order], jnp.zeros((), x.dtype)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return jnp.zeros_like(y).at[self.order].set(y, unique_indices=True), jnp.zeros((), y.dtype)


@dataclass(frozen=True)
class Permutation:
    """A random order of the coordinates: it mixes for couplings; layers of marginals alone gain nothing.

    Examples
    --------
    >>> sorted(Permutation().fit(jax.random.key(0), jnp.zeros((10, 3))).order.tolist())
    [0, 1, 2]
    """

    def fit(self, key: Array, x: Array) -> PermutationMap:
        """Draw an order; of the data x (N, D) only D is used."""
        return PermutationMap(jax.random.permutation(key, x.shape[-1]))


class HadamardMap(eqx.Module):
    """Reorder, flip signs, then a fast flat transform: y = H (signs · x[order]), in O(D log D).

    With D = 2^k m and m odd, H is the Hadamard matrix of order 2^k times the discrete Hartley transform of
    order m (Kronecker), its rows in an order that saves a transposition.

    Parameters
    ----------
    signs : Array, shape (D,)
        Entries ±1.
    order : Array of int, shape (D,)
        Each of 0 … D − 1 once.

    Examples
    --------
    >>> y, _ = HadamardMap(jnp.ones(4), jnp.arange(4)).forward(jnp.array([1.0, 0.0, 0.0, 0.0]))
    >>> y.tolist()
    [0.5, 0.5, 0.5, 0.5]
    """

    signs: Array
    order: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        y = x[self.order] * self.signs
        even, odd = _even_and_odd_part(x.shape[0])
        y = _hartley(y.reshape(even, odd)).T
        for size, last in _factors(even):
            y = product(y.reshape(-1, size), _small_hadamard(size, y.dtype))
            y = y if last else y.T
        return y.ravel(), jnp.zeros((), x.dtype)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        even, odd = _even_and_odd_part(y.shape[0])
        x = y
        for size, last in reversed(_factors(even)):
            x = x.reshape(-1, size) if last else x.reshape(size, -1).T
            x = product(x, _small_hadamard(size, x.dtype))
        x = _hartley(x.reshape(odd, even).T).ravel() * self.signs
        return jnp.zeros_like(x).at[self.order].set(x, unique_indices=True), jnp.zeros((), y.dtype)

    def unconstrained(self) -> NonTrainable:
        return NonTrainable(self)


@dataclass(frozen=True)
class Hadamard:
    """Flat rotations in O(D log D): entries of even size, columns in random order with random signs.

    Where D is a power of two all entries are ±D^−½, and near the identity a Gaussian needs (D−1)/2 layers per
    e-fold, where Haar needs (D+1)/2. The rate is a function of the sum of the fourth powers of all entries
    (docs/theory.md): 1 if flat, 3D/(D+2) for Haar, and here 3/2 − 1/(2m) for D = 2^k m with m odd. A cosine
    transform has 3/2 too.

    Examples
    --------
    >>> rotation = Hadamard().fit(jax.random.key(0), jnp.zeros((10, 12)))
    >>> matrix = jax.vmap(lambda x: rotation.forward(x)[0])(jnp.eye(12))
    >>> bool(jnp.allclose(matrix @ matrix.T, jnp.eye(12), atol=1e-6)), round(float((matrix**4).sum()), 4)
    (True, 1.3333)
    """

    def fit(self, key: Array, x: Array) -> HadamardMap:
        """Draw signs and an order; of the data x (N, D) only D and the dtype are used."""
        sign_key, order_key = jax.random.split(key)
        dim = x.shape[-1]
        signs = jax.random.rademacher(sign_key, (dim,), x.dtype)
        return HadamardMap(signs, jax.random.permutation(order_key, dim))


class HouseholderMap(eqx.Module):
    """A product of reflections: y = H_k ⋯ H₁ x with H_i = I − 2 v_i v_iᵀ/|v_i|², in O(kD).

    Orthogonal whatever the vectors are, so that they can be trained.

    Parameters
    ----------
    vectors : Array, shape (k, D)
        Their lengths don't matter.

    References
    ----------
    Joffrain et al., "Accumulating Householder transformations, revisited", ACM TOMS 32 (2006), for the
    product as I − Vᵀ S⁻¹ V.

    Examples
    --------
    >>> y, _ = HouseholderMap(jnp.array([[1.0, 1.0]])).forward(jnp.array([1.0, 0.0]))
    >>> print(jnp.round(y, 5))
    [ 0. -1.]
    """

    vectors: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        unit, triangle = self._factors()
        inner = solve_triangular(triangle.T, product(unit, x), lower=True)
        return x - product(unit.T, inner), jnp.zeros((), x.dtype)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        unit, triangle = self._factors()
        inner = solve_triangular(triangle, product(unit, y), lower=False)
        return y - product(unit.T, inner), jnp.zeros((), y.dtype)

    def _factors(self) -> tuple[Array, Array]:
        """Unit vectors V (k, D) and the triangle S (k, k) of their products, its diagonal halved."""
        unit = self.vectors / jnp.linalg.norm(self.vectors, axis=1, keepdims=True)
        products = product(unit, unit.T)
        return unit, jnp.triu(products, 1) + 0.5 * jnp.eye(len(unit), dtype=unit.dtype)


@dataclass(frozen=True)
class Householder:
    """Products of k random reflections: cheap rotations that fix a subspace of D − k dimensions.

    Parameters
    ----------
    n_reflections : int
        k, from 1 to D.

    Raises
    ------
    InputError
        If k is below 1, or at fitting above D.

    Examples
    --------
    >>> Householder(2).fit(jax.random.key(0), jnp.zeros((10, 3))).vectors.shape
    (2, 3)
    """

    n_reflections: int = 8

    def __post_init__(self) -> None:
        check_at_least(1, {"n_reflections": self.n_reflections})

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse more reflections than dimensions."""
        if self.n_reflections > dim:
            raise InputError(f"n_reflections is {self.n_reflections}: for D = {dim} at most {dim} are useful")

    def fit(self, key: Array, x: Array) -> HouseholderMap:
        """Draw directions uniformly; of the data x (N, D) only D and the dtype are used."""
        n, dim = x.shape
        self.check(dim, n)
        return HouseholderMap(jax.random.normal(key, (self.n_reflections, dim), x.dtype))


@dataclass(frozen=True)
class Identity:
    """No rotation: the control without mixing.

    Examples
    --------
    >>> y, _ = Identity().fit(jax.random.key(0), jnp.zeros((10, 2))).forward(jnp.array([1.0, 2.0]))
    >>> y.tolist()
    [1.0, 2.0]
    """

    def fit(self, key: Array, x: Array) -> IdentityMap:
        """Return the identity; neither the key nor the data x (N, D) is used."""
        return IdentityMap()


def _even_and_odd_part(dim: int) -> tuple[int, int]:
    even = dim & -dim
    return even, dim // even


def _hartley(x: Array) -> Array:
    """Discrete Hartley transform along the last axis, orthogonal and its own inverse."""
    if x.shape[-1] == 1:
        return x
    transformed = jnp.fft.fft(x)
    return ((transformed.real - transformed.imag) * (1 / x.shape[-1] ** 0.5)).astype(x.dtype)


def _factors(even: int) -> list[tuple[int, bool]]:
    """Powers of two of nearly one size that multiply to ``even``, and whether each is the last.

    Matrix products of small factors are twice as fast as butterflies on a CPU: those move memory.
    """
    bits = even.bit_length() - 1
    n = -(-bits // _FACTOR_BITS)
    sizes = [1 << (bits // n + (i < bits % n)) for i in range(n)][::-1]
    return [(size, i == n - 1) for i, size in enumerate(sizes)]


def _small_hadamard(size: int, dtype: DTypeLike) -> Array:
    return jnp.asarray(hadamard(size) / size**0.5, dtype)
