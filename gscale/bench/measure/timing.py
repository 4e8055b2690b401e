"""The clock: compilation apart from running, one call a layer."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

Tick = Callable[[int], None]
Step = Any  # a jitted function (keys, state, index) -> (state, output)


class Curves(NamedTuple):
    """Loss curves of one cell: losses (S, L+1) in nats, seconds (L+1,) of all seeds together."""

    metric: str
    loss_train: np.ndarray | None
    loss_test: np.ndarray
    seconds: np.ndarray
    seconds_compile: float


class Timed(NamedTuple):
    """What a compiled function returned, and the seconds of its run and of its compilation."""

    result: Any
    seconds: float
    seconds_compile: float


class Walked(NamedTuple):
    """The state behind the last layer, each layer's output, seconds (L+1,) to each depth, and to compile."""

    state: Any
    outputs: list[Any]
    seconds: np.ndarray
    seconds_compile: float


def walk(step: Step, keys: Array, state: Any, n_layers: int, tick: Tick) -> Walked:
    """Add layers one by one: ``step(keys, state, index)`` gives the next state, and an output to keep.

    A jitted step that donates its state serves all cells of its shapes: it is compiled once for them.
    """
    # One call a layer and no scan: the clock and Ctrl-C get their turn, at some 0.1 ms a layer.
    compiled, seconds_compile = _compiled(step, keys, state, jnp.int32(0))
    outputs, seconds = [], [0.0]
    begun = time.perf_counter()
    for layer in range(n_layers):
        state, output = jax.block_until_ready(compiled(keys, state, jnp.int32(layer)))
        seconds.append(time.perf_counter() - begun)
        outputs.append(output)
        tick(layer + 1)
    return Walked(state, outputs, np.array(seconds), seconds_compile)


def timed(function: Any, *args: Any) -> Timed:
    """Compile a jitted function, then run it."""
    compiled, seconds_compile = _compiled(function, *args)
    begun = time.perf_counter()
    result = jax.block_until_ready(compiled(*args))
    return Timed(result, time.perf_counter() - begun, seconds_compile)


def timed_call(function: Callable[..., Any], *args: Any) -> Timed:
    """Run a function as it is; what it compiles on its first call is in its seconds."""
    begun = time.perf_counter()
    result = jax.block_until_ready(function(*args))
    return Timed(result, time.perf_counter() - begun, 0.0)


def _compiled(function: Any, *args: Any) -> tuple[Callable[..., Any], float]:
    """A jitted function compiled for its arguments, and the seconds that took."""
    leaves, structure = jax.tree.flatten(args)
    return _compiled_for(function, structure, tuple(map(jax.typeof, leaves)))


@lru_cache(maxsize=64)
def _compiled_for(function: Any, structure: Any, types: tuple[Any, ...]) -> tuple[Callable[..., Any], float]:
    shapes = [jax.ShapeDtypeStruct(leaf.shape, leaf.dtype) for leaf in types]
    begun = time.perf_counter()
    compiled = function.lower(*jax.tree.unflatten(structure, shapes)).compile()
    return compiled, time.perf_counter() - begun
