"""Curves of models fitted to samples: layer by layer, or whole at every depth."""

from functools import cache
from typing import Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gscale.flows import layerwise as train
from gscale.bench.measure.timing import Curves, Step, Tick, timed, walk
from gscale.bench.measure.on_covariances import seed_keys
from gscale.bench.sweep import Cell, EndToEnd
from gscale.data.base import Rows
from gscale.validation import check_finite, check_rows
from gscale.flows.end_to_end import trained
from gscale.bijections.base import Bijection
from gscale.flows.flow import Flow
from gscale.metrics import negative_log_likelihood


def layerwise_curves(cell: Cell, layer: Any, first: Any, tick: Tick) -> Curves:
    """Losses as layers are fitted one by one."""
    begun = _begin(cell, first)
    walked = walk(_layerwise_step(layer), begun.keys, begun.progress, cell.n_layers, tick)
    return _curves(begun, [begun.losses, *walked.outputs], walked.seconds, walked.seconds_compile)


def end_to_end_curves(cell: Cell, training: EndToEnd, tick: Tick) -> Curves:
    """Losses of flows fitted layer by layer and then trained as a whole, for each depth."""
    begun = _begin(cell, training.first)
    fitted = walk(_keeping_step(cell.layer), begun.keys, begun.progress, cell.n_layers, lambda _: None)
    layers = jax.tree.map(lambda *leaves: jnp.stack(leaves, 1), *fitted.outputs)
    state = _Whole(jnp.asarray(begun.rows.train), jnp.asarray(begun.rows.test), layers, begun.first)
    walked = walk(_end_to_end_step(training, cell.dim), begun.keys, state, cell.n_layers, tick)
    # of each depth: its own training, behind the layer-wise fit that it sets out from
    seconds = fitted.seconds + np.diff(walked.seconds, prepend=0.0)
    compiling = fitted.seconds_compile + walked.seconds_compile
    return _curves(begun, [begun.losses, *walked.outputs], seconds, compiling)


class _Begun(NamedTuple):
    """All seeds before the first layer."""

    keys: Array
    rows: Rows
    progress: train.Progress
    first: Bijection | None
    losses: train.Losses
    seconds: float
    seconds_compile: float


def _begin(cell: Cell, first: Any) -> _Begun:
    data_keys, keys = seed_keys(cell.seeds)
    rows = _stack([checked_rows(cell, key) for key in data_keys])
    began = timed(_start(first), keys, rows.train, rows.test)
    progress, bijection, losses = began.result
    return _Begun(keys, rows, progress, bijection, losses, began.seconds, began.seconds_compile)


def _curves(begun: _Begun, outputs: list[Any], seconds: np.ndarray, compiling: float) -> Curves:
    losses = np.array(outputs, float)  # (L+1, 2, S)
    known = begun.rows.log_prob_train is not None
    if known:
        losses += [_mean(begun.rows.log_prob_train), _mean(begun.rows.log_prob_test)]
    return Curves(
        "kl" if known else "nll",
        losses[:, 0].T,
        losses[:, 1].T,
        begun.seconds + seconds,
        begun.seconds_compile + compiling,
    )


@cache
def _start(first: Any) -> Any:
    def one(key: Array, x: Array, x_test: Array) -> tuple[train.Progress, Bijection | None, train.Losses]:
        progress, bijection = train.start(key, x, x_test, first)
        return progress, bijection, progress.losses()

    return jax.jit(jax.vmap(one))


@cache
def _layerwise_step(layer: Any) -> Step:
    def one(key: Array, progress: train.Progress, index: Array) -> tuple[train.Progress, train.Losses]:
        progress, _ = train.add_layer(key, progress, layer, index)
        return progress, progress.losses()

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)


@cache
def _keeping_step(layer: Any) -> Step:
    def one(key: Array, progress: train.Progress, index: Array) -> tuple[train.Progress, Bijection]:
        return train.add_layer(key, progress, layer, index)

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)


class _Whole(NamedTuple):
    """The rows of all seeds, and the layers that training sets out from."""

    train: Array
    test: Array
    layers: Bijection
    first: Bijection | None


class _Upto(eqx.Module):
    """A layer that is there or not: depth as a number, not as a shape, so that one program has them all."""

    layer: Bijection
    used: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        return lax.cond(self.used, lambda x: self.layer.forward(x), _stay, x)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return lax.cond(self.used, lambda y: self.layer.inverse(y), _stay, y)


def _stay(x: Array) -> tuple[Array, Array]:
    return x, jnp.zeros((), x.dtype)


@cache
def _end_to_end_step(training: EndToEnd, dim: int) -> Step:
    def one(key: Array, whole: _Whole, index: Array) -> tuple[_Whole, train.Losses]:
        n_layers = len(jax.tree.leaves(whole.layers)[0])
        layers = _Upto(whole.layers, jnp.arange(n_layers) <= index)
        flow = Flow(layers, whole.first, dim)
        flow = trained(jax.random.fold_in(key, index), whole.train, flow, training.training, training.parts)
        parts = (jax.vmap(flow.forward)(rows) for rows in (whole.train, whole.test))
        return whole, train.Losses(*(negative_log_likelihood(z, log_det) for z, log_det in parts))

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)


def _mean(log_prob: Any) -> np.ndarray:
    return np.asarray(log_prob, float).mean(1)


def _stack(rows: list[Rows]) -> Rows:
    stacked: Rows = jax.tree.map(lambda *parts: np.stack(parts), *rows)
    return stacked


def checked_rows(cell: Cell, key: Array) -> Rows:
    n_samples, n_test = cell.n_samples or 0, cell.n_test or 0
    rows = cell.dataset.sample(key, cell.dim, n_samples, n_test, cell.dtype)
    check_rows(rows.train, f"{cell.dataset!r}, training rows")
    check_finite(rows.test, f"{cell.dataset!r}, test rows")
    cast: Rows = jax.tree.map(lambda a: np.asarray(a, cell.dtype), rows)
    return cast
