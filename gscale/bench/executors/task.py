"""One cell of a run: computed, here or elsewhere, and then kept as a table or a failure record."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from gscale.results import journal, tables as store
from gscale.results.locks import claim
from gscale.bench.measure.timing import Tick
from gscale.bench.measure.run_cell import run_cell
from gscale.bench.sweep import Cell
from gscale.errors import InputError


@dataclass(frozen=True)
class Task:
    """A cell, the name of its sweep, the folder of its table, and whether others run meanwhile."""

    sweep: str
    cell: Cell
    folder: Path
    side_by_side: bool = False

    def is_done(self) -> bool:
        return store.cell_path(self.folder, self.cell.id).exists()


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
    """What became of a task: ``held`` is that another process has it."""

    state: Literal["run", "there", "failed", "held"]
    seconds: float = 0.0
    error: str = ""


def attempt(task: Task, tick: Tick, interrupted: Callable[[], bool]) -> Outcome:
    """Measure and keep a cell that is neither there nor claimed.

    Parameters
    ----------
    task : Task
    tick : callable
        Called with the number of layers done.
    interrupted : callable
        Whether Ctrl-C came: jax may make another error of it, which is no failure of the cell.

    Raises
    ------
    InputError
        If the cell's data cannot be used, or the folder cannot be written.
    """
    if task.is_done():
        return Outcome("there")
    with claim(task.folder, task.cell.id) as mine:
        if not mine:
            return Outcome("held")
        if not task.is_done():  # it may have come just before the claim
            return keep(task, measure(task.sweep, task.cell, tick, interrupted))
        return Outcome("there")


def measure(
    sweep: str,
    cell: Cell,
    tick: Tick = lambda _: None,
    interrupted: Callable[[], bool] = lambda: False,
) -> Measured:
    """Compute a cell and write nothing; an error of its own is part of what comes back.

    Raises
    ------
    InputError
        If the cell's data cannot be used.
    """
    begun = time.perf_counter()
    histograms: list[pd.DataFrame] = []
    try:
        rows = run_cell(cell, sweep, tick, histograms.append)
    except InputError:
        raise
    except Exception as error:
        if interrupted():
            raise KeyboardInterrupt from error
        text = f"{type(error).__name__}: {error}"
        return Measured(time.perf_counter() - begun, error=text, traceback=traceback.format_exc())
    return Measured(time.perf_counter() - begun, rows, histograms[0] if histograms else None)


def keep(task: Task, measured: Measured) -> Outcome:
    """Write what came of a cell: its table, or a failure record.

    Raises
    ------
    InputError
        If the folder cannot be written.
    """
    if measured.rows is None:
        path = store.write_failure(task.folder, task.cell.id, _record(task, measured))
        return Outcome("failed", measured.seconds, f"{measured.error}; see {path}")
    if measured.histograms is not None:
        store.write_histograms(task.folder, task.cell.id, measured.histograms)
    rows = measured.rows.assign(side_by_side=task.side_by_side)
    store.write_cell(task.folder, task.cell.id, rows)
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
