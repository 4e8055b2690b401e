"""What all ways of fitting to rows share: the rows of all seeds, the map in front, and losses as curves."""

from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

import jax
import numpy as np
from jax import Array

from gscale.bench.measure.base import Curves
from gscale.bench.measure.timing import seed_keys, timed
from gscale.bijections.base import Bijection
from gscale.data.base import Rows
from gscale.flows import layerwise
from gscale.flows.staged import StagedStart, fits_on_host
from gscale.validation import check_finite, check_rows

if TYPE_CHECKING:
    from gscale.bench.cell import Cell


class Start(NamedTuple):
    """All seeds before the first layer: keys (S,), rows (S, N, D), the fit so far and what it took."""

    keys: Array
    rows: Rows
    state: layerwise.FitState
    first: Bijection | None
    losses: layerwise.Losses
    seconds: float
    seconds_compile: float

    def curves(self, outputs: list[Any], seconds: np.ndarray, seconds_compile: float) -> Curves:
        """Curves from the losses (2, S) behind each layer; true KLs where the data's density is known."""
        losses = np.array([self.losses, *outputs], float)  # (L+1, 2, S)
        known = self.rows.log_prob_train is not None
        if known:
            losses += [_mean(self.rows.log_prob_train), _mean(self.rows.log_prob_test)]
        metric = "kl" if known else "nll"
        total, compiling = self.seconds + seconds, self.seconds_compile + seconds_compile
        return Curves(metric, losses[:, 0].T, losses[:, 1].T, total, compiling)


def start(cell: "Cell", first: Any) -> Start:
    """Draw the rows of all seeds and send them through the map in front, if there is one."""
    data_keys, keys = seed_keys(cell.seeds)
    of_seeds = [checked_rows(cell, key) for key in data_keys]
    rows: Rows = jax.tree.map(lambda *leaves: np.stack(leaves), *of_seeds)
    run = timed(
        _start(first, fits_on_host(first, rows.train.shape[1])),
        keys,
        rows.train,
        rows.test,
        seconds=cell.cost,
    )
    state, bijection, losses = run.result
    return Start(keys, rows, state, bijection, losses, run.seconds, run.seconds_compile)


def checked_rows(cell: "Cell", key: Array) -> Rows:
    """Rows (N, D) and test rows (M, D) of one seed, in the cell's precision.

    Raises
    ------
    InputError
        If there is NaN, infinity or a constant column.
    """
    n_samples, n_test = cell.n_samples or 0, cell.n_test or 0
    rows = cell.dataset.sample(key, cell.dim, n_samples, n_test, cell.dtype)
    check_rows(rows.train, f"{cell.dataset!r}, training rows")
    check_finite(rows.test, f"{cell.dataset!r}, test rows")
    cast: Rows = jax.tree.map(lambda a: np.asarray(a, cell.dtype), rows)
    return cast


def pass_seconds(cell: "Cell") -> float:
    """Rough seconds of fitting a layer without a loss to the rows, and of sending all through it."""
    # sorting and bending, and a matrix product
    return ((cell.n_samples or 0) + (cell.n_test or 0)) * cell.dim * (4e-8 + 1e-10 * cell.dim)


@cache
def _start(first: Any, staged: bool) -> Any:
    if staged:
        return StagedStart(first)

    def one(
        key: Array, x: Array, x_test: Array
    ) -> tuple[layerwise.FitState, Bijection | None, layerwise.Losses]:
        state, bijection = layerwise.start(key, x, x_test, first)
        return state, bijection, state.losses()

    return jax.jit(jax.vmap(one))


def _mean(log_prob: Any) -> np.ndarray:
    return np.asarray(log_prob, float).mean(1)
