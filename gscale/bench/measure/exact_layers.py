"""Exact losses of layers on covariances: of a draw of rotations, their expectation, and a bound below it."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bench.measure.base import Curves, OnCovariances, OnHistograms, OnLayer, check_haar_alone
from gscale.bench.measure.timing import Step, run_layers, seed_keys
from gscale.flows.flow import LayerSpec
from gscale.runtime import Program
from gscale.theory.expected_gain import expected_gain, loss_lower_bound
from gscale.theory.population import deviation, losses_from_gains, remaining_loss, whiten_layer

if TYPE_CHECKING:
    from gscale.bench.cell import Cell


@dataclass(frozen=True)
class Population(OnCovariances):
    """Exact losses on covariances alone, as with infinitely many samples; Gaussian data only.

    References
    ----------
    Draxler et al., "On the convergence rate of Gaussianization with random rotations", ICML 2023, for
    the setting; the recursion is derived, see `gscale.theory.population_losses`.
    """

    kind = "population"

    def layer_seconds(self, cell: "Cell") -> float:
        return 1e-5 + 5e-10 * cell.dim**3  # a matrix product

    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        keys, start = keys_and_deviations(cell)
        run = run_layers(_population_step(cell.layer), keys, start, cell.n_layers, on_layer, cell.cost)
        losses = losses_from_gains(np.array(run.outputs), np.asarray(remaining_losses(run.state)))
        return Curves("kl", None, losses.T, run.seconds, run.seconds_compile)


class _ByFactor(OnCovariances):
    """The first loss times a factor for each layer, of the covariances that Haar layers pass through."""

    def check(self, cell: "Cell") -> None:
        super().check(cell)
        check_haar_alone(cell)

    @staticmethod
    def factor(eigenvalues: Array, loss: Array) -> Array:
        """The factor () of a loss () in nats, of a covariance with these eigenvalues (D,)."""
        raise NotImplementedError

    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        keys, start = keys_and_deviations(cell)
        first = np.asarray(remaining_losses(start))
        run = run_layers(
            _factor_step(cell.layer, self.factor), keys, start, cell.n_layers, on_layer, cell.cost
        )
        losses = np.cumprod([first, *run.outputs], 0)
        return Curves("kl", None, losses.T, run.seconds, run.seconds_compile)


@dataclass(frozen=True)
class Expected(_ByFactor):
    """`Population`, with each layer's factor replaced by its exact expectation over Haar rotations.

    References
    ----------
    Derived in docs/theory.md; see `gscale.theory.expected_gain`.
    """

    kind = "expected"

    @staticmethod
    def factor(eigenvalues: Array, loss: Array) -> Array:
        return 1 - expected_gain(eigenvalues) / jnp.where(loss > 0, loss, 1)  # D = 1 has nothing to lose


@dataclass(frozen=True)
class LowerBound(_ByFactor):
    """`Population`, with each layer's factor replaced by the bound that its expectation never breaks.

    References
    ----------
    Derived in docs/theory.md; see `gscale.theory.loss_lower_bound`. The setting is that of
    Draxler et al., ICML 2023, Theorem 2.
    """

    kind = "bound"

    @staticmethod
    def factor(eigenvalues: Array, loss: Array) -> Array:
        return loss_lower_bound(eigenvalues) / jnp.where(loss > 0, loss, 1)


def keys_and_deviations(cell: "Cell") -> tuple[Array, Array]:
    """The layers' keys (S,) and E = Σ − I (S, D, D) of the seeds."""
    data_keys, keys = seed_keys(cell.seeds)
    dataset: Any = cell.dataset
    return keys, _deviations(dataset, cell.dim)(data_keys)


@cache
def _deviations(dataset: Any, dim: int) -> Callable[[Array], Array]:
    # with a covariance: the cell has made sure of it
    return Program(jax.vmap(lambda key: deviation(dataset.matrix(key, dim))))


remaining_losses = Program(jax.vmap(remaining_loss))


@cache
def _population_step(layer: LayerSpec) -> Step:
    def one(key: Array, carried: Array, index: Array) -> tuple[Array, Array]:
        return whiten_layer(key, carried, layer, index)

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)


@cache
def _factor_step(layer: LayerSpec, factor: Callable[[Array, Array], Array]) -> Step:
    def one(key: Array, carried: Array, index: Array) -> tuple[Array, Array]:
        eigenvalues = 1 + jnp.linalg.eigvalsh(carried)
        carried, _ = whiten_layer(key, carried, layer, index)
        return carried, factor(eigenvalues, -0.5 * jnp.log(eigenvalues).sum())

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)
