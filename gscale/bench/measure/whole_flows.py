"""Flows trained end to end, at every depth anew."""

from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax

from gscale.bench.measure.base import Curves, OnHistograms, OnLayer, OnRows
from gscale.bench.measure.one_by_one import step_seconds
from gscale.bench.measure.sampled_rows import pass_seconds, start
from gscale.bench.measure.timing import Step, run_layers
from gscale.bijections.base import Bijection, Spec
from gscale.bijections.constraints import AllParameters, MarginalParameters
from gscale.bijections.optimizer import Training
from gscale.flows.end_to_end import trained
from gscale.flows.flow import Flow
from gscale.flows.layerwise import FitState, Losses, add_layer
from gscale.flows.staged import StagedStep, is_staged
from gscale.metrics import negative_log_likelihood

if TYPE_CHECKING:
    from gscale.bench.cell import Cell


@dataclass(frozen=True)
class EndToEnd(OnRows):
    """For each depth a layer-wise fit, then all its layers trained together."""

    training: Training
    first: Spec | None = None
    parts: AllParameters | MarginalParameters = field(default_factory=AllParameters)

    def layer_seconds(self, cell: "Cell") -> float:
        mean_depth = (cell.n_layers + 1) / 2
        return pass_seconds(cell) + step_seconds(self.training, cell.dim) * mean_depth

    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        begin = start(cell, self.first)
        fit_step, training_step = _fit_step(cell.layer, begin.state.n_train), _training_step(self, cell.dim)
        fit = run_layers(fit_step, begin.keys, begin.state, cell.n_layers, lambda _: None, cell.cost)
        layers = jax.tree.map(lambda *leaves: jnp.asarray(np.stack(leaves, 1)), *fit.outputs)
        state = _Whole(jnp.asarray(begin.rows.train), jnp.asarray(begin.rows.test), layers, begin.first)
        run = run_layers(training_step, begin.keys, state, cell.n_layers, on_layer, cell.cost)
        # of each depth: its own training, behind the layer-wise fit that it sets out from
        seconds = fit.seconds + np.diff(run.seconds, prepend=0.0)
        return begin.curves(run.outputs, seconds, fit.seconds_compile + run.seconds_compile)


class _Whole(NamedTuple):
    """The rows of all seeds, and the layers that training sets out from."""

    train: Array
    test: Array
    layers: Bijection
    first: Bijection | None


class _UpToDepth(eqx.Module):
    """A layer that is there or not: depth as a number, not as a shape, so that one program has them all."""

    layer: Bijection
    used: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        return lax.cond(self.used, lambda x: self.layer.forward(x), _unchanged, x)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return lax.cond(self.used, lambda y: self.layer.inverse(y), _unchanged, y)


def _unchanged(x: Array) -> tuple[Array, Array]:
    return x, jnp.zeros((), x.dtype)


@cache
def _fit_step(layer: Any, n_train: int) -> Step:
    if is_staged(layer, n_train):
        return StagedStep(layer, lambda layer, _: layer)

    def one(key: Array, state: FitState, index: Array) -> tuple[FitState, Bijection]:
        return add_layer(key, state, layer, index)

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)


@cache
def _training_step(mode: EndToEnd, dim: int) -> Step:
    def one(key: Array, whole: _Whole, index: Array) -> tuple[_Whole, Losses]:
        n_layers = len(jax.tree.leaves(whole.layers)[0])
        layers = _UpToDepth(whole.layers, jnp.arange(n_layers) <= index)
        flow = Flow(layers, whole.first, dim)
        flow = trained(jax.random.fold_in(key, index), whole.train, flow, mode.training, mode.parts)
        images = (jax.vmap(flow.forward)(rows) for rows in (whole.train, whole.test))
        return whole, Losses(*(negative_log_likelihood(z, log_det) for z, log_det in images))

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)
