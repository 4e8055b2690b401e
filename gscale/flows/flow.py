"""Layers and flows: fitted models, their densities and samples."""

from collections.abc import Callable
from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax

from gscale.bijections.base import Bijection, Spec
from gscale.bijections.batching import PRODUCT_NUMBERS, in_blocks, through_blocks
from gscale.bijections.by_column import fit_through
from gscale.metrics import normal_log_prob


class Layer(eqx.Module):
    """A rotation, a coupling if there is one, then a map of each coordinate."""

    rotation: Bijection
    marginal: Bijection
    coupling: Bijection | None = None

    def forward(self, x: Array) -> tuple[Array, Array]:
        total = jnp.zeros((), x.dtype)
        for part in self._parts():
            x, log_det = part.forward(x)
            total += log_det
        return x, total

    def inverse(self, y: Array) -> tuple[Array, Array]:
        total = jnp.zeros((), y.dtype)
        for part in reversed(self._parts()):
            y, log_det = part.inverse(y)
            total += log_det
        return y, total

    def _parts(self) -> list[Bijection]:
        parts = (self.rotation, self.coupling, self.marginal)
        return [part for part in parts if part is not None]


@dataclass(frozen=True)
class LayerSpec:
    """A layer's rotation, its marginal and, if there is one, the coupling between them.

    Examples
    --------
    >>> from gscale.bijections.marginals import Moments
    >>> from gscale.bijections.rotations import Haar
    >>> x = jax.random.normal(jax.random.key(0), (100, 3))
    >>> layer = LayerSpec(Haar(), Moments()).fit(jax.random.key(1), x)
    >>> y, log_det = jax.vmap(layer.forward)(x)
    >>> y.shape, log_det.shape
    ((100, 3), (100,))
    """

    rotation: Spec
    marginal: Spec
    coupling: Spec | None = None

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse dimensions and numbers of rows that a part with a ``check`` of its own refuses."""
        for part in (self.rotation, self.coupling, self.marginal):
            check = getattr(part, "check", None)
            if check is not None:
                check(dim, n_samples)

    def fit(self, key: Array, x: Array) -> Layer:
        """Fit the rotation to the rows of x (N, D), then each part to the images under those before."""
        return self.fit_through(key, x, x.shape[0])[0]

    def fit_through(self, key: Array, rows: Array, n_train: int) -> tuple[Layer, Array, Array]:
        """Fit to the first rows and map all of them: no image is computed twice.

        Parameters
        ----------
        key : Array
            Random key; the layer is that of ``fit`` with the same key.
        rows : Array, shape (N + M, D)
        n_train : int
            Number N of rows to fit to.

        Returns
        -------
        layer : Layer
        images : Array, shape (N + M, D)
        log_det : Array, shape (N + M,)
            Of each row, in nats.
        """
        rotation, coupling, rows, log_det = self.mix_through(key, rows, n_train)
        marginal_key = jax.random.split(key, 3)[2]
        marginal, rows, of_marginal = fit_through(self.marginal, marginal_key, rows, n_train)
        return Layer(rotation, marginal, coupling), rows, log_det + of_marginal

    def mix_through(
        self, key: Array, rows: Array, n_train: int
    ) -> tuple[Bijection, Bijection | None, Array, Array]:
        """What `fit_through` does before the marginal: rotation, coupling, images and log|det J|."""
        rotation_key, coupling_key, _ = jax.random.split(key, 3)
        rotation = self.rotation.fit(rotation_key, rows[:n_train])
        rows, log_det = through_blocks(rotation.forward, rows, PRODUCT_NUMBERS)
        coupling = None
        if self.coupling is not None:
            coupling = self.coupling.fit(coupling_key, rows[:n_train])
            rows, of_coupling = through_blocks(coupling.forward, rows)
            log_det += of_coupling
        return rotation, coupling, rows, log_det


Step = Callable[[Bijection, Array], tuple[Array, Array]]


class Flow(eqx.Module):
    """A chain of L layers with a density: x ↦ z with z standard normal.

    Parameters
    ----------
    layers : Bijection
        The layers stacked into one: every array has a leading axis L. Depth is scanned, so that a
        thousand layers compile as fast as one.
    first : Bijection or None
        A map in front of the first layer.
    dim : int
        Dimension D.

    Examples
    --------
    >>> from gscale import Haar, LayerSpec, Moments, fit_layerwise
    >>> x = jax.random.normal(jax.random.key(0), (100, 3))
    >>> flow, _ = fit_layerwise(jax.random.key(1), x, LayerSpec(Haar(), Moments()), n_layers=4)
    >>> jax.vmap(flow.log_prob)(x).shape, flow.sample(jax.random.key(2), 5).shape
    ((100,), (5, 3))
    """

    layers: Bijection
    first: Bijection | None
    dim: int = eqx.field(static=True)

    def forward(self, x: Array) -> tuple[Array, Array]:
        """Latent point z (D,) of x (D,) and log|det J| (), in nats."""
        carry = (x, jnp.zeros((), x.dtype)) if self.first is None else self.first.forward(x)

        return self._through(carry, lambda layer, x: layer.forward(x), reverse=False)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        """Point x (D,) of the latent y (D,) and log|det J| () of the inverse, in nats."""
        carry = y, jnp.zeros((), y.dtype)
        x, log_det = self._through(carry, lambda layer, y: layer.inverse(y), reverse=True)
        if self.first is None:
            return x, log_det
        x, log_det_first = self.first.inverse(x)
        return x, log_det + log_det_first

    def log_prob(self, x: Array) -> Array:
        """Log-density () at x (D,), in nats: log N(z; 0, I) + log|det J|."""
        z, log_det = self.forward(x)
        return normal_log_prob(z) + log_det

    def sample(self, key: Array, n: int) -> Array:
        """Draw n points, (n, D)."""
        dtype = jnp.result_type(*jax.tree.leaves(eqx.filter(self, eqx.is_inexact_array)))
        z = jax.random.normal(key, (n, self.dim), dtype)
        points: Array = in_blocks(self.inverse, z)[0]
        return points

    def _through(self, carry: tuple[Array, Array], step: Step, *, reverse: bool) -> tuple[Array, Array]:
        arrays, static = eqx.partition(self.layers, eqx.is_array)

        def body(carry: tuple[Array, Array], arrays: Bijection) -> tuple[tuple[Array, Array], None]:
            x, log_det = carry
            x, log_det_layer = step(eqx.combine(arrays, static), x)
            return (x, log_det + log_det_layer), None

        return lax.scan(body, carry, arrays, reverse=reverse)[0]
