"""Quantiles of columns by counting rows in bins: no sort, and sums that add up over blocks of rows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gscale.bijections.batching import over_blocks
from gscale.bijections.cumulative import running_max, running_sum
from gscale.bijections.elementwise import take, unfused
from gscale.errors import InputError

_MIN_BINS = 16  # of a cell
_MAX_PASSES = 7  # bins of bins are then as fine as float32, wherever the rows are
_REACH = 6.0  # standard deviations to either side of the mean that the first bins cover
# First bins per √N: those of normal columns, of 12/T standard deviations, then hold half as many rows as the
# standard error allows, and one pass over the rows is enough.
_BINS_PER_ROOT = 10


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

    def counts(self, edges: Array, n_bins: int, equal: Array) -> Array:
        """Numbers (J, B, D) of rows in the B bins of each of the J cells between edges (J+1, D).

        The outer bins reach to the ends of the rows. Where the cells are ``equal`` (), of one width, no cell
        has to be searched for.
        """
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

    def counts(self, edges: Array, n_bins: int, equal: Array) -> Array:
        return _histograms(self.x, edges, n_bins, equal)

    def tail_sums(self, lowest: Array, highest: Array) -> TailSums:
        return _tail_sums(self.x, lowest, highest)

    def while_loop(self, unfinished: Callable[[Any], Array], step: Callable[[Any], Any], state: Any) -> Any:
        return lax.while_loop(unfinished, step, state)


def quantiles(rows: RowStatistics, levels: np.ndarray, least: Array) -> Array:
    """Quantiles (K, D) of columns at increasing levels (K,), to within their standard error.

    The first bins have one width and lie within six standard deviations of the mean; later ones split the
    bins that hold the levels. A level lies in its bin in proportion to the rows counted there: passes over
    the rows end when half of these, which bounds the error of most laws' ranks, are no more than the
    standard error √(N p (1−p)) of the level's rank, or when a bin is no wider than ``least``, after seven
    passes at the latest. Columns that are nearly normal take one.

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
    n, n_cells = rows.n, 2 * len(levels) + 1
    n_bins = max(_MIN_BINS, 8 * math.ceil(_BINS_PER_ROOT * n**0.5 / n_cells / 8))
    lowest, highest = rows.ends()
    mean, deviation = rows.moments()
    max_count = jnp.asarray(2 * np.maximum(np.sqrt(n * levels * (1 - levels)), 1), mean.dtype)[:, None]

    def is_fine(bins: LevelBins) -> Array:
        return ((bins.counts <= max_count) | (bins.right - bins.left <= least[None])).all(0)  # (D,)

    def unfinished(state: tuple[Array, Array, LevelBins]) -> Array:
        passes, _, bins = state
        return ~is_fine(bins).all() & (passes < _MAX_PASSES)

    def count(state: tuple[Array, Array, LevelBins]) -> tuple[Array, Array, LevelBins]:
        passes, edges, before = state
        counts = rows.counts(edges, n_bins, passes == 0)
        bins = _at_levels(counts, edges, (lowest, highest), n * levels)
        is_done = is_fine(before)[None]  # columns do not depend on each other
        bins = LevelBins(*(jnp.where(is_done, a, b) for a, b in zip(before, bins, strict=True)))
        inner = running_max(jnp.stack([bins.left, bins.right], 1).reshape(-1, mean.size))
        return passes + 1, jnp.concatenate([lowest[None], inner, highest[None]]), bins

    # Rounded, so that moments which differ in their last digits have the same bins.
    unit = jnp.exp2(jnp.floor(jnp.log2(deviation + jnp.finfo(mean.dtype).tiny)) - 2)
    left, right = (unit * jnp.round((mean + reach * deviation) / unit) for reach in (-_REACH, _REACH))
    edges = left[None] + np.linspace(0, 1, n_cells + 1, dtype=mean.dtype)[:, None] * (right - left)[None]
    empty = jnp.zeros((len(levels), mean.size), mean.dtype)
    unknown = LevelBins(empty, empty.astype(jnp.int32) + n, empty, empty + jnp.inf)
    return rows.while_loop(unfinished, count, (jnp.int32(0), edges, unknown))[2].quantiles


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


