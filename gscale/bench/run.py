"""Running one cell: the only room with a clock."""

import platform
import subprocess
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

import gscale
from gscale import train
from gscale.bench.store import SCHEMA_VERSION
from gscale.bench.sweep import Cell, Layerwise, Population
from gscale.data.source import Rows, check_finite, check_rows
from gscale.theory import population

Tick = Callable[[int], None]


class Curves(NamedTuple):
    """Loss curves of one cell: losses (S, L+1) in nats, seconds (L+1,) a seed."""

    metric: str
    loss_train: np.ndarray | None
    loss_test: np.ndarray
    seconds: np.ndarray
    seconds_compile: float


def run_cell(cell: Cell, sweep: str, tick: Tick = lambda _: None) -> pd.DataFrame:
    """Measure one cell and return its rows, one for each seed and depth.

    Parameters
    ----------
    cell : Cell
        What to measure.
    sweep : str
        Name kept in the rows.
    tick : callable, optional
        Called with the number of layers done after each layer.

    Raises
    ------
    InputError
        If the data has NaN, infinity or a constant column.
    FloatingPointError
        If a loss is not finite.
    """
    with jax.enable_x64(cell.dtype == "float64"):
        curves = _curves(cell, tick)
    for losses in (curves.loss_train, curves.loss_test):
        if losses is not None and not np.isfinite(losses).all():
            seed, layer = np.argwhere(~np.isfinite(losses))[0]
            raise FloatingPointError(
                f"{cell} (cell {cell.id}): loss is {losses[seed, layer]} "
                f"with {layer} layers, seed {cell.seeds[seed]}"
            )
    return _rows(cell, sweep, curves)


@jax.jit
def seed_keys(seeds: Array) -> tuple[Array, Array]:
    """The keys (S,) of the seeds' data and of their layers; the same whatever cell, order or worker."""
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed)))(seeds)
    return keys[:, 0], keys[:, 1]


def _curves(cell: Cell, tick: Tick) -> Curves:
    if isinstance(cell.training, Population):
        return _population_curves(cell, tick)
    return _layerwise_curves(cell, cell.training, tick)


def _layerwise_curves(cell: Cell, training: Layerwise, tick: Tick) -> Curves:
    data_keys, keys = seed_keys(np.array(cell.seeds, np.uint32))
    rows = _stack([_checked_rows(cell, key) for key in data_keys])

    def start(key: Array, x: Array, x_test: Array) -> tuple[train.Progress, train.Losses]:
        progress, _ = train.start(key, x, x_test, training.first)
        return progress, progress.losses()

    def step(progress: train.Progress, index: Array) -> tuple[train.Progress, train.Losses]:
        def one(key: Array, progress: train.Progress) -> tuple[train.Progress, train.Losses]:
            progress, _ = train.add_layer(key, progress, cell.layer, index)
            return progress, progress.losses()

        return jax.vmap(one)(keys, progress)

    began = _timed(jax.vmap(start), keys, rows.train, rows.test)
    progress, first = began.result
    walked = _walk(step, progress, cell.n_layers, tick)
    losses = np.array([first, *walked.outputs], float)  # (L+1, 2, S)
    known = rows.log_prob_train is not None
    if known:
        losses += [_mean(rows.log_prob_train), _mean(rows.log_prob_test)]
    return Curves(
        "kl" if known else "nll",
        losses[:, 0].T,
        losses[:, 1].T,
        began.seconds + walked.seconds,
        began.seconds_compile + walked.seconds_compile,
    )


def _population_curves(cell: Cell, tick: Tick) -> Curves:
    data_keys, keys = seed_keys(np.array(cell.seeds, np.uint32))
    matrix: Any = cell.dataset.matrix  # type: ignore[attr-defined]  # the cell has made sure of it
    begin = jax.jit(jax.vmap(lambda key: population.deviation(matrix(key, cell.dim))))(data_keys)

    def step(carried: Array, index: Array) -> tuple[Array, Array]:
        def one(key: Array, carried: Array) -> tuple[Array, Array]:
            return population.whiten_layer(key, carried, cell.layer, index)

        return jax.vmap(one)(keys, carried)

    walked = _walk(step, begin, cell.n_layers, tick)
    last = jax.jit(jax.vmap(population.remaining_loss))(walked.state)
    losses = population.losses_from_gains(jnp.stack(walked.outputs), last)
    return Curves("kl", None, np.asarray(losses).T, walked.seconds, walked.seconds_compile)


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


