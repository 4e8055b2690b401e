"""Random changes of images that leave what they show as it is."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from gscale.errors import InputError

_KNOTS = 4  # of the coarse grid that an elastic field is interpolated from, a side


@dataclass(frozen=True)
class Augmentation:
    """Rotate, zoom, shift, shear, bend and mirror images at random, by bilinear interpolation.

    Parameters
    ----------
    rotation : float
        Degrees at most, to either side.
    zoom : float
        Share by which height and width grow or shrink at most, each on its own.
    shift : float
        Pixels at most, along each axis.
    shear : float
        Pixels of columns at most for each pixel of rows.
    elastic : float
        Standard deviation in pixels of a smooth random field by which pixels move.
    flip : float
        Probability of a mirror image, left to right.

    Raises
    ------
    InputError
        If one of them is negative, the probability above 1 or the zoom not below 1.

    Examples
    --------
    >>> images = jax.random.uniform(jax.random.key(0), (2, 28, 28))
    >>> bool(jnp.allclose(Augmentation()(jax.random.key(1), images), images, atol=1e-5))
    True
    >>> Augmentation(rotation=15)(jax.random.key(1), images).shape
    (2, 28, 28)
    """

    rotation: float = 0.0
    zoom: float = 0.0
    shift: float = 0.0
    shear: float = 0.0
    elastic: float = 0.0
    flip: float = 0.0

    def __post_init__(self) -> None:
        values = (self.rotation, self.zoom, self.shift, self.shear, self.elastic, self.flip)
        if min(values) < 0 or self.flip > 1 or self.zoom >= 1:
            raise InputError(f"{self}: all are 0 or above, flip at most 1 and zoom below 1")

    def __call__(self, key: Array, images: Array) -> Array:
        """The images (N, H, W), each changed on its own."""
        keys = jax.random.split(key, images.shape[0])
        return jax.vmap(self._changed)(keys, images)

    def _changed(self, key: Array, image: Array) -> Array:
        affine_key, elastic_key = jax.random.split(key)
        centre = (jnp.array(image.shape, image.dtype) - 1) / 2
        grid = jnp.stack(
            jnp.meshgrid(*(jnp.arange(n, dtype=image.dtype) for n in image.shape), indexing="ij")
        )
        matrix, shift = self._affine(affine_key, image.dtype)
        away = grid - centre[:, None, None]
        places = jnp.einsum("ij,jhw->ihw", matrix, away) + (centre + shift)[:, None, None]
        if self.elastic:
            places = places + self._bent(elastic_key, image)
        return _sampled(image, places)

    def _affine(self, key: Array, dtype: jnp.dtype) -> tuple[Array, Array]:
        """A matrix and a shift that take a pixel's place to the place that it is taken from."""
        u = jax.random.uniform(key, (7,), dtype, -1.0, 1.0)
        angle, shear = jnp.deg2rad(self.rotation) * u[0], self.shear * u[1]
        height, width = 1 + self.zoom * u[2], 1 + self.zoom * u[3]
        mirror = jnp.where(u[6] < 2 * self.flip - 1, -1.0, 1.0).astype(dtype)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        turn = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
        lean = jnp.array([[1.0, 0.0], [0.0, 1.0]], dtype).at[1, 0].set(shear)
        scale = jnp.diag(jnp.stack([height, width * mirror]))
        return turn @ lean @ scale, self.shift * u[4:6]

    def _bent(self, key: Array, image: Array) -> Array:
        knots = jax.random.normal(key, (2, _KNOTS, _KNOTS), image.dtype)
        rows, columns = (_between_knots(n, image.dtype) for n in image.shape)
        return self.elastic * jnp.einsum("hi,cij,wj->chw", rows, knots, columns)


def _between_knots(n: int, dtype: jnp.dtype) -> Array:
    """Weights (n, K) that take values at K knots to n pixels, by cubics."""
    return jax.image.resize(jnp.eye(_KNOTS, dtype=dtype), (n, _KNOTS), "cubic")


def _sampled(image: Array, places: Array) -> Array:
    """Values at places (2, H, W) between pixels; 0 outside."""
    height, width = image.shape
    padded = jnp.pad(image, 1).ravel()
    top = jnp.clip(places, -1.0, jnp.array([height, width], image.dtype)[:, None, None])
    low = jnp.clip(jnp.floor(top), -1.0, jnp.array([height, width], image.dtype)[:, None, None] - 1)
    share = top - low
    index = low.astype(jnp.int32) + 1
    first = index[0] * (width + 2) + index[1]
    above = padded[first] * (1 - share[1]) + padded[first + 1] * share[1]
    below = padded[first + width + 2] * (1 - share[1]) + padded[first + width + 3] * share[1]
    return above * (1 - share[0]) + below * share[0]
