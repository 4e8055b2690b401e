"""Convolutional networks on small grey images."""

from dataclasses import dataclass

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gscale.errors import InputError

SIDE = 28


class Dense(eqx.Module):
    """An affine map of the last axis, weights drawn as He et al. do for rectifiers."""

    weight: Array
    bias: Array

    @staticmethod
    def drawn(key: Array, n_in: int, n_out: int, gain: float = 2.0) -> "Dense":
        """Random weights (n_in, n_out) of variance gain / n_in, and no bias."""
        weight = jax.random.normal(key, (n_in, n_out)) * (gain / n_in) ** 0.5
        return Dense(weight, jnp.zeros(n_out))

    def __call__(self, x: Array) -> Array:
        """The map of x (…, n_in)."""
        out = x @ self.weight
        return out + jnp.broadcast_to(self.bias, out.shape)


class Convolution(eqx.Module):
    """A 3×3 convolution with zeros around, as a product with patches.

    On CPUs the gradients of XLA's convolutions take several times as long as those of the product.
    """

    dense: Dense

    @staticmethod
    def drawn(key: Array, n_in: int, n_out: int, gain: float = 2.0) -> "Convolution":
        """Random weights, see `Dense`."""
        return Convolution(Dense.drawn(key, 9 * n_in, n_out, gain))

    def __call__(self, x: Array) -> Array:
        """Take x (N, H, W, C) to (N, H, W, F)."""
        height, width = x.shape[1:3]
        padded = jnp.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        patches = [padded[:, i : i + height, j : j + width] for i in range(3) for j in range(3)]
        return self.dense(jnp.concatenate(patches, -1))


def halved(x: Array) -> Array:
    """Maxima over 2×2 pixels of x (N, H, W, C); an odd last row or column is dropped."""
    n, height, width, channels = x.shape
    even = x[:, : height // 2 * 2, : width // 2 * 2]
    return even.reshape(n, height // 2, 2, width // 2, 2, channels).max((2, 4))


def doubled(x: Array) -> Array:
    """Each pixel of x (N, H, W, C) four times."""
    return x.repeat(2, 1).repeat(2, 2)


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
    """

    filters: tuple[int, ...] = (32, 64, 128, 128)
    dense: int = 512
    dropout: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= len(self.filters) <= 4 or min(self.filters) < 1 or self.dense < 1:
            raise InputError(f"{self}: 1 to 4 convolutions and a dense layer, each of 1 unit or more")
        if not 0 <= self.dropout < 1:
            raise InputError(f"dropout {self.dropout}: a share from 0 to below 1")

    def draw(self, key: Array, n_classes: int) -> "ConvNet":
        """A network with random weights."""
        keys = jax.random.split(key, len(self.filters) + 2)
        inputs = (1, *self.filters[:-1])
        layers = [Convolution.drawn(*part) for part in zip(keys, inputs, self.filters, strict=False)]
        side = SIDE // 2 ** len(self.filters)
        dense = Dense.drawn(keys[-2], side * side * self.filters[-1], self.dense)
        return ConvNet(layers, dense, Dense.drawn(keys[-1], self.dense, n_classes, gain=1.0), self.dropout)


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
            x = halved(jax.nn.relu(convolution(x)))
        return jax.nn.relu(self.dense(x.reshape(x.shape[0], -1)))

    def __call__(self, images: Array) -> Array:
        """Logits, with all units."""
        return self.last(self.features(images))

    def dropped(self, key: Array, images: Array) -> Array:
        """Logits in training, units left out at random."""
        found = self.features(images)
        if self.dropout:
            kept = jax.random.bernoulli(key, 1 - self.dropout, found.shape)
            found = jnp.where(kept, found / (1 - self.dropout), 0.0)
        return self.last(found)
