"""Timing: compilation apart from running, one call for each layer."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bench.measure.base import OnLayer
from gscale.runtime import Program, compiler_options

Step = Any  # a jitted function (keys, state, index) -> (state, output)


class TimedResult(NamedTuple):
    """What a compiled function returned, and the seconds of its run and of its compilation."""

    result: Any
    seconds: float
    seconds_compile: float


class LayerRun(NamedTuple):
    """The state behind the last layer, each layer's output, seconds (L+1,) to each depth, and to compile."""

    state: Any
    outputs: list[Any]
    seconds: np.ndarray
    seconds_compile: float


def effort(seconds: float) -> int:
    """How hard to compile what will run for so many seconds, see `gscale.runtime.compiler_options`."""
    return 0 if seconds < 10 else 1 if seconds < 300 else 2


def run_layers(
    step: Step, keys: Array, state: Any, n_layers: int, on_layer: OnLayer, seconds: float = 0.0
) -> LayerRun:
    """Add layers one by one: ``step(keys, state, index)`` gives the next state, and an output to keep.

    A jitted step that donates its state serves all cells of its shapes: it is compiled once for them.

    Parameters
    ----------
    step : callable
        A jitted function of keys (S,), a state and the index of the layer, or a `StagedStep`.
    keys : Array, shape (S,)
    state : pytree
        Of all seeds, before the first layer.
    n_layers : int
    on_layer : callable
        Called with the number of layers done.
    seconds : float
        How long all layers may take, about.
    """
    # One call a layer and no scan: the clock and Ctrl-C get their turn, at some 0.1 ms a layer.
    compiled, seconds_compile = _compiled(step, effort(seconds), keys, state, jnp.int32(0))
    outputs, clock = [], [0.0]
    start = time.perf_counter()
    for layer in range(n_layers):
        state, output = jax.block_until_ready(compiled(keys, state, jnp.int32(layer)))
        clock.append(time.perf_counter() - start)
        outputs.append(output)
        on_layer(layer + 1)
    return LayerRun(state, outputs, np.array(clock), seconds_compile)


def timed(function: Any, *args: Any, seconds: float = 0.0) -> TimedResult:
    """Compile a jitted function that may take so many seconds, then run it."""
    compiled, seconds_compile = _compiled(function, effort(seconds), *args)
    return timed_call(compiled, *args)._replace(seconds_compile=seconds_compile)


def timed_call(function: Callable[..., Any], *args: Any) -> TimedResult:
    """Run a function as it is; what it compiles on its first call is in its seconds."""
    start = time.perf_counter()
    result = jax.block_until_ready(function(*args))
    return TimedResult(result, time.perf_counter() - start, 0.0)


def seed_keys(seeds: tuple[int, ...]) -> tuple[Array, Array]:
    """The keys (S,) of the seeds' data and of their layers; the same whatever cell, order or worker."""
    return _seed_keys(np.array(seeds, np.uint32))


@Program
def _seed_keys(seeds: Array) -> tuple[Array, Array]:
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed)))(seeds)
    return keys[:, 0], keys[:, 1]


def _compiled(function: Any, effort: int, *args: Any) -> tuple[Callable[..., Any], float]:
    """A jitted function compiled for its arguments, and the seconds that took."""
    leaves, structure = jax.tree.flatten(args)
    return _compiled_for(function, effort, structure, tuple(map(jax.typeof, leaves)))


@lru_cache(maxsize=64)
def _compiled_for(
    function: Any, effort: int, structure: Any, types: tuple[Any, ...]
) -> tuple[Callable[..., Any], float]:
    shapes = jax.tree.unflatten(structure, [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in types])
    start = time.perf_counter()
    if hasattr(function, "compiled"):
        compiled = function.compiled(effort, *shapes)
    else:
        compiled = function.lower(*shapes).compile(compiler_options=compiler_options(effort))
    return compiled, time.perf_counter() - start
