"""Running one cell: from a setting to the rows of its table."""

from datetime import UTC, datetime

import jax
import numpy as np
import pandas as pd

from gscale.bench.cell import Cell
from gscale.bench.measure.base import Curves, OnHistograms, OnLayer
from gscale.bench.provenance import provenance
from gscale.results.schema import SCHEMA_VERSION
from gscale.runtime import lapack_on_one_thread


def run_cell(
    cell: Cell,
    sweep: str,
    on_layer: OnLayer = lambda _: None,
    on_histograms: OnHistograms = lambda _: None,
    figure: str = "scaling",
) -> pd.DataFrame:
    """Measure one cell and return its rows, one for each seed and depth.

    Parameters
    ----------
    cell : Cell
        What to measure.
    sweep : str
        Name kept in the rows.
    on_layer : callable, optional
        Called with the number of layers done after each layer.
    on_histograms : callable, optional
        Called with the cell's histograms, where it has any, for `gscale.results.tables.write_histograms`.
    figure : str
        What the sweep is drawn as, kept in the rows.

    Returns
    -------
    DataFrame
        S (L + 1) rows with the columns of `gscale.results.schema.SCHEMA`.

    Raises
    ------
    InputError
        If the data has NaN, infinity or a constant column.
    FloatingPointError
        If a loss is not finite.
    """
    with jax.enable_x64(cell.dtype == "float64"), lapack_on_one_thread():
        curves = cell.training.curves(cell, on_layer, on_histograms)
    for losses in (curves.loss_train, curves.loss_test):
        if losses is not None and not np.isfinite(losses).all():
            seed, layer = np.argwhere(~np.isfinite(losses))[0]
            raise FloatingPointError(
                f"{cell} (cell {cell.id}): loss is {losses[seed, layer]} "
                f"with {layer} layers, seed {cell.seeds[seed]}"
            )
    return _rows(cell, curves).assign(sweep=sweep, figure=figure)


def _rows(cell: Cell, curves: Curves) -> pd.DataFrame:
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
    n = len(measured)
    counts = {name: pd.array([getattr(cell, name)] * n, "Int64") for name in ("n_samples", "n_test")}
    return measured.assign(
        schema=SCHEMA_VERSION,
        cell_id=cell.id,
        **(cell.settings() | counts),
        metric=curves.metric,
        seconds_compile=curves.seconds_compile,
        side_by_side=False,
        **provenance(),
        created=pd.Timestamp(datetime.now(UTC)),
    )
