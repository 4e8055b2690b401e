"""Running sweeps into a results folder: what is there already is not run again."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from gscale.bench.cell import Cell
from gscale.bench.executors.base import Executor, run_on
from gscale.bench.executors.processes import ProcessPool
from gscale.bench.executors.serial import Serial
from gscale.bench.executors.task import Outcome, Task
from gscale.bench.sweep import Sweep
from gscale.errors import InputError
from gscale.results import journal, tables


@dataclass
class Count:
    """Cells by what became of them."""

    run: int = 0
    present: int = 0
    failed: int = 0
    interrupted: bool = False

    def __str__(self) -> str:
        return f"{self.run} cells run, {self.present} there already, {self.failed} failed"

    def stop_if_interrupted(self) -> None:
        """Raise what was raised when Ctrl-C came, in case it came while Python collected garbage."""
        if self.interrupted:
            raise KeyboardInterrupt


class Progress(Protocol):
    """Whoever shows how far a run has come."""

    def on_start(self, task: Task) -> Callable[[int], None]:
        """Called with a task that is submitted; returns what is called with its layers done."""
        ...

    def on_result(self, task: Task, outcome: Outcome) -> None:
        """Called with a task and what became of it."""
        ...


class Silent:
    """A `Progress` that shows nothing."""

    def on_start(self, task: Task) -> Callable[[int], None]:
        return lambda _: None

    def on_result(self, task: Task, outcome: Outcome) -> None:
        return None


def run_sweeps(
    sweeps: Sequence[tuple[Sweep, tuple[Cell, ...]]],
    out: Path,
    executor: Executor | None = None,
    progress: Callable[[Sequence[Task]], AbstractContextManager[Progress]] | None = None,
) -> Count:
    """Run the cells of sweeps that are not in the results folder yet.

    Parameters
    ----------
    sweeps : sequence of (Sweep, tuple of Cell)
        Each sweep with the cells to run, such as ``(sweep, sweep.cells("ci"))``.
    out : Path
        The results folder; each sweep has a folder in it.
    executor : Executor, optional
        Where cells are computed; one after the other in this process where absent.
    progress : callable, optional
        Makes of all tasks a context manager of a `Progress`; nothing is shown where absent.

    Returns
    -------
    Count
        Where Ctrl-C came, ``interrupted`` is set; what is finished is kept.

    Raises
    ------
    InputError
        If a sweep that is timed would run side by side, data cannot be used, or the folder not be written.
    """
    side_by_side = executor is not None and executor.side_by_side
    if side_by_side and (timed := [sweep.name for sweep, _ in sweeps if sweep.timed]):
        raise InputError(f"sweep {timed[0]!r} is there for its seconds: run it one cell after the other")
    tasks = []
    for sweep, cells in sweeps:
        folder = out / sweep.name
        tables.prepare(folder)
        journal.plan(folder, {cell.id: journal.Planned(str(cell), cell.cost) for cell in cells})
        tasks += [Task(sweep.name, cell, folder, sweep.figure, side_by_side) for cell in cells]
    count = Count()
    try:
        context = nullcontext(Silent()) if progress is None else progress(tasks)
        with _interrupts_noted(count), context as shown:
            _run(tasks, executor, shown, count)
    except KeyboardInterrupt:
        count.interrupted = True
        return count
    for sweep, _ in sweeps:
        tables.gather(out / sweep.name)
    return count


def make_executor(
    jobs: int = 1, timeout: float | None = None, dask: str | None = None, files: Sequence[str] = ()
) -> AbstractContextManager[Executor | None]:
    """Worker processes, where cells run side by side or may be ended; None for this process.

    Parameters
    ----------
    jobs : int
        Processes, or workers of a scheduler that is started here.
    timeout : float, optional
        Seconds that a cell may take.
    dask : str, optional
        Address of a dask scheduler, or "local" to start one.
    files : sequence of str
        The user's sweep files, whose classes cells are made of.

    Raises
    ------
    InputError
        If the options do not go together, or dask is not installed.
    """
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: at least 1 process is needed")
    if timeout is not None and not timeout > 0:
        raise InputError(f"--cell-timeout {timeout:g}: seconds are above 0")
    if dask is None:
        return nullcontext() if jobs == 1 and timeout is None else ProcessPool(jobs, files, timeout)
    if timeout is not None:
        raise InputError(f"--cell-timeout {timeout:g}: dask cannot end a cell; --jobs without it can")
    if dask != "local" and jobs != 1:
        raise InputError(f"--jobs {jobs}: the scheduler at {dask} has its workers; leave --jobs out")
    try:
        from gscale.bench.executors.dask_cluster import DaskCluster
    except ImportError:
        raise InputError("--dask needs dask.distributed: install gscale[dask]") from None
    return DaskCluster(None if dask == "local" else dask, jobs)


def _run(tasks: Sequence[Task], executor: Executor | None, progress: Progress, count: Count) -> None:
    def on_start(task: Task) -> Callable[[int], None]:
        shown = progress.on_start(task)

        def on_layer(layer: int) -> None:
            count.stop_if_interrupted()
            shown(layer)

        return on_layer

    def on_result(task: Task, outcome: Outcome) -> None:
        setattr(count, outcome.state, getattr(count, outcome.state) + 1)
        progress.on_result(task, outcome)
        count.stop_if_interrupted()

    run_on(executor or Serial(lambda: count.interrupted), tasks, on_start, on_result)


@contextmanager
def _interrupts_noted(count: Count) -> Iterator[None]:
    """Note Ctrl-C as it comes: within jax a KeyboardInterrupt may become another error, or none at all.

    One that comes in a callback, as jax has one for the garbage collector, is lost there: Python would
    print its traceback and go on. It is noted, so it is not printed.
    """
    if threading.current_thread() is not threading.main_thread():  # signals are for that one alone
        yield
        return

    def note(*_: object) -> None:
        count.interrupted = True
        raise KeyboardInterrupt

    def unraisable(lost: Any) -> None:
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            hook(lost)

    hook, handler = sys.unraisablehook, signal.signal(signal.SIGINT, note)
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = hook
        signal.signal(signal.SIGINT, handler)
