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
from gscale.bijections.elementwise import gathered, kept_apart
from gscale.errors import InputError

_FEWEST_BINS = 64  # a cell
_MOST_PASSES = 5  # a bin of a bin of … is then as fine as float32, wherever the rows are


class Found(NamedTuple):
    """Where a level lies, and its bin: the rows in it and its ends, (K, D) each."""

    place: Array
    rows: Array
    left: Array
    right: Array


class Rows(Protocol):
    """What a marginal asks of rows (N, D), in memory or not: sums that add up over parts."""

    @property
    def n(self) -> int:
        """How many, N."""
        ...

    def ends(self) -> tuple[Array, Array]:
        """Least and greatest value (D,) of the columns."""
        ...

    def moments(self) -> tuple[Array, Array]:
        """Mean and standard deviation (D,) of the columns."""
        ...

    def counts(self, edges: Array, n_bins: int) -> Array:
        """Rows (J, B, D) in the B bins of each of the J cells between edges (J+1, D)."""
        ...

    def beyond(self, lowest: Array, highest: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        """Sums (D,) of distances of the rows below and above two places (D,), and of their squares."""
        ...

    def repeat(self, again: Callable[[Any], Array], step: Callable[[Any], Any], state: Any) -> Any:
        """Step while it is to be done again."""
        ...


@dataclass(frozen=True, eq=False)
class InMemory:
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
        return _counts(self.x, edges, n_bins)

    def beyond(self, lowest: Array, highest: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        return _beyond(self.x, lowest, highest)

    def repeat(self, again: Callable[[Any], Array], step: Callable[[Any], Any], state: Any) -> Any:
        return lax.while_loop(again, step, state)


def quantiles(rows: Rows, levels: np.ndarray, least: Array) -> Array:
    """Quantiles (K, D) of columns at increasing levels (K,), to within their standard error.

    Cells begin at the quantiles of a normal law, then at the bins where levels were found; each is split
    into bins of one width. A level lies in its bin in proportion to the rows counted there: passes over the
    rows end when half of these, which bounds the error of most laws' ranks, are no more than the standard
    error √(N p (1−p)) of the level's rank, or when a bin is no wider than ``least`` (D,), after five passes
    at the latest. Rows that are nearly normal take one.

    Examples
    --------
    >>> import jax
    >>> x = jax.random.normal(jax.random.key(0), (20_000, 2))
    >>> levels = np.array([0.1, 0.5, 0.9])
    >>> found = quantiles(InMemory(x), levels, jnp.full(2, 1e-6))
    >>> bool(jnp.abs(found - jnp.quantile(x, levels, axis=0)).max() < 0.005)
    True
    """
    n = rows.n
    n_bins = 2 ** math.ceil(math.log2(max(_FEWEST_BINS, 2 * np.diff(levels).max(initial=0) * n**0.5)))
    lowest, highest = rows.ends()
    mean, deviation = rows.moments()
    most = jnp.asarray(2 * np.maximum(np.sqrt(n * levels * (1 - levels)), 1), mean.dtype)[:, None]
    normal = jnp.asarray([NormalDist().inv_cdf(level) for level in levels], mean.dtype)[:, None]

    def unsettled(state: tuple[Array, Found]) -> Array:
        passes, found = state
        settled = ((found.rows <= most) | (found.right - found.left <= least[None])).all()
        return ~settled & (passes < _MOST_PASSES)

    def between(inner: Array) -> Found:
        edges = jnp.concatenate([lowest[None], jnp.clip(inner, lowest[None], highest[None]), highest[None]])
        return _at_levels(rows.counts(edges, n_bins), edges, n * levels)

    def again(state: tuple[Array, Found]) -> tuple[Array, Found]:
        passes, found = state
        ends = jnp.stack([found.left, found.right], 1).reshape(-1, mean.size)
        return passes + 1, between(lax.cummax(ends))

    state = rows.repeat(unsettled, again, (jnp.int32(1), between(mean[None] + deviation[None] * normal)))
    return lax.cummax(state[1].place)


def deviation(x: Array, mean: Array, furthest: Array) -> Array:
    """Standard deviation (D,) of the columns; in units of the furthest row squares stay finite."""
    unit = furthest + jnp.finfo(x.dtype).tiny

    def add(total: Array, block: Array, new: Array) -> Array:
        return total + jnp.where(new[:, None], ((block - mean[None]) / unit[None]) ** 2, 0).sum(0)

    return unit * jnp.sqrt(over_blocks(add, jnp.zeros_like(mean), x) / x.shape[0])


def _beyond(rows: Array, lowest: Array, highest: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
    def add(total: Any, block: Array, new: Array) -> Any:
        out = (lowest[None] - block, block - highest[None])
        below, above = (jnp.where(new[:, None], jnp.maximum(distance, 0), 0) for distance in out)
        sums = ((below.sum(0), (below**2).sum(0)), (above.sum(0), (above**2).sum(0)))
        return jax.tree.map(jnp.add, total, sums)

    none = jnp.zeros_like(lowest)
    return over_blocks(add, ((none, none), (none, none)), rows)


def _counts(x: Array, edges: Array, n_bins: int) -> Array:
    """Rows (J, B, D) of x in the B bins of each of the J cells between edges (J+1, D)."""
    n_cells, dim = edges.shape[0] - 1, x.shape[1]
    column = jnp.arange(dim, dtype=jnp.int32)
    per_width = n_bins / jnp.maximum(jnp.diff(edges, axis=0), jnp.finfo(x.dtype).tiny ** 0.5)

    def count(counts: Array, block: Array, new: Array) -> Array:
        cell = jnp.zeros(block.shape, jnp.int32)
        for edge in edges[1:-1]:
            cell += block >= edge[None]
        left, scale = gathered((edges[:-1], per_width), cell * dim + column[None])
        inside = jnp.clip(((block - left) * scale).astype(jnp.int32), 0, n_bins - 1)
        place = (cell * n_bins + inside) * dim + column[None]
        return kept_apart(_added)(counts, place, new)

    counts = over_blocks(count, jnp.zeros(n_cells * n_bins * dim, jnp.int32), x)
    return counts.reshape(n_cells, n_bins, dim)


def _added(counts: Array, place: Array, new: Array) -> Array:
    return counts.at[place].add(new[:, None].astype(jnp.int32), mode="promise_in_bounds")


def _at_levels(counts: Array, edges: Array, ranks: np.ndarray) -> Found:
    """Where so many rows (K,) lie below."""
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
    return Found(left + share * width, rows, left, left + width)


def check_counted(spec: Any, first: Any, dim: int) -> None:
    """Refuse a `LayerSpec`, or a marginal in front, that needs all rows (N, D) in one array."""
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
