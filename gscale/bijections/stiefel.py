"""Searches for frames: orthonormal directions along which rows are furthest from normal."""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.scipy.special import ndtri

from gscale.bijections.base import product
from gscale.bijections.elementwise import take, unfused

_SETTLED = 1e-4  # FastICA stops when no direction turns by more than acos(1 − this)
_CELLS = 4096
_GAIN = 1e-6
_START_ROWS = 4096  # at least, of many, by which ascents from several starts are compared
_SMALLEST_STEP = 1e-3
_LEAST_SHARE = 1e-4  # of the gain that the slope promises, for a step to be taken (Armijo)
_RANDOM_STARTS = 4  # in few dimensions one ascent in four ends at the highest maximum
_SCHULZ_STEPS = 25


def principal_axes(x: Array) -> tuple[Array, Array]:
    """Variances (D,), falling, and the axes of the rows x (N, D) as rows (D, D)."""
    centred = x - x.mean(0, keepdims=True)
    variances, axes = jnp.linalg.eigh(product(centred.T, centred) / len(x))
    return variances[::-1], polish(axes.T[::-1])


def independent_axes(key: Array, x: Array, n_steps: int) -> Array:
    """FastICA's orthogonal matrix (D, D) for rows x (N, D) whitened by Σ^−½; see `gscale.ICA`."""
    variances, axes = principal_axes(x)
    # Directions without variance, of duplicate columns or N < D, stay at zero instead of being divided by it.
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
    first = start, jnp.ones((), x.dtype), jnp.zeros((), jnp.int32)
    return polar(lax.while_loop(unfinished, improve, first)[0])


class _Effort(NamedTuple):
    n_steps: int
    gain: float  # the ascent stops when a step gains less than this fraction
    n_cells: int


class _Ascent(NamedTuple):
    frame: Array
    value: Array
    tangent: Array
    direction: Array
    step: Array
    n_stalled: Array
    n_steps: Array


class _Trial(NamedTuple):
    step: Array
    frame: Array
    value: Array
    tangent: Array


