"""Sources whose rows are in memory: dequantised, standardised by the training rows, cut to D."""

import numpy as np
from jax import Array
from jax.typing import DTypeLike

from gscale.data.base import Rows, check_available, check_dim, check_square, numpy_generator
from gscale.data.cards import Size
from gscale.data.reductions import ImageCut, TableCut
from gscale.data.row_pool import RowPool
from gscale.errors import InputError


class PooledSource:
    """A source that draws from a pool of rows, whose size is known before they are read."""

    @property
    def size(self) -> Size:
        raise NotImplementedError

    @property
    def pool(self) -> RowPool:
        """All rows; they are read at the first call."""
        raise NotImplementedError

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_available(self, dim, n_train, n_test, self.size.train, self.size.test)

    def _checked_pool(self, dim: int, n_train: int, n_test: int) -> RowPool:
        self.check(dim, n_train, n_test)
        pool = self.pool
        check_available(self, dim, n_train, n_test, len(pool.train), len(pool.test))
        return pool


class TableSource(PooledSource):
    """A table cut to D.

    Uniform noise is added to columns of integers; each is then shifted and scaled by the mean and the
    standard deviation of the training rows drawn.
    """

    cut: TableCut

    @property
    def max_dim(self) -> int:
        return self.size.width

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_dim(self, dim)
        super().check(dim, n_train, n_test)

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        pool, rng = self._checked_pool(dim, n_train, n_test), numpy_generator(key)
        varying = np.flatnonzero(pool.varies)
        if dim > len(varying):
            raise InputError(f"dim is {dim}: {self!r} has {len(varying)} columns that vary")
        columns = varying[self.cut.columns(rng, len(varying), dim)]

        def dequantised(index: np.ndarray) -> np.ndarray:
            values = pool.rows[index][:, columns].astype(float)
            return values + rng.random(values.shape) * pool.integer[columns]

        train, test = map(dequantised, pool.draw(rng, n_train, n_test))
        shift, scale = train.mean(0), train.std(0)
        # a column that happens to be constant stays so: check_rows refuses it, with its name
        scale = np.where(scale > 0, scale, 1.0)
        train, test = self.cut.project((train - shift) / scale, (test - shift) / scale, dim)
        return Rows(train.astype(dtype), test.astype(dtype))


class ImageSource(PooledSource):
    """Square grey images cut to D = k² pixels; integers get uniform noise before, values lie in (0, 1)."""

    cut: ImageCut

    @property
    def max_dim(self) -> int:
        return self.size.width**2

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_square(self, dim)
        super().check(dim, n_train, n_test)

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        pool, rng = self._checked_pool(dim, n_train, n_test), numpy_generator(key)
        side, integer = check_square(self, dim), bool(pool.integer.all())
        # a byte may take all its values, others those that occur
        low, high = (0, 255) if pool.rows.dtype == np.uint8 else (pool.low.min(), pool.high.max())

        def pixels(index: np.ndarray) -> np.ndarray:
            images = pool.rows[index].astype(float)
            noisy = images + rng.random(images.shape) if integer else images
            return self.cut.apply((noisy - low) / (high - low + integer), side).astype(dtype)

        train, test = pool.draw(rng, n_train, n_test)
        return Rows(pixels(train), pixels(test))
