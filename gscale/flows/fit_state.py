"""The state of a layer-wise fit, and its losses."""

from typing import NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gscale.bijections.base import Bijection
from gscale.bijections.batching import through_blocks
from gscale.metrics import negative_log_likelihood


class Losses(NamedTuple):
    """Negative log-likelihood in nats, on the rows fitted to and on rows held out."""

    train: Array
    test: Array


class FitState(eqx.Module):
    """The state of a layer-wise fit: the images of all rows under the layers so far.

    Attributes
    ----------
    z : Array, shape (N + M, D)
        Images of the N training rows, then of the M test rows.
    log_det : Array, shape (2,)
        Mean of log|det J| over training and over test rows, in nats. Without test rows, M = 0, the training
        rows are taken for both.
    n_train : int
        N.
    """

    z: Array
    log_det: Array
    n_train: int = eqx.field(static=True)

    def losses(self) -> Losses:
        parts = zip(self.split(self.z), self.log_det, strict=True)
        return Losses(*(negative_log_likelihood(z, log_det) for z, log_det in parts))

    def push(self, bijection: Bijection) -> "FitState":
        """Map all rows once more, in one call: it is compiled once for training and test rows."""
        return self.replace(*through_blocks(bijection.forward, self.z))

    def replace(self, z: Array, log_det: Array) -> "FitState":
        """The state with new images z (N + M, D) of all rows, and log|det J| (N + M,) of the map to them."""
        means = jnp.stack([part.mean() for part in self.split(log_det)])
        return FitState(z, self.log_det + means, self.n_train)

    def split(self, rows: Array) -> tuple[Array, Array]:
        """Training rows and test rows."""
        if rows.shape[0] == self.n_train:
            return rows, rows
        return rows[: self.n_train], rows[self.n_train :]


def layer_key(key: Array, index: Array) -> Array:
    """Key of layer ``index``, counted from 0; fold 0 is that of the map in front."""
    return jax.random.fold_in(key, index + 1)
