"""Seconds of a layer's steps and of lower bounds on them, the floors, timed in turn."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from gscale.bench.speed.cases import Case
from gscale.bench.speed.flowjax_layers import flowjax_calls
from gscale.bijections.batching import in_blocks
from gscale.bijections.marginals import Quantiles
from gscale.bijections.rotations import Haar
from gscale.flows.flow import LayerSpec
from gscale.flows.layerwise import fit_layerwise

LAYER = LayerSpec(Haar(), Quantiles(32))
_FEW, _MANY = 2, 12  # layers of two fits: the time of one is in the difference, that of the start is not
_IN_A_ROW = 5
_COPIED = 2**26  # bytes: more than any cache holds

Seconds = dict[str, np.ndarray]  # of each round (R,), by step
Call = Callable[[], Any]


def time_steps(case: Case, with_peers: bool = False) -> Seconds:
    """Seconds of a layer's fit, forward map with log-determinant, inverse and sampling; and of the floors.

    Floors are NumPy's: the rows' product with a matrix (D, D), the sort of their columns, each of which lies
    in one piece of memory, and a copy of 64 MiB. With peers, layers of flowjax are timed in the same rounds.

    Returns
    -------
    dict of np.ndarray
        Seconds (R,) a layer of each round; ``copy`` of one byte.
    """
    rows = case.rows()
    columns = np.ascontiguousarray(rows.T)
    rng = np.random.default_rng(1)
    rotation = np.linalg.qr(rng.normal(size=(case.dim, case.dim)))[0].astype(np.float32)
    source = rng.random(_COPIED // 8)
    target = np.empty_like(source)
    calls: dict[str, tuple[Call, float]] = {
        "matmul": (lambda: rows @ rotation, 1),
        "sort": (lambda: np.sort(columns, axis=1), 1),
        "copy": (lambda: np.copyto(target, source), _COPIED),
        **_of_layers(jnp.asarray(rows)),
        **(flowjax_calls(jnp.asarray(rows)) if with_peers else {}),
    }
    totals = time_in_turn({name: call for name, (call, _) in calls.items()}, case.n_repeats)
    seconds = {name: totals[name] / units for name, (_, units) in calls.items()}
    few, many = seconds.pop("few layers"), seconds.pop("many layers")
    return {**seconds, "fit": (many - few) / (_MANY - _FEW)}


def _of_layers(x: jax.Array) -> dict[str, tuple[Call, float]]:
    key = jax.random.key(0)
    n = x.shape[0]
    flow = fit_layerwise(key, x, LAYER, _MANY)[0]
    log_prob = jax.jit(lambda flow, x: in_blocks(flow.log_prob, x))
    inverse = jax.jit(lambda flow, z: in_blocks(flow.inverse, z))
    sample = jax.jit(lambda flow, key: flow.sample(key, n))
    return {
        "few layers": (lambda: fit_layerwise(key, x, LAYER, _FEW), 1),
        "many layers": (lambda: fit_layerwise(key, x, LAYER, _MANY), 1),
        "forward": (lambda: log_prob(flow, x), _MANY),
        "inverse": (lambda: inverse(flow, x), _MANY),
        "sample": (lambda: sample(flow, key), _MANY),
    }


def time_in_turn(calls: dict[str, Call], n_repeats: int) -> Seconds:
    """Seconds (R,) of calls, the median of `_IN_A_ROW` in each round.

    Each call comes once more before, untimed: then its data and the processor's caches and clock are as they
    are in a loop over layers. Rounds let what slows the machine slow all calls.
    """
    for call in calls.values():
        jax.block_until_ready(call())
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(n_repeats):
        for name, call in calls.items():
            in_a_row = []
            for _ in range(1 + _IN_A_ROW):
                start = time.perf_counter()
                jax.block_until_ready(call())
                in_a_row.append(time.perf_counter() - start)
            seconds[name].append(float(np.median(in_a_row[1:])))
    return {name: np.array(values) for name, values in seconds.items()}


def compile_seconds(case: Case, depths: tuple[int, ...]) -> dict[int, float]:
    """Seconds that the first fit of a depth takes longer than the second: to trace and compile it."""
    x, key = jnp.asarray(case.rows()), jax.random.key(0)
    differences = {}
    for depth in depths:
        jax.clear_caches()
        seconds = []
        for _ in range(2):
            start = time.perf_counter()
            jax.block_until_ready(fit_layerwise(key, x, LAYER, depth))
            seconds.append(time.perf_counter() - start)
        differences[depth] = seconds[0] - seconds[1]
    return differences