def furthest_frame(key: Array, x: Array, n_directions: int, n_steps: int) -> Array:
    """Orthonormal rows (K, D) with the greatest sum of W2² to N(0, 1) that an ascent finds.

    Ascents start from random frames, and from the better of the principal and the independent axes. Of many
    rows they use an evenly spaced part, and the best one is continued with all rows. See
    `gscale.SlicedWasserstein`.
    """
    random_key, ica_key = jax.random.split(key)
    every = max(1, len(x) // _START_ROWS)
    full = _Effort(n_steps, _GAIN, _CELLS)
    part, rough = x[::every], full if every == 1 else _Effort(min(n_steps, 40), 1e-4, _CELLS // 4)
    principal = principal_axes(x)[1]
    independent = independent_axes(key_after(ica_key, principal), part, n_steps)
    axes = jnp.stack([principal, independent])
    sums = lax.map(lambda frame: lax.top_k(distances(frame, part), n_directions)[0].sum(), axes)
    random_key = key_after(random_key, independent)
    random = jax.random.orthogonal(random_key, x.shape[1], (_RANDOM_STARTS,), x.dtype)
    starts = jnp.concatenate([random, axes[sums.argmax()][None]])
    tops = lax.map(lambda start: _ascend(_furthest_rows(start, part, n_directions), part, rough), starts)
    best = tops.frame[tops.value.argmax()]
    return polar(best if every == 1 else _ascend(best, x, full).frame)


def key_after(key: Array, matrix: Array) -> Array:
    """The same key, but known no sooner than an orthogonal matrix (D, D) is.

    What is factorised with it then waits for what the matrix comes from. On CPUs a batch of factorisations
    shares XLA's threads and waits for them: two batches at once wait for each other for ever (jaxlib 0.10).
    """
    never = (matrix[0, 0] > 2).astype(jnp.uint32)  # which the compiler cannot know
    data = jax.random.key_data(key) ^ never
    return jax.random.wrap_key_data(data, impl=jax.random.key_impl(key))


def _ascend(start: Array, x: Array, effort: _Effort) -> _Ascent:
    """Conjugate gradients on the Stiefel manifold, until two steps in a row gain next to nothing.

    A step is as long as the last two slopes along it predict, and shorter where the distances don't grow:
    most take one evaluation, and in all a third of what steepest ascent takes.
    """

    def unfinished(state: _Ascent) -> Array:
        return (state.n_stalled < 2) & (state.n_steps < effort.n_steps)

    value, tangent = _value_and_tangent(start, x, effort.n_cells)
    zero = jnp.zeros((), jnp.int32)
    first = _Ascent(start, value, tangent, tangent, jnp.ones((), x.dtype), zero, zero)
    return lax.while_loop(unfinished, lambda state: _improve(state, x, effort), first)


def _improve(state: _Ascent, x: Array, effort: _Effort) -> _Ascent:
    slope = (state.tangent * state.direction).sum()
    step, frame, value, tangent = _line_search(state, slope, x, effort.n_cells)
    # the last tangent and direction, taken to the tangent space of the new frame
    last_tangent, last_direction = _tangent(frame, state.tangent), _tangent(frame, state.direction)
    direction = tangent + _conjugate(tangent, last_tangent, state.tangent) * last_direction
    better = value > state.value
    stalled = ~better | (value <= (1 + effort.gain) * state.value)
    uphill = ~stalled & ((tangent * direction).sum() > 0)
    fall = slope - (tangent * last_direction).sum()
    # where the slope, a straight line through the last two, would vanish, in steps
    predicted = slope / jnp.maximum(fall, slope / 3 + jnp.finfo(x.dtype).tiny)
    return _Ascent(
        jnp.where(better, frame, state.frame),
        jnp.where(better, value, state.value),
        jnp.where(better, tangent, state.tangent),
        jnp.where(uphill, direction, jnp.where(better, tangent, state.tangent)),
        jnp.where(better, step * jnp.maximum(predicted, 1 / 3), state.step),
        jnp.where(stalled, state.n_stalled + 1, 0),
        state.n_steps + 1,
    )


def _line_search(state: _Ascent, slope: Array, x: Array, n_cells: int) -> _Trial:
    """The first of ever shorter steps that gains a share of what the slope promises."""

    def evaluate(step: Array) -> _Trial:
        frame = _nearly_polar(state.frame + step * state.direction)
        return _Trial(step, frame, *_value_and_tangent(frame, x, n_cells))

    def too_long(trial: _Trial) -> Array:
        enough = trial.value > state.value + _LEAST_SHARE * trial.step * slope
        return ~enough & (trial.step > _SMALLEST_STEP)

    return lax.while_loop(too_long, lambda trial: evaluate(trial.step / 3), evaluate(state.step))


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
    """`polar` by matrix products alone, 50 times faster than an SVD; singular values near zero stay small."""
    bound = jnp.sqrt(jnp.abs(matrix).sum(0).max() * jnp.abs(matrix).sum(1).max())
    scaled = matrix / jnp.maximum(bound, jnp.finfo(matrix.dtype).tiny)
    return lax.fori_loop(0, _SCHULZ_STEPS, lambda _, m: polish(m), scaled)


def _furthest_rows(frame: Array, x: Array, n: int) -> Array:
    return frame[jnp.argsort(-distances(frame, x))[:n]]


def _tangent(frame: Array, gradient: Array) -> Array:
    """The part of a gradient (K, D) in the tangent space of the Stiefel manifold at the frame."""
    symmetric = product(gradient, frame.T)
    return gradient - product(0.5 * (symmetric + symmetric.T), frame)


def _conjugate(tangent: Array, last: Array, last_before: Array) -> Array:
    """Polak and Ribière's share of the last direction in the next, at least 0.

    ``last_before`` is the last tangent, ``last`` the same in the tangent space of the new frame.
    """
    squares = jnp.maximum((last_before**2).sum(), jnp.finfo(tangent.dtype).tiny)
    return jnp.maximum((tangent * (tangent - last)).sum() / squares, 0)


def _value_and_tangent(frame: Array, x: Array, n_cells: int) -> tuple[Array, Array]:
    """Sum () of W2² over the directions of the frame, and its gradient (K, D) on the manifold."""
    moves = _displacements(product(frame, x.T), n_cells)
    return (moves**2).mean(1).sum(), _tangent(frame, 2 * product(moves, x) / len(x))


def _displacements(projected: Array, n_cells: int) -> Array:
    """Distance of each value from its image under the monotone transport to N(0, 1), (K, N) → (K, N)."""
    return projected - transported(projected, ndtri, n_cells)


def transported(projected: Array, quantiles: Callable[[Array], Array], n_cells: int = _CELLS) -> Array:
    """Image of each value under the monotone transport to a law, (K, N) → (K, N).

    ``quantiles`` takes levels in (0, 1), of any shape, to the law's quantiles there.

    Ranks come from counts in cells, a hundred times faster than a sort: all values of a cell get its middle
    rank, which is exact for the value of a cell that holds one. A straight line within cells, more exact
    where they hold many, makes W2² jump as the frame turns, and the ascent stops early.
    """
    n = projected.shape[1]
    # Fused with the gathers, quantiles and cells would be computed again for every value.
    cell = unfused(partial(_cells, n_cells=n_cells))(projected)
    twice_ranks = unfused(partial(_twice_middle_ranks, n_cells=n_cells))(cell)
    # Middle ranks are multiples of a half: the quantiles of all of them are a table of 2 N + 1 entries.
    levels = jnp.clip(jnp.arange(2 * n + 1) / (2 * n), 0.5 / n, 1 - 0.5 / n).astype(projected.dtype)
    (images,) = take((unfused(quantiles)(levels),), twice_ranks)
    return take((images,), cell)[0]


def _cells(values: Array, n_cells: int) -> Array:
    """Index of the cell of each value (K, N); each row of values has its own cells."""
    # Squashing preserves the order, and makes cells narrow where most values are, whatever the tails.
    spread = jnp.abs(values).mean(1, keepdims=True) + jnp.finfo(values.dtype).tiny
    squashed = values / (spread + jnp.abs(values))
    cell = jnp.clip(((squashed + 1) * (n_cells / 2)).astype(jnp.int32), 0, n_cells - 1)
    return cell + n_cells * jnp.arange(len(values), dtype=jnp.int32)[:, None]


def _twice_middle_ranks(cell: Array, n_cells: int) -> Array:
    """Twice the middle rank (K, cells) of the values in each cell, from the cells (K, N) of values."""
    empty = jnp.zeros(len(cell) * n_cells, jnp.int32)
    counts = empty.at[cell].add(1, mode="promise_in_bounds").reshape(len(cell), n_cells)
    return 2 * jnp.cumsum(counts, 1) - counts
