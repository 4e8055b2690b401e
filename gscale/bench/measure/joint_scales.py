"""Scales between fixed rotations, trained together on the exact loss: Theorem 1 of the paper."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bench.measure.base import Curves, OnCovariances, OnHistograms, OnLayer, check_haar_alone
from gscale.bench.measure.exact_layers import keys_and_deviations, remaining_losses
from gscale.bench.measure.timing import Step, run_layers
from gscale.theory.scales import best_scales

if TYPE_CHECKING:
    from gscale.bench.cell import Cell


@dataclass(frozen=True)
class EndToEndScales(OnCovariances):
    """For each depth the best scales between fixed rotations, trained together on the exact loss.

    References
    ----------
    Draxler et al., ICML 2023, Theorem 1; see `gscale.theory.fit_scales`.
    """

    n_restarts: int = 1

    kind = "scales"
    per_depth = True

    def check(self, cell: "Cell") -> None:
        super().check(cell)
        check_haar_alone(cell)

    def layer_seconds(self, cell: "Cell") -> float:
        return 4e-8 * cell.n_layers**2 * cell.dim**4  # a least-squares step in L·D unknowns

    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        """Losses at each depth; the seconds are those of that depth alone."""
        keys, deviations = keys_and_deviations(cell)
        first = np.asarray(remaining_losses(deviations))
        step = _step(cell.n_layers, self.n_restarts)
        run = run_layers(step, keys, deviations, cell.n_layers, on_layer, cell.cost)
        seconds = np.diff(run.seconds, prepend=0.0)
        return Curves("kl", None, np.array([first, *run.outputs]).T, seconds, run.seconds_compile)


@cache
def _step(most: int, n_restarts: int) -> Step:
    def one(key: Array, carried: Array, index: Array) -> tuple[Array, Array]:
        covariance = carried + jnp.eye(carried.shape[0])
        return carried, best_scales(key, covariance, index + 1, most, n_restarts).loss

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)
