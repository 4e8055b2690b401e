"""Sources of rows at hand: dequantised, standardised by the training rows, cut to D."""

from typing import NamedTuple

import numpy as np
from jax import Array
from jax.typing import DTypeLike

from gscale.data.base import Rows, check_available, check_dim, check_square, generator
from gscale.data.reductions import ImageCut, TableCut
from gscale.data.row_pool import Pool
from gscale.errors import InputError


class Size(NamedTuple):
    """Rows for training and for testing, and the columns or the side of the images; known without a file."""

    train: int
    test: int
    width: int


class FromTable:
    """A table cut to D.

    Uniform noise is added to columns of integers; each is then shifted and scaled by the mean and the
    standard deviation of the training rows drawn.
    """

    cut: TableCut

    @property
    def size(self) -> Size:
        raise NotImplementedError

    @property
    def pool(self) -> Pool:
        """The rows, read where they are not yet."""
        raise NotImplementedError

    @property
    def max_dim(self) -> int:
        return self.size.width

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_dim(self, dim)
        check_available(self, dim, n_train, n_test, self.size.train, self.size.test)

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        self.check(dim, n_train, n_test)
        pool, rng = self.pool, generator(key)
        check_available(self, dim, n_train, n_test, len(pool.train), len(pool.test))
        used = np.flatnonzero(pool.low < pool.high)
        if dim > len(used):
            raise InputError(f"dim is {dim}: {self!r} has {len(used)} columns that vary")
        columns = used[self.cut.columns(rng, len(used), dim)]
        train, test = (
            _dequantised(rng, pool.rows[index][:, columns].astype(float), pool.integer[columns])
            for index in pool.draw(rng, n_train, n_test)
        )
        shift, scale = train.mean(0), train.std(0)
        scale = np.where(scale > 0, scale, 1.0)  # who gets the rows refuses them, and names the column
        train, test = self.cut.project((train - shift) / scale, (test - shift) / scale, dim)
        return Rows(train.astype(dtype), test.astype(dtype))


class FromImages:
    """Square grey images cut to D = k² pixels; integers get uniform noise before, values lie in (0, 1)."""

    cut: ImageCut

    @property
    def size(self) -> Size:
        raise NotImplementedError

    @property
    def pool(self) -> Pool:
        """The images, read where they are not yet."""
        raise NotImplementedError

    @property
    def max_dim(self) -> int:
        return self.size.width**2

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_square(self, dim)
        check_available(self, dim, n_train, n_test, self.size.train, self.size.test)

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        self.check(dim, n_train, n_test)
        pool, rng, side = self.pool, generator(key), check_square(self, dim)
        check_available(self, dim, n_train, n_test, len(pool.train), len(pool.test))
        integer = bool(pool.integer.all())
        low, high = _range(pool)

        def pixels(index: np.ndarray) -> np.ndarray:
            chosen = pool.rows[index].astype(float)
            noisy = chosen + rng.random(chosen.shape) if integer else chosen
            return self.cut.apply((noisy - low) / (high - low + integer), side).astype(dtype)

        train, test = pool.draw(rng, n_train, n_test)
        return Rows(pixels(train), pixels(test))


def _dequantised(rng: np.random.Generator, values: np.ndarray, integer: np.ndarray) -> np.ndarray:
    return values + rng.random(values.shape) * integer


def _range(pool: Pool) -> tuple[float, float]:
    """The values a pixel may take: all of a byte, otherwise those that are there."""
    if pool.rows.dtype == np.uint8:
        return 0.0, 255.0
    return float(pool.low.min()), float(pool.high.max())
