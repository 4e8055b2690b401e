"""The contract: a spec is a choice, a map is what it becomes when it is fitted to rows.

A spec is called after its method (`Haar`, `Quantiles`, `MLP`), and the map that it fits ends in Map
(`RotationMap`, `SplineMap`, `MLPMap`). A map that several specs fit is called after what it does. The one
container, `LayerSpec`, fits a `Layer`.
"""

from typing import Protocol

import jax.numpy as jnp
from jax import Array, lax


class Bijection(Protocol):
    """An invertible map of one point; batches come from ``jax.vmap``."""

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Image (D,) of x (D,) and log|det J| (), in nats."""
        ...

    def inverse(self, y: Array) -> tuple[Array, Array]:
        """Pre-image (D,) of y (D,) and log|det J| () of the inverse, in nats."""
        ...


class Spec(Protocol):
    """A choice without arrays, frozen and hashable, that becomes a map by being fitted.

    A spec that has limits may say so early by ``check(dim, n_samples)``, which raises InputError.
    """

    def fit(self, key: Array, x: Array) -> Bijection:
        """Fit to the rows of x (N, D)."""
        ...


def product(a: Array, b: Array) -> Array:
    """Matrix product in the full precision of the dtype, on accelerators too.

    Their default for float32 rounds the factors to 10 or 7 bits: Q would be orthogonal to 1e-3 and no
    round trip would close.
    """
    return jnp.matmul(a, b, precision=lax.Precision.HIGHEST)
