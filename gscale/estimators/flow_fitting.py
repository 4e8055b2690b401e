"""Flows of encoded rows: their fit with smoothing, and their densities and images in chunks of rows."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gscale.bijections.base import Spec
from gscale.bijections.batching import in_blocks
from gscale.bijections.marginals import Quantiles
from gscale.bijections.rotations import RotationMap
from gscale.bijections.stiefel import polish
from gscale.flows.flow import Flow, LayerSpec
from gscale.flows.layerwise import fit_layerwise
from gscale.flows.stopping import EarlyStopping, Stopping
from gscale.runtime import Program
from gscale.validation import check_at_least, check_share

# Rows of one call, so that any number of rows is scored by one compiled program; by two where they are many.
_CHUNK = 1_024
_LARGE_CHUNK = 16_384
_N_THREADS = 2  # each with a chunk: on the CPU jax runs the calls of one thread in turn, with pauses
_MIN_ROWS = 4096  # fewer are repeated with new noise: a smoothed bootstrap, and one shape to compile
_MIN_HELD_OUT = 1024
_NOISE = 2.0  # of that bootstrap, over √N, in standard deviations of each coordinate
_RESOLUTION = 1e-3  # and of all rows, so that columns that are duplicates differ by more than float32 rounds
_MAX_SMOOTHED = 20_000  # rows up to which a kernel smooths the marginals; more need it less


@dataclass(frozen=True)
class FlowTraining:
    """How a flow is fitted: parameters of `GaussianizationDensity`."""

    rotation: Spec
    marginal: Spec | None
    n_layers: int
    stopping: Stopping | None
    held_out: float

    def __post_init__(self) -> None:
        check_at_least(1, {"n_layers": self.n_layers})
        check_share({"held_out": self.held_out})


@dataclass(frozen=True)
class FittedFlow:
    """A flow and its losses (L + 1,) in nats, on the rows fitted to and on those held out, if any."""

    flow: Flow
    train: np.ndarray
    held_out: np.ndarray | None


Draw = Callable[[np.ndarray], np.ndarray]
RowsOf = Callable[[slice], np.ndarray]


def fit_flow(
    rng: np.random.Generator, n: int, draw: Draw, smooth: np.ndarray, training: FlowTraining
) -> FittedFlow:
    """Fit a flow to the coordinates of rows 0 … n − 1.

    Parameters
    ----------
    rng : np.random.Generator
    n : int
        Number of rows N.
    draw : callable
        From indices (m,) of rows to their coordinates (m, D), with positions in cells drawn at each call.
    smooth : np.ndarray
        Which coordinates (D,) get noise: those without cells, since positions in cells are random already.
    training : FlowTraining

    Raises
    ------
    InputError
        If the layers can't be fitted to so few rows.
    """
    n_held_out = max(1, round(training.held_out * n)) if training.held_out else 0
    order = rng.permutation(n)
    fitted = _rows(rng, draw, order[n_held_out:], smooth, _MIN_ROWS)
    held_out = _rows(rng, draw, order[:n_held_out], smooth, _MIN_HELD_OUT) if n_held_out else None
    marginal = training.marginal or default_marginal(len(fitted))
    stopping = training.stopping or (EarlyStopping(10) if n_held_out else None)
    key = jax.random.key(int(rng.integers(2**31)))
    flow, losses = fit_layerwise(
        key,
        jnp.asarray(fitted),
        LayerSpec(training.rotation, marginal),
        training.n_layers,
        x_test=None if held_out is None else jnp.asarray(held_out),
        first=training.marginal or Quantiles(None),
        stopping=stopping,
    )
    train, test = np.asarray(losses.train), np.asarray(losses.test)
    return FittedFlow(flow, train, test if n_held_out else None)


def default_marginal(n: int) -> Quantiles:
    """Quantiles with a number of bins that grows with N, smoothed by a kernel where rows are few."""
    return Quantiles(None, bandwidth=1.0 if n <= _MAX_SMOOTHED else 0.0)


def _rows(
    rng: np.random.Generator, draw: Draw, index: np.ndarray, smooth: np.ndarray, least: int
) -> np.ndarray:
    repeated = np.resize(index, max(len(index), least))
    y = draw(repeated)
    noise = _NOISE / len(index) ** 0.5 if len(repeated) > len(index) else _RESOLUTION
    scale = np.maximum(y.std(0), _RESOLUTION * np.maximum(np.abs(y).max(0), 1))
    for j in np.flatnonzero(smooth):
        y[:, j] += noise * scale[j] * rng.standard_normal(len(y), np.float32)
    return y


def log_densities(flow: Flow, y: np.ndarray) -> np.ndarray:
    """Log-density (N,) of the rows of y (N, D), in nats."""
    return log_densities_of(flow, len(y), y.__getitem__)


def log_densities_of(flow: Flow, n: int, rows: RowsOf) -> np.ndarray:
    """Log-density (N,) in nats of N rows; ``rows`` returns the rows (m, D) of a slice."""
    return _in_chunks(_log_densities, flow, n, rows)[0]


def log_densities_of_scores(flow: Flow, y: np.ndarray) -> np.ndarray:
    """Log-density (N,), in nats, of the images of rows (N, D) under the map in front of the first layer."""
    return _in_chunks(_log_densities_of_scores, flow, len(y), y.__getitem__)[0]


def radii(flow: Flow, y: np.ndarray) -> np.ndarray:
    """Squared radius |z|² (N,) of the images of the rows of y (N, D)."""
    return (latents(flow, y) ** 2).sum(1)


def latents(flow: Flow, y: np.ndarray) -> np.ndarray:
    """Images z (N, D) of the rows of y (N, D), computed in float64.

    Where rows are rare the inverse is steep, with slopes of up to some hundred: it would map images in
    float32 to rows with a relative error of 1e-4.
    """
    return _in_float64(_latents, flow, y)


def preimages(flow: Flow, z: np.ndarray) -> np.ndarray:
    """Rows y (N, D) of images z (N, D), computed in float64."""
    return _in_float64(_preimages, flow, z)


def _in_float64(function: Callable[..., tuple[jax.Array, ...]], flow: Flow, rows: np.ndarray) -> np.ndarray:
    with jax.enable_x64(True):
        wide = jax.tree.map(_to_float64, flow, is_leaf=lambda part: isinstance(part, RotationMap))
        return _in_chunks(function, wide, len(rows), lambda part: rows[part].astype(float))[0]


def _to_float64(part: Any) -> Any:
    """A part of a flow in float64; the matrices of its layers (L, D, D) orthogonal to that precision."""
    if isinstance(part, RotationMap):
        return RotationMap(jax.vmap(polish)(jnp.asarray(part.matrix, float)))
    return jnp.asarray(part, float) if eqx.is_inexact_array(part) else part


def by_layer(flow: Flow, y: np.ndarray) -> np.ndarray:
    """Images (L + 1, N, D) of rows (N, D) after the map in front and each further layer."""
    return np.asarray(_by_layer(flow, jnp.asarray(y)))


# Level 1 of optimisation: as fast as XLA's own, and compiled sooner.
_program = partial(Program, effort=1)


@_program
def _log_densities(flow: Flow, y: jax.Array) -> tuple[jax.Array]:
    return (in_blocks(flow.log_prob, y),)


@_program
def _log_densities_of_scores(flow: Flow, y: jax.Array) -> tuple[jax.Array]:
    scores = y if flow.first is None else in_blocks(flow.first.forward, y)[0]
    return (in_blocks(Flow(flow.layers, None, flow.dim).log_prob, scores),)


@_program
def _latents(flow: Flow, y: jax.Array) -> tuple[jax.Array]:
    return (in_blocks(flow.forward, y)[0],)


@_program
def _preimages(flow: Flow, z: jax.Array) -> tuple[jax.Array]:
    return (in_blocks(flow.inverse, z)[0],)


@eqx.filter_jit
def _by_layer(flow: Flow, y: jax.Array) -> jax.Array:
    z = y if flow.first is None else jax.vmap(flow.first.forward)(y)[0]
    arrays, static = eqx.partition(flow.layers, eqx.is_array)

    def body(z: jax.Array, arrays: Any) -> tuple[jax.Array, jax.Array]:
        z = jax.vmap(eqx.combine(arrays, static).forward)(z)[0]
        return z, z

    _, later = jax.lax.scan(body, z, arrays)
    return jnp.concatenate([z[None], later])


def _in_chunks(
    function: Callable[..., tuple[jax.Array, ...]], flow: Flow, n: int, rows: RowsOf
) -> list[np.ndarray]:
    """Run a function of a flow and a chunk on all rows, on two chunks at once while the next is made."""
    # a thread does not inherit the setting of the one that starts it
    x64 = jnp.result_type(float) == jnp.float64

    def run(chunk: np.ndarray, n_rows: int) -> list[np.ndarray]:
        with jax.enable_x64(x64):
            return [np.asarray(array)[:n_rows] for array in function(flow, jnp.asarray(chunk))]

    parts, running = [], deque[Future[list[np.ndarray]]]()
    with ThreadPoolExecutor(_N_THREADS) as threads:
        for chunk, n_rows in _chunks(n, rows):
            running.append(threads.submit(run, chunk, n_rows))
            if len(running) > _N_THREADS:
                parts.append(running.popleft().result())
        parts += [chunk.result() for chunk in running]
    return [np.concatenate(part) for part in zip(*parts, strict=True)]


def _chunks(n: int, rows: RowsOf) -> Iterator[tuple[np.ndarray, int]]:
    """Chunks of two sizes, the last filled up with copies of its first row, and their numbers of rows."""
    n_large = n // _LARGE_CHUNK * _LARGE_CHUNK
    for start in range(0, n_large, _LARGE_CHUNK):
        yield rows(slice(start, start + _LARGE_CHUNK)), _LARGE_CHUNK
    for start in range(n_large, n, _CHUNK):
        chunk = rows(slice(start, min(start + _CHUNK, n)))
        yield np.concatenate([chunk, np.repeat(chunk[:1], _CHUNK - len(chunk), 0)]), len(chunk)
