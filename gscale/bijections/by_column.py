"""Marginals fitted to rows and applied to them; the columns of a batch of fits are those of one.

`jax.vmap` of a gather or a scatter carries the index of the batch along with each number's, which makes a
fit of several seeds slower by half, and longer to compile. A marginal of columns that do not depend on each
other needs none: the columns of S seeds are S·D columns of the same rows.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax import Array
from jax.custom_batching import custom_vmap

from gscale.bijections.base import Bijection
from gscale.bijections.batching import through_blocks

Fitted = tuple[Bijection, Array, Array]


def fit_through(marginal: Any, key: Array, rows: Array, n_train: int) -> Fitted:
    """Fit a marginal to the first rows and map all of them.

    Parameters
    ----------
    marginal : Spec
        Where it has an attribute ``by_column`` that is true, it fits each column on its own, without the
        key, to a map that has a method ``forward_each`` and arrays of a last axis D; `jax.vmap` of this
        function is then one call with the columns of all.
    key : Array
        Random key.
    rows : Array, shape (N + M, D)
    n_train : int
        Number N of rows to fit to.

    Returns
    -------
    map : Bijection
    images : Array, shape (N + M, D)
    log_det : Array, shape (N + M,)
        Of each row, in nats.
    """
    if getattr(marginal, "by_column", False):
        fitted: Fitted = _of_columns(marginal, key, n_train)(rows)
        return fitted
    fitted_map = marginal.fit(key, rows[:n_train])
    return fitted_map, *through_blocks(fitted_map.forward, rows)


def map_columns(fitted: Any, rows: Array) -> Fitted:
    """Map rows (S, N, D) by a map that was fitted to all their S·D columns.

    Returns
    -------
    maps : Bijection
        One for each of the S parts, stacked.
    images : Array, shape (S, N, D)
    log_det : Array, shape (S, N)
        In nats.
    """
    n_batch, _, dim = rows.shape

    def forward(row: Array) -> tuple[Array, Array]:
        images, log_slopes = fitted.forward_each(row)
        return images, log_slopes.reshape(n_batch, dim).sum(1)

    images, log_det = through_blocks(forward, _as_columns(rows))
    return jax.tree.map(lambda a: _split(a, n_batch), fitted), _split(images, n_batch), log_det.T


def _of_columns(marginal: Any, key: Array, n_train: int) -> Any:
    def fit_batch(rows: Array) -> Fitted:
        return map_columns(marginal.fit(key, _as_columns(rows[:, :n_train])), rows)

    @custom_vmap
    def fit(rows: Array) -> Fitted:
        fitted: Fitted = jax.tree.map(lambda a: a[0], fit_batch(rows[None]))
        return fitted

    @fit.def_vmap
    def _(_size: int, _batched: Any, rows: Array) -> tuple[Fitted, Any]:
        fitted = fit_batch(rows)
        return fitted, jax.tree.map(lambda _: True, fitted)

    return fit


def _as_columns(rows: Array) -> Array:
    """Rows (S, N, D) as (N, S·D)."""
    return jnp.moveaxis(rows, 0, 1).reshape(rows.shape[1], -1)


def _split(a: Array, n_batch: int) -> Array:
    """An array (…, S·D) as (S, …, D)."""
    return jnp.moveaxis(a.reshape(*a.shape[:-1], n_batch, -1), -2, 0)