def _histograms(x: Array, edges: Array, n_bins: int, equal: Array) -> Array:
    """`RowStatistics.counts` of rows x (N, D)."""
    n_cells, dim = edges.shape[0] - 1, x.shape[1]
    total, tiny = n_cells * n_bins, jnp.finfo(x.dtype).tiny ** 0.5
    per_width = n_bins / jnp.maximum(jnp.diff(edges, axis=0), tiny)
    per_equal_width = total / jnp.maximum(edges[-1:] - edges[:1], tiny)

    def in_equal_cells(block: Array) -> Array:
        return jnp.clip((block - edges[:1]) * per_equal_width, 0, total - 1).astype(jnp.int32)

    def in_cells(block: Array) -> Array:
        cell = _cells(block, edges)
        left, scale = take((edges[:-1], per_width), cell * dim + _columns(dim))
        return cell * n_bins + jnp.clip((block - left) * scale, 0, n_bins - 1).astype(jnp.int32)

    def count(counts: Array, block: Array, new: Array) -> Array:
        bins = lax.cond(equal, in_equal_cells, in_cells, block)
        return unfused(_add_rows)(counts, bins * dim + _columns(dim), new)

    counts = over_blocks(count, jnp.zeros(total * dim, jnp.int32), x)
    return counts.reshape(n_cells, n_bins, dim)


def _columns(dim: int) -> Array:
    return jnp.arange(dim, dtype=jnp.int32)[None]


def _cells(block: Array, edges: Array) -> Array:
    """The cell between edges (J+1, D) of each number of a block (B, D), the last that it reaches."""
    n_cells, dim = edges.shape[0] - 1, block.shape[1]
    n_halvings = math.ceil(math.log2(n_cells))

    def halve(i: Array, cell: Array) -> Array:
        further = cell + (1 << (n_halvings - 1 - i))
        edge = take((edges,), jnp.minimum(further, n_cells) * dim + _columns(dim))[0]
        return jnp.where((further < n_cells) & (block >= edge), further, cell)

    return lax.fori_loop(0, n_halvings, halve, jnp.zeros(block.shape, jnp.int32))


def _add_rows(counts: Array, index: Array, new: Array) -> Array:
    return counts.at[index].add(new[:, None].astype(jnp.int32), mode="promise_in_bounds")


def _at_levels(counts: Array, edges: Array, ends: tuple[Array, Array], ranks: np.ndarray) -> LevelBins:
    """The points below which so many rows (K,) lie, by the histograms (J, B, D) of the cells.

    The outer bins reach to the ends (D,) of the rows.
    """
    n_cells, n_bins, dim = counts.shape
    rank = jnp.asarray(ranks, edges.dtype)[:, None]
    totals = counts.sum(1, dtype=counts.dtype)
    upto = running_sum(totals)
    cell = jnp.minimum((upto[None] <= rank[:, None]).sum(1, dtype=jnp.int32), n_cells - 1)  # (K, D)
    place = cell * dim + _columns(dim)
    left_edge, right_edge, below = _take((edges[:-1], edges[1:], upto - totals), place)
    offsets = np.arange(n_bins, dtype=np.int32)[None, :, None]  # (1, B, 1)
    (inside,) = _take((counts,), (cell[:, None] * n_bins + offsets) * dim + _columns(dim)[None])  # (K, B, D)
    before = below[:, None] + lax.cumsum(inside, 1) - inside
    bin_ = jnp.minimum((before + inside <= rank[:, None]).sum(1, dtype=jnp.int32), n_bins - 1)  # (K, D)
    here = offsets == bin_[:, None]
    rows, n_before = (jnp.where(here, number, 0).sum(1, dtype=counts.dtype) for number in (inside, before))
    share = jnp.clip((rank - n_before) / jnp.maximum(rows, 1), 0, 1)
    width = (right_edge - left_edge) / n_bins
    is_first, is_last = ((cell == i) & (bin_ == b) for i, b in ((0, 0), (n_cells - 1, n_bins - 1)))
    left = jnp.where(is_first, ends[0][None], left_edge + bin_ * width)
    right = jnp.where(is_last, ends[1][None], left_edge + (bin_ + 1) * width)
    return LevelBins(left + share * (right - left), rows, left, right)


def _take(tables: tuple[Array, ...], index: Array) -> tuple[Array, ...]:
    """Entries of tables at flat indices, few enough to be fused with what is made of them."""
    return tuple(table.reshape(-1).at[index].get(mode="promise_in_bounds") for table in tables)


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
