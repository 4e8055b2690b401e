"""One cell of a run: computed, here or elsewhere, and then stored as a table or a failure record."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from gscale.bench.cell import Cell
from gscale.bench.measure.base import OnLayer
from gscale.bench.measure.run_cell import run_cell
from gscale.errors import InputError
from gscale.results import journal, tables


@dataclass(frozen=True)
class Task:
    """A cell, the name and figure of its sweep, the folder of its table, and whether others run meanwhile."""

    sweep: str
    cell: Cell
    folder: Path
    figure: str = "scaling"
    side_by_side: bool = False

    def is_done(self) -> bool:
        return tables.cell_path(self.folder, self.cell.id).exists()


@dataclass(frozen=True)
class Measured:
    """What came of computing a cell: its rows, and histograms if it has any, or an error; seconds it took."""

    seconds: float
    rows: pd.DataFrame | None = None
    histograms: pd.DataFrame | None = None
    error: str = ""
    traceback: str = ""


@dataclass(frozen=True)
class Outcome:
    """What became of a task."""

    state: Literal["run", "present", "failed"]
    seconds: float = 0.0
    error: str = ""


def measure(
    sweep: str,
    cell: Cell,
    figure: str = "scaling",
    on_layer: OnLayer = lambda _: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Measured:
    """Compute a cell and write nothing; an error of its own is part of what comes back.

    Parameters
    ----------
    sweep, figure : str
        Columns of the rows.
    cell : Cell
    on_layer : callable
        Called with the number of layers done.
    interrupted : callable
        Whether Ctrl-C came: jax may make another error of it, which is no failure of the cell.

    Raises
    ------
    InputError
        If the cell's data cannot be used.
    """
    start = time.perf_counter()
    histograms: list[pd.DataFrame] = []
    try:
        rows = run_cell(cell, sweep, on_layer, histograms.append, figure)
    except InputError:
        raise
    except Exception as error:
        if interrupted():
            raise KeyboardInterrupt from error
        text = f"{type(error).__name__}: {error}"
        return Measured(time.perf_counter() - start, error=text, traceback=traceback.format_exc())
    return Measured(time.perf_counter() - start, rows, histograms[0] if histograms else None)


def store(task: Task, measured: Measured) -> Outcome:
    """Write what came of a cell: its table, or a failure record.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    if measured.rows is None:
        path = tables.write_failure(task.folder, task.cell.id, _record(task, measured))
        return Outcome("failed", measured.seconds, f"{measured.error}; see {path}")
    if measured.histograms is not None:
        tables.write_histograms(task.folder, task.cell.id, measured.histograms)
    rows = measured.rows.assign(side_by_side=task.side_by_side)
    tables.write_cell(task.folder, task.cell.id, rows)
    journal.note(task.folder, task.cell.id, measured.seconds)
    return Outcome("run", measured.seconds)


def _record(task: Task, measured: Measured) -> dict[str, str]:
    return {
        "sweep": task.sweep,
        "cell_id": task.cell.id,
        "cell": str(task.cell),
        "setting": repr(task.cell),
        "error": measured.error,
        "traceback": measured.traceback,
        "seconds": f"{measured.seconds:.3f}",
    }
