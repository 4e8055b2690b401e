"""Running one cell: from a setting to the rows of its table."""

from datetime import UTC, datetime

import jax
import numpy as np
import pandas as pd

from gscale.bench.measure import on_covariances as exact, projections, sampled
from gscale.bench.measure.timing import Curves, Tick
from gscale.bench.measure.projections import Keep
from gscale.bench.provenance import provenance
from gscale.results.tables import SCHEMA_VERSION
from gscale.bench.sweep import (
    Cell,
    EndToEnd,
    EndToEndScales,
    Expected,
    Layerwise,
    LayerwiseTrained,
    LowerBound,
    Population,
    Projections,
    WhiteningCouplings,
)
from gscale.flows.end_to_end import Refined


def run_cell(
    cell: Cell, sweep: str, tick: Tick = lambda _: None, keep: Keep = lambda _: None
) -> pd.DataFrame:
    """Measure one cell and return its rows, one for each seed and depth.

    Parameters
    ----------
    cell : Cell
        What to measure.
    sweep : str
        Name kept in the rows.
    tick : callable, optional
        Called with the number of layers done after each layer.
    keep : callable, optional
        Called with the cell's histograms, where it has any, for `gscale.results.tables.write_histograms`.

    Raises
    ------
    InputError
        If the data has NaN, infinity or a constant column.
    FloatingPointError
        If a loss is not finite.
    """
    with jax.enable_x64(cell.dtype == "float64"):
        curves = _curves(cell, tick, keep)
    for losses in (curves.loss_train, curves.loss_test):
        if losses is not None and not np.isfinite(losses).all():
            seed, layer = np.argwhere(~np.isfinite(losses))[0]
            raise FloatingPointError(
                f"{cell} (cell {cell.id}): loss is {losses[seed, layer]} "
                f"with {layer} layers, seed {cell.seeds[seed]}"
            )
    return _rows(cell, sweep, curves)


def _curves(cell: Cell, tick: Tick, keep: Keep) -> Curves:
    match cell.training:
        case Layerwise():
            return sampled.layerwise_curves(cell, cell.layer, cell.training.first, tick)
        case LayerwiseTrained():
            layer = Refined(cell.layer, cell.training.training)
            return sampled.layerwise_curves(cell, layer, cell.training.first, tick)
        case EndToEnd():
            return sampled.end_to_end_curves(cell, cell.training, tick)
        case Projections():
            data_keys, _ = exact.seed_keys(cell.seeds)
            rows = (
                sampled.checked_rows(cell, key) for key in data_keys
            )  # one seed's at a time: they may be large
            return projections.distance_curves(cell, cell.training, rows, tick, keep)
        case Population():
            return exact.population_curves(cell, tick)
        case Expected():
            return exact.factor_curves(cell, exact.expected_factor, tick)
        case LowerBound():
            return exact.factor_curves(cell, exact.lowest_factor, tick)
        case EndToEndScales():
            return exact.scales_curves(cell, cell.training, tick)
        case WhiteningCouplings():
            return exact.whitening_curves(cell, tick)


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
        coupling=None if cell.layer.coupling is None else repr(cell.layer.coupling),
        training=repr(cell.training),
        dtype=cell.dtype,
        metric=curves.metric,
        seconds_compile=curves.seconds_compile,
        side_by_side=False,
        **provenance(),
        created=pd.Timestamp(datetime.now(UTC)),
    )