def _walk(step: Callable[[Any, Array], Any], state: Any, n_layers: int, tick: Tick) -> Walked:
    # One call a layer and no scan: the clock and Ctrl-C get their turn, at some 0.1 ms a layer.
    compiled, seconds_compile = _compiled(jax.jit(step, donate_argnums=0), state, jnp.int32(0))
    outputs, seconds = [], [0.0]
    begun = time.perf_counter()
    for layer in range(n_layers):
        state, output = jax.block_until_ready(compiled(state, jnp.int32(layer)))
        seconds.append(time.perf_counter() - begun)
        outputs.append(output)
        tick(layer + 1)
    return Walked(state, outputs, np.array(seconds), seconds_compile)


def _timed(function: Callable[..., Any], *args: Any) -> Timed:
    compiled, seconds_compile = _compiled(jax.jit(function), *args)
    begun = time.perf_counter()
    result = jax.block_until_ready(compiled(*args))
    return Timed(result, time.perf_counter() - begun, seconds_compile)


def _compiled(function: Any, *args: Any) -> tuple[Callable[..., Any], float]:
    begun = time.perf_counter()
    compiled = function.lower(*args).compile()
    return compiled, time.perf_counter() - begun


def _mean(log_prob: Any) -> np.ndarray:
    return np.asarray(log_prob, float).mean(1)


def _stack(rows: list[Rows]) -> Rows:
    stacked: Rows = jax.tree.map(lambda *parts: np.stack(parts), *rows)
    return stacked


def _checked_rows(cell: Cell, key: Array) -> Rows:
    n_samples, n_test = cell.n_samples or 0, cell.n_test or 0
    rows = cell.dataset.sample(key, cell.dim, n_samples, n_test, cell.dtype)
    check_rows(rows.train, f"{cell.dataset!r}, training rows")
    check_finite(rows.test, f"{cell.dataset!r}, test rows")
    cast: Rows = jax.tree.map(lambda a: np.asarray(a, cell.dtype), rows)
    return cast


def _rows(cell: Cell, sweep: str, curves: Curves) -> pd.DataFrame:
    n_seeds, n_rows = curves.loss_test.shape
    train_losses = np.full(curves.loss_test.shape, np.nan) if curves.loss_train is None else curves.loss_train
    measured = pd.DataFrame(
        {
            "seed": np.repeat(cell.seeds, n_rows),
            "n_layers": np.tile(np.arange(n_rows), n_seeds),
            "loss_train": train_losses.ravel(),
            "loss_test": curves.loss_test.ravel(),
            "seconds": np.tile(curves.seconds / n_seeds, n_seeds),
        }
    )
    return measured.assign(
        schema=SCHEMA_VERSION,
        sweep=sweep,
        cell_id=cell.id,
        dataset=repr(cell.dataset),
        dim=cell.dim,
        n_samples=pd.array([cell.n_samples] * len(measured), dtype="Int64"),
        rotation=repr(cell.layer.rotation),
        marginal=repr(cell.layer.marginal),
        coupling=None,
        training=repr(cell.training),
        dtype=cell.dtype,
        metric=curves.metric,
        seconds_compile=curves.seconds_compile,
        **_provenance(),
        created=pd.Timestamp(datetime.now(UTC)),
    )


@cache
def _provenance() -> dict[str, str | None]:
    device = jax.devices()[0]
    name = platform.machine() if device.platform == "cpu" else device.device_kind
    return {
        "device": f"{device.platform} {name}",
        "jax": version("jax"),
        "gscale": gscale.__version__,
        "commit": _commit(),
    }


def _commit() -> str | None:
    """Commit of the checkout this package runs from, marked where files differ; None outside of one."""
    command = ["git", "describe", "--always", "--dirty", "--abbrev=12"]
    try:
        done = subprocess.run(command, cwd=Path(gscale.__file__).parent, capture_output=True, text=True)
    except FileNotFoundError:
        return None
    return done.stdout.strip() or None
