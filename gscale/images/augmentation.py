"""Random changes of images that leave what they show as it is."""

from dataclasses import dataclass

import jax
import jax.numpy as jnp
from jax import Array

from gscale.errors import InputError
from gscale.validation import check_at_least, check_share

_KNOTS = 4  # a side of the coarse grid from which an elastic field is interpolated


@dataclass(frozen=True)
class Augmentation:
    """Rotate, zoom, shift, shear, bend and mirror images at random, by bilinear interpolation.

    Parameters
    ----------
    rotation : float
        Degrees at most, to either side.
    zoom : float
        Share by which height and width grow or shrink at most, independently; below 1.
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

    References
    ----------
    Simard, Steinkraus and Platt, Best practices for convolutional neural networks, ICDAR 2003, for elastic
    fields.

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
        check_at_least(0, vars(self))
        check_share({"zoom": self.zoom})
        if self.flip > 1:
            raise InputError(f"flip is {self.flip}: it is a probability, at most 1")

    def __call__(self, key: Array, images: Array) -> Array:
        """The images (N, H, W), each changed independently."""
        keys = jax.random.split(key, images.shape[0])
        return jax.vmap(self._augment)(keys, images)

    def _augment(self, key: Array, image: Array) -> Array:
        affine_key, elastic_key = jax.random.split(key)
        centre = (jnp.array(image.shape, image.dtype) - 1) / 2
        matrix, shift = self._affine(affine_key, image.dtype)
        from_centre = jnp.indices(image.shape, image.dtype) - centre[:, None, None]
        coordinates = jnp.einsum("ij,jhw->ihw", matrix, from_centre) + (centre + shift)[:, None, None]
        if self.elastic:
            coordinates = coordinates + self._elastic_field(elastic_key, image)
        return _interpolate(image, coordinates)

    def _affine(self, key: Array, dtype: jnp.dtype) -> tuple[Array, Array]:
        """A matrix (2, 2) and a shift (2,) that take a pixel to the coordinates that it is sampled from."""
        u = jax.random.uniform(key, (7,), dtype, -1.0, 1.0)
        angle, shear = jnp.deg2rad(self.rotation) * u[0], self.shear * u[1]
        height, width = 1 + self.zoom * u[2], 1 + self.zoom * u[3]
        mirror = jnp.where(u[6] < 2 * self.flip - 1, -1.0, 1.0).astype(dtype)
        cos, sin = jnp.cos(angle), jnp.sin(angle)
        rotation = jnp.stack([jnp.stack([cos, -sin]), jnp.stack([sin, cos])])
        shearing = jnp.eye(2, dtype=dtype).at[1, 0].set(shear)
        scale = jnp.diag(jnp.stack([height, width * mirror]))
        return rotation @ shearing @ scale, self.shift * u[4:6]

    def _elastic_field(self, key: Array, image: Array) -> Array:
        """Displacements (2, H, W) in pixels: cubics between independent normal ones at the knots."""
        knots = jax.random.normal(key, (2, _KNOTS, _KNOTS), image.dtype)
        identity = jnp.eye(_KNOTS, dtype=image.dtype)
        rows, columns = (jax.image.resize(identity, (n, _KNOTS), "cubic") for n in image.shape)
        return self.elastic * jnp.einsum("hi,cij,wj->chw", rows, knots, columns)


def _interpolate(image: Array, coordinates: Array) -> Array:
    """Values (H, W) of an image at coordinates (2, H, W) between pixels; 0 outside.

    It takes half the time of `jax.scipy.ndimage.map_coordinates`, which also rounds otherwise.
    """
    width = image.shape[1] + 2
    end = jnp.array(image.shape, image.dtype)[:, None, None]
    padded = jnp.pad(image, 1).ravel()
    clipped = jnp.clip(coordinates, -1.0, end)
    low = jnp.clip(jnp.floor(clipped), -1.0, end - 1)
    share = clipped - low
    index = low.astype(jnp.int32) + 1
    first = index[0] * width + index[1]
    above = padded[first] * (1 - share[1]) + padded[first + 1] * share[1]
    below = padded[first + width] * (1 - share[1]) + padded[first + width + 1] * share[1]
    return above * (1 - share[0]) + below * share[0]
