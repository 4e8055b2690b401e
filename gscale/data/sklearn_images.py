"""Natural images that ship with scikit-learn: patches of photographs, and handwritten digits."""

from dataclasses import dataclass
from functools import cache

import numpy as np
from jax import Array
from jax.typing import DTypeLike

from gscale.data.base import Rows, check_available, check_square, numpy_generator
from gscale.data.cards import read_card
from gscale.data.reductions import LUMINANCE, area_average

_PHOTOGRAPHS = ("china.jpg", "flower.jpg")  # 427 × 640 pixels each
_BLOCK = (61, 64)  # the photographs fall into 7 × 10 blocks; a patch lies within one
_BLOCKS = (7, 10)
_EVERY = 5  # one block or digit in five is for testing


@dataclass(frozen=True)
class Patches:
    """k×k grey patches (D = k², k = 2 … 28) of the two photographs that ship with scikit-learn.

    The photographs are cut into blocks; one block in five is for testing, spread over all rows and
    columns, so that train and test share no pixel and yet see the same scenes. A patch is a random
    position inside a block, none twice. Values are dequantised with uniform noise and lie in (0, 1).

    Examples
    --------
    >>> import jax
    >>> rows = Patches().sample(jax.random.key(0), 16, 100, 50, "float32")
    >>> rows.train.shape, rows.test.shape
    ((100, 16), (50, 16))
    """

    card = read_card("patches")

    @property
    def max_dim(self) -> int:
        return 28**2

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        side = check_square(self, dim)
        check_available(self, dim, n_train, n_test, *map(len, _positions(side)))

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        self.check(dim, n_train, n_test)
        side = check_square(self, dim)
        rng = numpy_generator(key)
        photographs = _photographs()

        def cut(positions: np.ndarray, n: int) -> np.ndarray:
            image, row, column = rng.choice(positions, n, replace=False, shuffle=False).T
            window = np.arange(side)
            rows = row[:, None, None] + window[None, :, None]
            columns = column[:, None, None] + window[None, None, :]
            pixels = photographs[image[:, None, None], rows, columns].reshape(n, dim)
            return ((pixels + rng.random(pixels.shape)) / 256).astype(dtype)

        train, test = _positions(side)
        return Rows(cut(train, n_train), cut(test, n_test))


@dataclass(frozen=True)
class Digits:
    """Handwritten digits of scikit-learn (1797 images of 8×8 pixels), averaged down to k×k (D = k² ≤ 64).

    Every fifth image is for testing. Values are dequantised with uniform noise before they are averaged
    over the area of the larger pixels, and lie in (0, 1).

    Examples
    --------
    >>> import jax
    >>> Digits().sample(jax.random.key(0), 9, 1000, 300, "float32").train.shape
    (1000, 9)
    """

    card = read_card("digits")

    @property
    def max_dim(self) -> int:
        return 64

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_square(self, dim)
        check_available(self, dim, n_train, n_test, self.card.size.train, self.card.size.test)

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        self.check(dim, n_train, n_test)
        side = check_square(self, dim)
        rng = numpy_generator(key)
        images = _digits()
        shrink = area_average(8, side)
        held_out = np.arange(len(images)) % _EVERY == 0

        def draw(pool: np.ndarray, n: int) -> np.ndarray:
            drawn = rng.choice(pool, n, replace=False)
            pixels = (drawn + rng.random(drawn.shape)) / 17
            return (shrink @ pixels @ shrink.T).reshape(n, dim).astype(dtype)

        return Rows(draw(images[~held_out], n_train), draw(images[held_out], n_test))


@cache
def _photographs() -> np.ndarray:
    """Grey photographs (2, 427, 640), values 0 … 255."""
    from sklearn.datasets import load_sample_image  # takes a second

    colour = np.stack([load_sample_image(name) for name in _PHOTOGRAPHS])
    return np.rint(colour @ LUMINANCE)


@cache
def _digits() -> np.ndarray:
    """Images (1797, 8, 8), values 0 … 16."""
    from sklearn.datasets import load_digits  # takes a second

    return load_digits().images


@cache
def _positions(side: int) -> tuple[np.ndarray, np.ndarray]:
    """Every (photograph, row, column) at which a patch fits into a training block, and into a test block."""
    image, block_row, block_column, row, column = np.indices(
        (len(_PHOTOGRAPHS), *_BLOCKS, _BLOCK[0] - side + 1, _BLOCK[1] - side + 1)
    ).reshape(5, -1)
    positions = np.stack([image, block_row * _BLOCK[0] + row, block_column * _BLOCK[1] + column], 1)
    # Test blocks lie a knight's move apart: one in five of every row and column, no two side by side.
    held_out = (block_row * 2 + block_column + image) % _EVERY == 0
    return positions[~held_out], positions[held_out]
