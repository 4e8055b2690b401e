"""The two affine couplings that whiten any covariance, as a curve of depth 2."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bench.measure.base import Curves, OnCovariances, OnHistograms, OnLayer
from gscale.bench.measure.exact_layers import keys_and_deviations
from gscale.bench.measure.timing import timed_call
from gscale.errors import InputError
from gscale.runtime import Program
from gscale.theory.population import remaining_loss
from gscale.theory.whitening import whitening_couplings

if TYPE_CHECKING:
    from gscale.bench.cell import Cell


@dataclass(frozen=True)
class WhiteningCouplings(OnCovariances):
    """The two affine couplings that whiten a covariance exactly; depth 2.

    References
    ----------
    Draxler et al., ICML 2023, Equation 20, bounds their number; the pair is derived in docs/theory.md.
    """

    kind = "construction"
    per_depth = True

    def check(self, cell: "Cell") -> None:
        super().check(cell)
        if cell.n_layers != 2:
            raise InputError(f"n_layers is {cell.n_layers}: WhiteningCouplings() are 2")

    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        """Losses with none, the first and both of the couplings that whiten each seed's covariance."""
        _, deviations = keys_and_deviations(cell)
        covariances = deviations + jnp.eye(cell.dim)[None]
        compiling = timed_call(whitening_couplings, covariances[0])
        runs = [timed_call(whitening_couplings, covariance) for covariance in covariances]
        losses = [
            [_loss_behind(covariance, run.result[:n]) for n in range(3)]
            for covariance, run in zip(covariances, runs, strict=True)
        ]
        on_layer(cell.n_layers)
        seconds = sum(run.seconds for run in runs)
        compile_seconds = max(compiling.seconds - runs[0].seconds, 0.0)
        return Curves("kl", None, np.array(losses), np.array([0.0, seconds, seconds]), compile_seconds)


@Program
def _loss_behind(covariance: Array, maps: Any) -> Array:
    """KL () to N(0, I) of N(0, Σ) sent through maps, whatever its variances."""
    root = jnp.linalg.cholesky(covariance)
    columns = root.T
    for bijection in maps:
        columns, _ = jax.vmap(bijection.forward)(columns)
    carried = columns.T @ columns - jnp.eye(covariance.shape[0])
    return remaining_loss((carried + carried.T) / 2)
