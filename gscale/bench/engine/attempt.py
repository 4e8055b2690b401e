"""One cell of a run: from nothing, or another process' claim, to a table or a failure record."""

import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from gscale.bench import journal, store
from gscale.bench.clock import Tick
from gscale.bench.engine.claims import claim
from gscale.bench.run import run_cell
from gscale.bench.sweep import Cell
from gscale.errors import InputError


@dataclass(frozen=True)
class Task:
    """A cell, the name of its sweep, the folder of its table, and whether others run meanwhile."""

    sweep: str
    cell: Cell
    folder: Path
    side_by_side: bool = False

    @property
    def done(self) -> bool:
        return store.cell_path(self.folder, self.cell.id).exists()


@dataclass(frozen=True)
class Outcome:
    """What became of a task: ``held`` is that another process has it."""

    state: Literal["run", "there", "failed", "held"]
    seconds: float = 0.0
    error: str = ""


def attempt(task: Task, tick: Tick, interrupted: Callable[[], bool]) -> Outcome:
    """Measure a cell that is neither there nor claimed.

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
    if task.done:
        return Outcome("there")
    with claim(task.folder, task.cell.id) as mine:
        if not mine:
            return Outcome("held")
        return Outcome("there") if task.done else _measured(task, tick, interrupted)


def _measured(task: Task, tick: Tick, interrupted: Callable[[], bool]) -> Outcome:
    begun = time.perf_counter()
    keep = partial(store.write_histograms, task.folder, task.cell.id)
    try:
        rows = run_cell(task.cell, task.sweep, tick, keep)
    except InputError:
        raise
    except Exception as error:
        if interrupted():
            raise KeyboardInterrupt from error
        return failed(task, f"{type(error).__name__}: {error}", time.perf_counter() - begun)
    store.write_cell(task.folder, task.cell.id, rows.assign(side_by_side=task.side_by_side))
    seconds = time.perf_counter() - begun
    journal.note(task.folder, task.cell.id, seconds)
    return Outcome("run", seconds)


def failed(task: Task, error: str, seconds: float) -> Outcome:
    """Record that a cell failed, with the traceback of the error at hand."""
    record = {
        "sweep": task.sweep,
        "cell_id": task.cell.id,
        "cell": str(task.cell),
        "setting": repr(task.cell),
        "error": error,
        "traceback": traceback.format_exc(),
        "seconds": f"{seconds:.3f}",
    }
    path = store.write_failure(task.folder, task.cell.id, record)
    return Outcome("failed", seconds, f"{error}; see {path}")
