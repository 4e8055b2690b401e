"""Drawing from rows at hand: dequantised, standardised by the training rows, cut to D."""

import numpy as np
from jax import Array
from jax.typing import DTypeLike

from gscale.data.cuts import Area, RandomColumns
from gscale.data.rows import Pool
from gscale.data.source import Rows, generator


def draw_columns(
    key: Array,
    pool: Pool,
    used: np.ndarray,
    cut: RandomColumns,
    dim: int,
    n_train: int,
    n_test: int,
    dtype: DTypeLike,
) -> Rows:
    """Rows of the columns ``used``, cut to D.

    Uniform noise is added to columns of integers; each is then shifted and scaled by the mean and the
    standard deviation of the training rows drawn.
    """
    rng = generator(key)
    columns = used[cut.columns(rng, len(used), dim)]
    train, test = (
        _dequantised(rng, pool.values[index][:, columns].astype(float), pool.integer[columns])
        for index in pool.draw(rng, n_train, n_test)
    )
    shift, scale = train.mean(0), train.std(0)
    scale = np.where(scale > 0, scale, 1.0)  # refused by who looks at the rows, with its name
    return Rows(((train - shift) / scale).astype(dtype), ((test - shift) / scale).astype(dtype))


def draw_images(
    key: Array, pool: Pool, cut: Area, side: int, n_train: int, n_test: int, dtype: DTypeLike
) -> Rows:
    """Images (N, k, k) cut to side×side; values in (0, 1), integers with uniform noise before the cut."""
    rng = generator(key)
    integer = bool(pool.integer.all())
    low, high = _range(pool)

    def pixels(index: np.ndarray) -> np.ndarray:
        chosen = pool.values[index].astype(float)
        noisy = chosen + rng.random(chosen.shape) if integer else chosen
        return cut.apply((noisy - low) / (high - low + integer), side).astype(dtype)

    train, test = pool.draw(rng, n_train, n_test)
    return Rows(pixels(train), pixels(test))


def _dequantised(rng: np.random.Generator, values: np.ndarray, integer: np.ndarray) -> np.ndarray:
    return values + rng.random(values.shape) * integer


def _range(pool: Pool) -> tuple[float, float]:
    """The values a pixel may take: all of a byte, otherwise those that are there."""
    if pool.values.dtype == np.uint8:
        return 0.0, 255.0
    return float(pool.low.min()), float(pool.high.max())
