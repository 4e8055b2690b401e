"""How a layer mixes coordinates: orthogonal maps and the specs that choose them.

A spec of your own is a frozen dataclass with ``fit(key, x)`` that returns a map with ``forward``
and ``inverse`` of one point, as here.
"""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

from gscale.errors import InputError


class Rotation(eqx.Module):
    """Multiply by an orthogonal matrix: y = Q x, log|det Q| = 0.

    Parameters
    ----------
    matrix : Array, shape (D, D)
        Orthogonal; its inverse is taken to be its transpose.

    Examples
    --------
    >>> quarter_turn = Rotation(jnp.array([[0.0, -1.0], [1.0, 0.0]]))
    >>> y, log_det = quarter_turn.forward(jnp.array([1.0, 0.0]))
    >>> y.tolist(), float(log_det)
    ([0.0, 1.0], 0.0)
    """

    matrix: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        return _apply(self.matrix, x), jnp.zeros((), x.dtype)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return _apply(self.matrix.T, y), jnp.zeros((), y.dtype)


class Unrotated(eqx.Module):
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

    def fit(self, key: Array, x: Array) -> Rotation:
        """Draw a rotation; of the data x (N, D) only D and the dtype are used."""
        return Rotation(jax.random.orthogonal(key, x.shape[-1], dtype=x.dtype))


class SignedHadamard(eqx.Module):
    """Flip signs, then a fast Walsh–Hadamard transform: y = H (signs · x) / √D, in D log₂ D additions.

    Parameters
    ----------
    signs : Array, shape (D,)
        Entries ±1; D is a power of two.

    Examples
    --------
    >>> y, _ = SignedHadamard(jnp.ones(4)).forward(jnp.array([1.0, 0.0, 0.0, 0.0]))
    >>> y.tolist()
    [0.5, 0.5, 0.5, 0.5]
    """

    signs: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        return _hadamard(x * self.signs), jnp.zeros((), x.dtype)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return _hadamard(y) * self.signs, jnp.zeros((), y.dtype)


@dataclass(frozen=True)
class Hadamard:
    """Flat rotations: all entries of Q are ±D^−½, the columns with random signs; D a power of two.

    On a Gaussian near the identity they beat Haar: the unit diagonal gets no weight, (D−1)/2 layers
    per e-fold.

    Raises
    ------
    InputError
        At fitting, if D is no power of two.

    Examples
    --------
    >>> rotation = Hadamard().fit(jax.random.key(0), jnp.zeros((10, 8)))
    >>> rotation.signs.shape
    (8,)
    """

    def fit(self, key: Array, x: Array) -> SignedHadamard:
        """Draw signs; of the data x (N, D) only D and the dtype are used."""
        dim = x.shape[-1]
        if dim & (dim - 1):
            raise InputError(
                f"dim is {dim}: Hadamard() needs a power of two, such as {1 << dim.bit_length()}"
            )
        return SignedHadamard(jax.random.rademacher(key, (dim,), x.dtype))


@dataclass(frozen=True)
class Identity:
    """No rotation: the control that shows what mixing is worth.

    Examples
    --------
    >>> y, _ = Identity().fit(jax.random.key(0), jnp.zeros((10, 2))).forward(jnp.array([1.0, 2.0]))
    >>> y.tolist()
    [1.0, 2.0]
    """

    def fit(self, key: Array, x: Array) -> Unrotated:
        """Return the identity; neither the key nor the data x (N, D) is used."""
        return Unrotated()


def _hadamard(x: Array) -> Array:
    dim = x.shape[0]
    for _ in range(dim.bit_length() - 1):
        pairs = x.reshape(2, -1)
        x = jnp.stack([pairs[0] + pairs[1], pairs[0] - pairs[1]], 1).ravel()
    return x * (1 / dim**0.5)


def _apply(matrix: Array, x: Array) -> Array:
    # An accelerator's default for float32 products rounds the factors to 10 or 7 bits: Q would be
    # orthogonal to 1e-3 and no round trip would close.
    return jnp.matmul(matrix, x, precision=lax.Precision.HIGHEST)
