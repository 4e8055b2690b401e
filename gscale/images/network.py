"""Convolutional networks on small grey images."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.errors import InputError
from gscale.images.base import SIDE
from gscale.validation import check_at_least, check_share


class Dense(eqx.Module):
    """An affine map of the last axis.

    `equinox.nn.Linear` takes single vectors, draws other weights, and could not stand in a saved model.
    """

    weight: Array
    bias: Array

    @staticmethod
    def init(key: Array, n_in: int, n_out: int, gain: float = 2.0) -> "Dense":
        """Random weights (n_in, n_out) of variance gain / n_in, and no bias.

        References
        ----------
        He et al., Delving deep into rectifiers, ICCV 2015, for the gain of 2.
        """
        weight = jax.random.normal(key, (n_in, n_out)) * (gain / n_in) ** 0.5
        return Dense(weight, jnp.zeros(n_out))

    def __call__(self, x: Array) -> Array:
        """The map (…, n_out) of x (…, n_in)."""
        out = x @ self.weight
        return out + jnp.broadcast_to(self.bias, out.shape)


class Convolution(eqx.Module):
    """A 3×3 convolution with zero padding, as a product with patches.

    On CPUs the gradients of XLA's convolutions take several times as long as those of the product.
    """

    dense: Dense

    @staticmethod
    def init(key: Array, n_in: int, n_out: int, gain: float = 2.0) -> "Convolution":
        """Random weights, see `Dense.init`."""
        return Convolution(Dense.init(key, 9 * n_in, n_out, gain))

    def __call__(self, x: Array) -> Array:
        """Take x (N, H, W, C) to (N, H, W, F)."""
        height, width = x.shape[1:3]
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        return self.dense(jnp.concatenate(patches, -1))


def max_pool(x: Array) -> Array:
    """Maxima over 2×2 pixels of x (N, H, W, C); an odd last row or column is dropped.

    On CPUs its gradient takes a fifth of the time of that of `equinox.nn.MaxPool2d`. They also differ: there
    one of several equal maxima gets all of it, here they share it.
    """
    n, height, width, channels = x.shape
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))


@dataclass(frozen=True)
class ConvNetSpec:
    """Convolutions of 3×3, rectified, each followed by maxima over 2×2; a dense layer; one output a class.

    Parameters
    ----------
    filters : tuple of int
        Filters of each convolution, 1 to 4 of them.
    dense : int
        Units of the dense layer.
    dropout : float
        Share of these units left out in training, below 1.

    Raises
    ------
    InputError
        If one of them is outside of these limits.
    """

    filters: tuple[int, ...] = (32, 64, 128, 128)
    dense: int = 512
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.filters) <= 4:
            raise InputError(f"{len(self.filters)} convolutions: choose 1 to 4")
        check_at_least(1, {"filters": min(self.filters), "dense": self.dense})
        check_share({"dropout": self.dropout})

    def init(self, key: Array, n_classes: int) -> "ConvNet":
        """A network with random weights."""
        keys = jax.random.split(key, len(self.filters) + 2)
        inputs = (1, *self.filters[:-1])
        layers = [Convolution.init(*part) for part in zip(keys, inputs, self.filters, strict=False)]
        side = SIDE // 2 ** len(self.filters)
        dense = Dense.init(keys[-2], side * side * self.filters[-1], self.dense)
        return ConvNet(layers, dense, Dense.init(keys[-1], self.dense, n_classes, gain=1.0), self.dropout)


class ConvNet(eqx.Module):
    """A classifier's network: images (N, 28, 28) to logits (N, K); see `ConvNetSpec`."""

    convolutions: list[Convolution]
    dense: Dense
    last: Dense
    dropout: float = eqx.field(static=True)

    def features(self, images: Array) -> Array:
        """Outputs of the dense layer (N, F)."""
        x = images[..., None]
        for convolution in self.convolutions:
            x = max_pool(jax.nn.relu(convolution(x)))
        return jax.nn.relu(self.dense(x.reshape(x.shape[0], -1)))

    def __call__(self, images: Array) -> Array:
        """Logits (N, K), with all units."""
        return self.last(self.features(images))

    def with_dropout(self, key: Array, images: Array) -> Array:
        """Logits (N, K) in training, units left out at random."""
        return self.last(eqx.nn.Dropout(self.dropout)(self.features(images), key=key))


def apply_in_blocks(function: Callable[..., Any], model: Any, *rows: np.ndarray, block: int = 500) -> Any:
    """Arrays that a function makes of a model and rows (N, …), a block of rows at a time, compiled once.

    Examples
    --------
    >>> apply_in_blocks(jnp.multiply, jnp.array(2), np.arange(5), block=2).tolist()
    [0, 2, 4, 6, 8]
    """
    compiled = eqx.filter_jit(function)
    starts = range(0, max(1, len(rows[0])), block)
    results = [compiled(model, *(jnp.asarray(part[i : i + block]) for part in rows)) for i in starts]
    return jax.tree.map(lambda *parts: np.concatenate([np.asarray(part) for part in parts]), *results)
