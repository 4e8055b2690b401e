"""Quantiles of columns by counting rows in bins: no sort, and sums that add up over blocks of rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gscale.bijections.batching import over_blocks
from gscale.bijections.elementwise import take, unfused
from gscale.errors import InputError

_MIN_BINS = 64  # of a cell
_MAX_PASSES = 5  # bins of bins are then as fine as float32, wherever the rows are


# Sums (D,) of distances below the rows' lower tail point, and of their squares; then those above the upper.
TailSums = tuple[tuple[Array, Array], tuple[Array, Array]]


class LevelBins(NamedTuple):
    """Quantiles at K levels, and the bin of each: the number of rows in it and its ends, (K, D) each."""

    quantiles: Array
    counts: Array
    left: Array
    right: Array


class RowStatistics(Protocol):
    """What a marginal is fitted to: statistics of rows (N, D), in memory or not, that add up over parts."""

    @property
    def n(self) -> int:
        """Number of rows N."""
        ...

    def ends(self) -> tuple[Array, Array]:
        """Least and greatest value (D,) of the columns."""
        ...

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation (D,) of the columns."""
        ...

    def counts(self, edges: Array, n_bins: int) -> Array:
        """Numbers (J, B, D) of rows in the B bins of each of the J cells between edges (J+1, D)."""
        ...

    def tail_sums(self, lowest: Array, highest: Array) -> TailSums:
        """Sums (D,) of distances of the rows below and above two points (D,), and of squared distances."""
        ...

    def while_loop(self, unfinished: Callable[[Any], Array], step: Callable[[Any], Any], state: Any) -> Any:
        """Apply the step to the state as long as it is unfinished."""
        ...


@dataclass(frozen=True, eq=False)
class RowsInMemory:
    """Rows x (N, D) in one array."""

    x: Array

    @property
    def n(self) -> int:
        return self.x.shape[0]

    def ends(self) -> tuple[Array, Array]:
        return self.x.min(0), self.x.max(0)

    def moments(self) -> tuple[Array, Array]:
        lowest, highest = self.ends()
        mean = self.x.mean(0)
        return mean, deviation(self.x, mean, jnp.maximum(highest - mean, mean - lowest))

    def counts(self, edges: Array, n_bins: int) -> Array:
        return _histograms(self.x, edges, n_bins)

    def tail_sums(self, lowest: Array, highest: Array) -> TailSums:
        return _tail_sums(self.x, lowest, highest)

    def while_loop(self, unfinished: Callable[[Any], Array], step: Callable[[Any], Any], state: Any) -> Any:
        return lax.while_loop(unfinished, step, state)


def quantiles(rows: RowStatistics, levels: np.ndarray, least: Array) -> Array:
    """Quantiles (K, D) of columns at increasing levels (K,), to within their standard error.

    The first cells lie between the quantiles of a normal law, later ones are the bins that hold the levels;
    each cell is split into bins of one width. A level lies in its bin in proportion to the rows counted
    there: passes over the rows end when half of these, which bounds the error of most laws' ranks, are no
    more than the standard error √(N p (1−p)) of the level's rank, or when a bin is no wider than ``least``,
    after five passes at the latest. Rows that are nearly normal take one.

    Parameters
    ----------
    rows : RowStatistics
        Of N rows in D columns.
    levels : ndarray, shape (K,)
        Increasing, in (0, 1).
    least : Array, shape (D,)
        Width of a bin that need not be split.

    Examples
    --------
    >>> import jax
    >>> x = jax.random.normal(jax.random.key(0), (20_000, 2))
    >>> levels = np.array([0.1, 0.5, 0.9])
    >>> counted = quantiles(RowsInMemory(x), levels, jnp.full(2, 1e-6))
    >>> bool(jnp.abs(counted - jnp.quantile(x, levels, axis=0)).max() < 0.005)
    True
    """
    n = rows.n
    n_bins = 2 ** math.ceil(math.log2(max(_MIN_BINS, 2 * np.diff(levels).max(initial=0) * n**0.5)))
    lowest, highest = rows.ends()
    mean, deviation = rows.moments()
    max_count = jnp.asarray(2 * np.maximum(np.sqrt(n * levels * (1 - levels)), 1), mean.dtype)[:, None]
    normal = jnp.asarray([NormalDist().inv_cdf(level) for level in levels], mean.dtype)[:, None]

    def unfinished(state: tuple[Array, LevelBins]) -> Array:
        passes, bins = state
        fine = ((bins.counts <= max_count) | (bins.right - bins.left <= least[None])).all()
        return ~fine & (passes < _MAX_PASSES)

    def count_between(inner: Array) -> LevelBins:
        edges = jnp.concatenate([lowest[None], jnp.clip(inner, lowest[None], highest[None]), highest[None]])
        return _at_levels(rows.counts(edges, n_bins), edges, n * levels)

    def refine(state: tuple[Array, LevelBins]) -> tuple[Array, LevelBins]:
        passes, bins = state
        ends = jnp.stack([bins.left, bins.right], 1).reshape(-1, mean.size)
        return passes + 1, count_between(lax.cummax(ends))

    start = jnp.int32(1), count_between(mean[None] + deviation[None] * normal)
    return lax.cummax(rows.while_loop(unfinished, refine, start)[1].quantiles)


