"""Layers in which one part of the coordinates conditions the other."""

from dataclasses import dataclass

import equinox as eqx
import jax.numpy as jnp
from jax import Array, lax

from gscale.errors import InputError


class AffineCoupling(eqx.Module):
    """An affine coupling with a linear conditioner: y_a = scale · x_a + T x_p + shift, y_p = x_p.

    The active coordinates a are those from ``start`` to ``stop``, the passive ones p all others.

    Parameters
    ----------
    matrix : Array, shape (D_a, D_p)
        The conditioner T.
    log_scale, shift : Array, shape (D_a,)
    start, stop : int
        Bounds of the active coordinates.

    Examples
    --------
    >>> coupling = AffineCoupling(jnp.array([[2.0]]), jnp.zeros(1), jnp.zeros(1), start=1, stop=2)
    >>> y, log_det = coupling.forward(jnp.array([1.0, 5.0]))
    >>> y.tolist(), coupling.inverse(y)[0].tolist()
    ([1.0, 7.0], [1.0, 5.0])
    """

    matrix: Array
    log_scale: Array
    shift: Array
    start: int = eqx.field(static=True)
    stop: int = eqx.field(static=True)

    def forward(self, x: Array) -> tuple[Array, Array]:
        active, passive = self.split(x)
        y = active * jnp.exp(self.log_scale) + self._conditioned(passive)
        return self._join(y, x), self.log_scale.sum()

    def inverse(self, y: Array) -> tuple[Array, Array]:
        active, passive = self.split(y)
        x = (active - self._conditioned(passive)) * jnp.exp(-self.log_scale)
        return self._join(x, y), -self.log_scale.sum()

    def split(self, x: Array) -> tuple[Array, Array]:
        """Active and passive coordinates of x (…, D)."""
        return x[..., self.start : self.stop], jnp.concatenate(
            [x[..., : self.start], x[..., self.stop :]], -1
        )

    def _conditioned(self, passive: Array) -> Array:
        return jnp.matmul(self.matrix, passive, precision=lax.Precision.HIGHEST) + self.shift

    def _join(self, active: Array, x: Array) -> Array:
        return jnp.concatenate([x[: self.start], active, x[self.stop :]])


@dataclass(frozen=True)
class LinearCoupling:
    """Subtract from one half of the coordinates its linear regression on the other.

    All that an affine coupling can do to a Gaussian but for scales, which the marginal behind it sets. The
    active half is the first ⌊D/2⌋ coordinates, or ``n_active`` of them.

    Parameters
    ----------
    n_active : int or None
        Active coordinates D_a; ⌊D/2⌋ where None.

    Raises
    ------
    InputError
        If ``n_active`` is below 1, or at fitting if D is below 2 or no coordinate is passive.

    Examples
    --------
    >>> x = jnp.array([[1.0, 1.0], [2.0, 2.0], [4.0, 4.0], [0.0, 1.0]])
    >>> coupling = LinearCoupling().fit(None, x)
    >>> round(float(coupling.matrix[0, 0]), 4)
    -1.1667
    """

    n_active: int | None = None

    def __post_init__(self) -> None:
        if self.n_active is not None and self.n_active < 1:
            raise InputError(f"n_active is {self.n_active}: a coupling needs at least 1 active coordinate")

    def fit(self, key: Array | None, x: Array) -> AffineCoupling:
        """Regress on the rows of x (N, D) by least squares; the key is not used."""
        dim = x.shape[1]
        n_active = dim // 2 if self.n_active is None else self.n_active
        if dim < 2:
            raise InputError(f"dim is {dim}: a coupling needs at least 2 coordinates")
        if n_active >= dim:
            raise InputError(f"n_active is {n_active}: of D = {dim} coordinates at least 1 is passive")
        mean = x.mean(0)
        active, passive = jnp.split(x - mean[None], [n_active], axis=1)
        weights = jnp.linalg.lstsq(passive, active)[0].T
        shift = jnp.matmul(weights, mean[n_active:], precision=lax.Precision.HIGHEST)
        return AffineCoupling(-weights, jnp.zeros(n_active, x.dtype), shift, 0, n_active)
