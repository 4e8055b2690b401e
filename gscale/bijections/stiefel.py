"""Searches for frames: orthonormal directions along which rows are furthest from normal."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.special import ndtri

from gscale.bijections.base import product
from gscale.bijections.elementwise import gathered, kept_apart

_SETTLED = 1e-4  # FastICA stops when no direction turns by more than acos(1 − this)
_CELLS = 4096
_GAIN = 1e-6  # the ascent stops when a step gains less than this fraction
_FEW_ROWS = 4096  # of many rows, to find out from where to set out
_SMALLEST_STEP = 1e-3
_LEAST_SHARE = 1e-4  # of the gain that the slope promises a step
_RANDOM_STARTS = 4  # of all directions in few dimensions one ascent in four ends at the highest maximum
_SCHULZ_STEPS = 25


def principal_axes(x: Array) -> tuple[Array, Array]:
    """Variances (D,), falling, and the axes of the rows x (N, D) as rows (D, D)."""
    centred = x - x.mean(0, keepdims=True)
    variances, axes = jnp.linalg.eigh(product(centred.T, centred) / len(x))
    return variances[::-1], polish(axes.T[::-1])


def independent_axes(key: Array, x: Array, n_steps: int) -> Array:
    """FastICA's orthogonal matrix (D, D) for rows x (N, D) whitened by Σ^−½; see `gscale.ICA`."""
    variances, axes = principal_axes(x)
    # Directions without variance, of duplicate columns or N < D, stay at zero instead of being blown up.
    floor = x.shape[1] * jnp.finfo(x.dtype).eps * variances[0] + jnp.finfo(x.dtype).tiny
    scales = 1 / jnp.sqrt(jnp.maximum(variances, floor))
    whiten = product(axes.T * scales[None], axes)
    z = product(x - x.mean(0, keepdims=True), whiten)

    def improve(state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        frame, _, count = state
        squashed = jnp.tanh(product(z, frame.T))
        slopes = (1 - squashed**2).mean(0)[:, None]
        new = _nearly_polar(product(squashed.T, z) / len(z) - slopes * frame)
        turned = 1 - jnp.abs((new * frame).sum(1)).min()
        return new, turned, count + 1

    def unfinished(state: tuple[Array, Array, Array]) -> Array:
        _, turned, count = state
        return (turned > _SETTLED) & (count < n_steps)

    start = jax.random.orthogonal(key, x.shape[1], dtype=x.dtype)
    begin = start, jnp.ones((), x.dtype), jnp.zeros((), jnp.int32)
    return polar(lax.while_loop(unfinished, improve, begin)[0])


class _Effort(NamedTuple):
    steps: int
    gain: float  # less than this fraction, and an ascent stops
    cells: int


class _Ascent(NamedTuple):
    frame: Array
    value: Array
    tangent: Array
    direction: Array
    step: Array
    stalled: Array
    steps: Array


def furthest_frame(key: Array, x: Array, n_directions: int, n_steps: int) -> Array:
    """Orthonormal rows (K, D) with the greatest sum of W2² to N(0, 1) that an ascent finds.

    Several ascents are tried: from random frames, and from the better of the principal and the independent
    axes. Of many rows an even share takes part in that, and the best ascent goes on with all. See
    `gscale.SlicedWasserstein`.
    """
    random_key, ica_key = jax.random.split(key)
    every = max(1, len(x) // _FEW_ROWS)
    full = _Effort(n_steps, _GAIN, _CELLS)
    part, rough = x[::every], full if every == 1 else _Effort(min(n_steps, 40), 1e-4, _CELLS // 4)
    axes = jnp.stack([principal_axes(x)[1], independent_axes(ica_key, part, n_steps)])
    sums = lax.map(lambda frame: lax.top_k(distances(frame, part), n_directions)[0].sum(), axes)
    random = jax.random.orthogonal(random_key, x.shape[1], (_RANDOM_STARTS,), x.dtype)
    starts = jnp.concatenate([random, axes[sums.argmax()][None]])
    tops = lax.map(lambda start: _climb(_furthest_rows(start, part, n_directions), part, rough), starts)
    best = tops.frame[tops.value.argmax()]
    return polar(best if every == 1 else _climb(best, x, full).frame)


def _climb(begin: Array, x: Array, effort: _Effort) -> _Ascent:
    """Conjugate gradients on the Stiefel manifold, until two steps in a row gain next to nothing.

    A step is as long as the last two slopes along it foretell, and shorter where the distances don't grow:
    most take one evaluation, and in all a third of what steepest ascent takes.
    """

    def tangent_at(frame: Array) -> tuple[Array, Array]:
        value, gradient = _value_and_gradient(frame, x, effort.cells)
        return value, _tangent(frame, gradient)

    def improve(state: _Ascent) -> _Ascent:
        slope = (state.tangent * state.direction).sum()

        def evaluate(step: Array) -> tuple[Array, Array, Array, Array]:
            frame = _nearly_polar(state.frame + step * state.direction)
            return step, frame, *tangent_at(frame)

        def too_far(trial: tuple[Array, Array, Array, Array]) -> Array:
            step, _, value, _ = trial
            return ~(value > state.value + _LEAST_SHARE * step * slope) & (step > _SMALLEST_STEP)

        trial = evaluate(state.step)
        trial = lax.while_loop(too_far, lambda trial: evaluate(trial[0] / 3), trial)
        step, frame, value, tangent = trial
        before, last = _tangent(frame, state.tangent), _tangent(frame, state.direction)
        new = tangent + _conjugate(tangent, before, state.tangent) * last
        better = value > state.value
        stalled = ~better | (value <= (1 + effort.gain) * state.value)
        uphill = ~stalled & ((tangent * new).sum() > 0)
        flatter = slope - (tangent * last).sum()
        foretold = slope / jnp.maximum(flatter, slope / 3 + jnp.finfo(x.dtype).tiny)
        return _Ascent(
            jnp.where(better, frame, state.frame),
            jnp.where(better, value, state.value),
            jnp.where(better, tangent, state.tangent),
            jnp.where(uphill, new, jnp.where(better, tangent, state.tangent)),
            jnp.where(better, step * jnp.maximum(foretold, 1 / 3), state.step),
            jnp.where(stalled, state.stalled + 1, 0),
            state.steps + 1,
        )

    def unfinished(state: _Ascent) -> Array:
        return (state.stalled < 2) & (state.steps < effort.steps)

    value, tangent = tangent_at(begin)
    none = jnp.zeros((), jnp.int32)
    first = _Ascent(begin, value, tangent, tangent, jnp.ones((), x.dtype), none, none)
    return lax.while_loop(unfinished, improve, first)


def distances(frame: Array, x: Array) -> Array:
    """W2² to N(0, 1) of the rows x (N, D) along each direction of the frame (K, D), (K,)."""
    return (_displacements(product(frame, x.T), _CELLS) ** 2).mean(1)


def completed(key: Array, frame: Array) -> Array:
    """The rows of a frame (K, D) and D − K random ones behind them, all orthonormal."""
    n, dim = frame.shape
    if n == dim:
        return frame
    others = jax.random.normal(key, (dim - n, dim), frame.dtype)
    columns, _ = jnp.linalg.qr(jnp.concatenate([frame, others]).T)
    return jnp.concatenate([frame, columns.T[n:]])


def polar(matrix: Array) -> Array:
    """The matrix (K, D) with orthonormal rows that is closest."""
    u, _, vt = jnp.linalg.svd(matrix, full_matrices=False)
    return polish(product(u, vt))


def polish(matrix: Array) -> Array:
    """Nearly orthonormal rows (K, D) made orthonormal to rounding: a step of Newton and Schulz."""
    return 1.5 * matrix - 0.5 * product(product(matrix, matrix.T), matrix)


def _nearly_polar(matrix: Array) -> Array:
    """`polar` by matrix products alone, 50 times faster than an SVD; near-zero singular values stay low."""
    bound = jnp.sqrt(jnp.abs(matrix).sum(0).max() * jnp.abs(matrix).sum(1).max())
    scaled = matrix / jnp.maximum(bound, jnp.finfo(matrix.dtype).tiny)
    return lax.fori_loop(0, _SCHULZ_STEPS, lambda _, m: polish(m), scaled)


def _furthest_rows(frame: Array, x: Array, n: int) -> Array:
    return frame[jnp.argsort(-distances(frame, x))[:n]]


def _tangent(frame: Array, gradient: Array) -> Array:
    symmetric = product(gradient, frame.T)
    return gradient - product(0.5 * (symmetric + symmetric.T), frame)


def _conjugate(tangent: Array, before: Array, as_it_was: Array) -> Array:
    """Polak and Ribière's share of the last direction in the next; none where it would point back."""
    share = (tangent * (tangent - before)).sum() / jnp.maximum(
        (as_it_was**2).sum(), jnp.finfo(tangent.dtype).tiny
    )
    return jnp.maximum(share, 0)


def _value_and_gradient(frame: Array, x: Array, n_cells: int) -> tuple[Array, Array]:
    moves = _displacements(product(frame, x.T), n_cells)
    return (moves**2).mean(1).sum(), 2 * product(moves, x) / len(x)


def _displacements(projected: Array, n_cells: int) -> Array:
    """Distance of each value from its image under the monotone transport to N(0, 1), (K, N) → (K, N)."""
    return projected - transported(projected, ndtri, n_cells)


def transported(projected: Array, quantiles: Callable[[Array], Array], n_cells: int = _CELLS) -> Array:
    """Image of each value under the monotone transport to a law, (K, N) → (K, N).

    ``quantiles`` takes levels in (0, 1), of any shape, to the law's quantiles there.

    Ranks come from counts in cells, a hundred times faster than a sort: all values of a cell go to its middle
    rank. Where a cell holds one value its rank is exact. A straight line within cells, more exact where they
    hold many, makes W2² jitter as the frame turns, and the ascent stops on the way.
    """
    n = projected.shape[1]
    # Fused with the gathers, quantiles and cells would be computed anew for every value.
    cell = kept_apart(partial(_cells, n_cells=n_cells))(projected)
    twice_ranks = kept_apart(partial(_twice_middle_ranks, n_cells=n_cells))(cell)
    # Middle ranks are whole numbers of halves: their quantiles are looked up, most cells hold few values.
    levels = jnp.clip(jnp.arange(2 * n + 1) / (2 * n), 0.5 / n, 1 - 0.5 / n).astype(projected.dtype)
    (images,) = gathered((kept_apart(quantiles)(levels),), twice_ranks)
    return gathered((images,), cell)[0]


def _cells(values: Array, n_cells: int) -> Array:
    """Cell of each value (K, N), row upon row: K rows of cells."""
    # Squashing keeps the order, and the cells narrow where most values are, whatever the tails.
    spread = jnp.abs(values).mean(1, keepdims=True) + jnp.finfo(values.dtype).tiny
    squashed = values / (spread + jnp.abs(values))
    cell = jnp.clip(((squashed + 1) * (n_cells / 2)).astype(jnp.int32), 0, n_cells - 1)
    return cell + n_cells * jnp.arange(len(values), dtype=jnp.int32)[:, None]


def _twice_middle_ranks(cell: Array, n_cells: int) -> Array:
    """Of the values (K, N) in each cell, those of a row before them counted in, (K, cells)."""
    none = jnp.zeros(len(cell) * n_cells, jnp.int32)
    counts = none.at[cell].add(1, mode="promise_in_bounds").reshape(len(cell), n_cells)
    return 2 * jnp.cumsum(counts, 1) - counts