def deviation(x: Array, mean: Array, furthest: Array) -> Array:
    """Standard deviation (D,) of columns x (N, D); in units of the furthest row squares stay finite."""
    unit = furthest + jnp.finfo(x.dtype).tiny

    def add(total: Array, block: Array, new: Array) -> Array:
        return total + jnp.where(new[:, None], ((block - mean[None]) / unit[None]) ** 2, 0).sum(0)

    return unit * jnp.sqrt(over_blocks(add, jnp.zeros_like(mean), x) / x.shape[0])


def _tail_sums(x: Array, lowest: Array, highest: Array) -> TailSums:
    def add(total: Any, block: Array, new: Array) -> Any:
        distances = (lowest[None] - block, block - highest[None])
        below, above = (jnp.where(new[:, None], jnp.maximum(d, 0), 0) for d in distances)
        sums = ((below.sum(0), (below**2).sum(0)), (above.sum(0), (above**2).sum(0)))
        return jax.tree.map(jnp.add, total, sums)

    zero = jnp.zeros_like(lowest)
    return over_blocks(add, ((zero, zero), (zero, zero)), x)


def _histograms(x: Array, edges: Array, n_bins: int) -> Array:
    """Numbers (J, B, D) of rows of x in the B bins of each of the J cells between edges (J+1, D)."""
    n_cells, dim = edges.shape[0] - 1, x.shape[1]
    column = jnp.arange(dim, dtype=jnp.int32)
    per_width = n_bins / jnp.maximum(jnp.diff(edges, axis=0), jnp.finfo(x.dtype).tiny ** 0.5)

    def count(counts: Array, block: Array, new: Array) -> Array:
        cell = jnp.zeros(block.shape, jnp.int32)
        for edge in edges[1:-1]:
            cell += block >= edge[None]
        left, scale = take((edges[:-1], per_width), cell * dim + column[None])
        inside = jnp.clip(((block - left) * scale).astype(jnp.int32), 0, n_bins - 1)
        index = (cell * n_bins + inside) * dim + column[None]
        return unfused(_add_rows)(counts, index, new)

    counts = over_blocks(count, jnp.zeros(n_cells * n_bins * dim, jnp.int32), x)
    return counts.reshape(n_cells, n_bins, dim)


def _add_rows(counts: Array, index: Array, new: Array) -> Array:
    return counts.at[index].add(new[:, None].astype(jnp.int32), mode="promise_in_bounds")


def _at_levels(counts: Array, edges: Array, ranks: np.ndarray) -> LevelBins:
    """The points below which so many rows (K,) lie, by the histograms (J, B, D) of the cells."""
    n_cells, n_bins, _ = counts.shape
    rank = jnp.asarray(ranks, edges.dtype)[:, None]
    upto = jnp.cumsum(counts.sum(1), 0)
    cell = jnp.minimum((upto[None] <= rank[:, None]).sum(1), n_cells - 1)  # (K, D)
    inside = jnp.take_along_axis(counts, cell[:, None], 0)  # (K, B, D)
    below = jnp.take_along_axis(upto - counts.sum(1), cell, 0)
    upto_bin = below[:, None] + jnp.cumsum(inside, 1)
    bin_ = jnp.minimum((upto_bin <= rank[:, None]).sum(1), n_bins - 1)[:, None]
    rows = jnp.take_along_axis(inside, bin_, 1)[:, 0]
    before = jnp.take_along_axis(upto_bin, bin_, 1)[:, 0] - rows
    share = jnp.clip((rank - before) / jnp.maximum(rows, 1), 0, 1)
    width = jnp.take_along_axis(jnp.diff(edges, axis=0), cell, 0) / n_bins
    left = jnp.take_along_axis(edges, cell, 0) + bin_[:, 0] * width
    return LevelBins(left + share * width, rows, left, left + width)


def check_countable(spec: Any, first: Any, dim: int) -> None:
    """Refuse a `LayerSpec`, or a marginal in front, that needs all rows (N, D) in one array.

    Raises
    ------
    InputError
        Naming the part.
    """
    if spec.coupling is not None:
        raise InputError(f"{spec.coupling!r} is fitted to all rows at once in memory: leave it out")
    for marginal in (spec.marginal, first):
        if marginal is not None and not hasattr(marginal, "fit_counted"):
            raise InputError(
                f"{marginal!r} is fitted to all rows at once in memory: take Quantiles or Moments"
            )
    rows = jax.ShapeDtypeStruct((2, dim), jnp.float32)
    traced = jax.make_jaxpr(lambda rows: eqx.filter(spec.rotation.fit(jax.random.key(0), rows), eqx.is_array))
    program = traced(rows).jaxpr
    if any(program.invars[0] in _variables(equation) for equation in program.eqns):
        raise InputError(
            f"{spec.rotation!r} is fitted to all rows at once in memory: take one that doesn't, as Haar()"
        )


def _variables(equation: Any) -> list[Any]:
    return [variable for variable in equation.invars if not hasattr(variable, "val")]
