"""Layers fitted to rows one by one, as they are or each trained on its own loss."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import jax
from jax import Array

from gscale.bench.measure.base import Curves, OnHistograms, OnLayer, OnRows
from gscale.bench.measure.sampled_rows import pass_seconds, start
from gscale.bench.measure.timing import Step, run_layers
from gscale.bijections.base import Spec
from gscale.bijections.optimizer import Training
from gscale.flows.end_to_end import TrainedLayer
from gscale.flows.layerwise import FitState, Losses, add_layer
from gscale.flows.staged import StagedStep, StagedTrainedStep, is_staged

if TYPE_CHECKING:
    from gscale.bench.cell import Cell


@dataclass(frozen=True)
class Layerwise(OnRows):
    """Layers fitted one by one to samples, without a loss; ``first`` is a marginal in front of them."""

    first: Spec | None = None

    def layer_seconds(self, cell: "Cell") -> float:
        return pass_seconds(cell)

    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        return _curves(cell, cell.layer, self.first, on_layer)


@dataclass(frozen=True)
class LayerwiseTrained(OnRows):
    """`Layerwise`, but each layer is trained on its own loss before the next one is fitted."""

    training: Training
    first: Spec | None = None

    def layer_seconds(self, cell: "Cell") -> float:
        return pass_seconds(cell) + step_seconds(self.training, cell.dim)

    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        return _curves(cell, TrainedLayer(cell.layer, self.training), self.first, on_layer)


def step_seconds(training: Training, dim: int) -> float:
    """Rough seconds of the gradient steps of one layer."""
    return training.n_steps * training.batch_size * dim * 4e-7


def _curves(cell: "Cell", layer: Any, first: Any, on_layer: OnLayer) -> Curves:
    begin = start(cell, first)
    step = _step_of(layer, begin.state.n_train)
    run = run_layers(step, begin.keys, begin.state, cell.n_layers, on_layer, cell.cost)
    return begin.curves(run.outputs, run.seconds, run.seconds_compile)


@cache
def _step_of(layer: Any, n_train: int) -> Step:
    if is_staged(layer, n_train):
        return StagedStep(layer, lambda _, losses: losses)
    if isinstance(layer, TrainedLayer) and is_staged(layer.layer, n_train):
        return StagedTrainedStep(layer)
    return _step(layer)


@cache
def _step(layer: Any) -> Step:
    def one(key: Array, state: FitState, index: Array) -> tuple[FitState, Losses]:
        state, _ = add_layer(key, state, layer, index)
        return state, state.losses()

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)
