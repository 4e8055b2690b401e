"""Rows in blocks: intermediate results of a block stay in the processor's cache."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import Array, lax

# On the CPU a spline on 20,000 × 256 takes a quarter of the time in blocks of a megabyte, which stay in a
# core's cache; an accelerator wants as many rows as fit.
_NUMBERS = {"cpu": 2**18}
_NUMBERS_ELSEWHERE = 2**24
PRODUCT_NUMBERS = 2**23  # larger matrix products are faster, up to blocks of this size
_MIN_ROWS = 256  # of a block, however many dimensions


def in_blocks(function: Callable[[Array], Any], rows: Array) -> Any:
    """``jax.vmap(function)(rows)`` for rows (N, D), in blocks of about a quarter of a million numbers.

    Parameters
    ----------
    function : callable
        From a row (D,) to an array or a pytree of arrays.
    rows : Array, shape (N, D)

    Returns
    -------
    Array or pytree of arrays
        With a leading axis N.

    Examples
    --------
    >>> rows = jnp.arange(20_000.0).reshape(10_000, 2)
    >>> bool((in_blocks(jnp.sum, rows) == rows.sum(1)).all())
    True
    """
    n = rows.shape[0]
    n_blocks, size = _block_sizes(rows)
    if n_blocks < 2:
        return jax.vmap(function)(rows)

    def add_block(images: Any, start: Array) -> tuple[Any, None]:
        block = jax.vmap(function)(lax.dynamic_slice_in_dim(rows, start, size))
        return jax.tree.map(lambda a, b: lax.dynamic_update_slice_in_dim(a, b, start, 0), images, block), None

    shapes = jax.eval_shape(jax.vmap(function), rows)
    empty = jax.tree.map(lambda shape: jnp.zeros(shape.shape, shape.dtype), shapes)
    starts = jnp.minimum(jnp.arange(n_blocks) * size, n - size)  # the last may begin within the one before
    return lax.scan(add_block, empty, starts)[0]


def through_blocks(
    forward: Callable[[Array], tuple[Array, Array]], rows: Array, numbers: int | None = None
) -> tuple[Array, Array]:
    """``jax.vmap(forward)(rows)`` for a map of rows (N, D), block by block; images overwrite their rows.

    Parameters
    ----------
    forward : callable
        From a row (D,) to its image (D,) and log|det J|, () or of parts of the row, (S,).
    rows : Array, shape (N, D)
    numbers : int, optional
        Numbers in a block, about; if not given, as many as stay in the cache.

    Returns
    -------
    images : Array, shape (N, D)
    log_det : Array, shape (N,) or (N, S)
        In nats.

    Examples
    --------
    >>> rows = jnp.ones((300_001, 2))
    >>> images, log_det = through_blocks(lambda row: (2 * row, row.sum()), rows)
    >>> bool((images == 2).all()), bool((log_det == 2).all())
    (True, True)
    """
    n = rows.shape[0]
    n_blocks, size = _block_sizes(rows, numbers)
    if n_blocks < 2:
        return jax.vmap(forward)(rows)

    def replace_block(state: tuple[Array, Array], index: Array) -> tuple[tuple[Array, Array], None]:
        start = jnp.minimum(index * size, n - size)
        before = tuple(lax.dynamic_slice_in_dim(array, start, size) for array in state)
        after = jax.vmap(forward)(before[0])
        if n % size:  # rows of the block before are images already
            new = start + jnp.arange(size) >= index * size
            images, of_rows = (
                jnp.where(jnp.expand_dims(new, range(1, a.ndim)), a, b)
                for a, b in zip(after, before, strict=True)
            )
            after = images, of_rows
        rows, log_det = (
            lax.dynamic_update_slice_in_dim(a, b, start, 0) for a, b in zip(state, after, strict=True)
        )
        return (rows, log_det), None

    log_det = jax.eval_shape(jax.vmap(forward), rows)[1]
    state = rows, jnp.zeros(log_det.shape, log_det.dtype)
    return lax.scan(replace_block, state, jnp.arange(n_blocks))[0]


def over_blocks(add: Callable[[Any, Array, Array], Any], total: Any, rows: Array) -> Any:
    """A total over the rows (N, D), from ``add(total, block, new)`` for one block after the other.

    Parameters
    ----------
    add : callable
        From the total so far, a block (B, D) and ``new`` (B,), which says which of its rows were in no block
        before: where N is no multiple of B, the last block begins within the one before.
    total : pytree of arrays
        The total of no rows.
    rows : Array, shape (N, D)

    Examples
    --------
    >>> def add(total, block, new):
    ...     return total + jnp.where(new[:, None], block, 0).sum(0)
    >>> over_blocks(add, jnp.zeros(1), jnp.ones((10_001, 1))).tolist()
    [10001.0]
    """
    n = rows.shape[0]
    n_blocks, size = _block_sizes(rows)

    def add_block(total: Any, index: Array) -> tuple[Any, None]:
        start = jnp.minimum(index * size, n - size)
        block = lax.dynamic_slice_in_dim(rows, start, size)
        return add(total, block, start + jnp.arange(size) >= index * size), None

    return lax.scan(add_block, total, jnp.arange(n_blocks))[0]


def _block_sizes(rows: Array, numbers: int | None = None) -> tuple[int, int]:
    """Number of blocks, and rows in each."""
    n, dim = rows.shape
    if numbers is None:
        numbers = _NUMBERS.get(jax.default_backend(), _NUMBERS_ELSEWHERE)
    n_blocks = -(-n // max(numbers // dim, _MIN_ROWS))
    return n_blocks, -(-n // n_blocks)
