"""``gscale run``: sweeps on their way to tables."""

import dataclasses
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import Progress, TaskID

from gscale import runtime as devices
from gscale.bench import catalog
from gscale.results import journal, tables as store
from gscale.bench.executors.task import Outcome, Task
from gscale.bench.executors.base import Crew, run_in_crew
from gscale.bench.executors.processes import Pool
from gscale.bench.executors.serial import run_serially
from gscale.results.files import place
from gscale.bench.user_data import on_own
from gscale.bench.sweep import Cell, Profile, Sweep
from gscale.cli.data import OwnColumns, OwnEncoding, OwnFile, own_data
from gscale.data.base import Source
from gscale.errors import InputError
from gscale.flows.progress import timed_progress

console = Console(highlight=False)
_CELLS = "{task.fields[cells]}/{task.fields[n_cells]} cells"


def run(
    sweeps: Annotated[
        list[str], typer.Argument(help="Names (see gscale list) or files such as my_sweep.py.")
    ],
    dims: Annotated[str | None, typer.Option(help="Other dimensions, such as 4,8,16.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Another number of seeds.")] = None,
    data: OwnFile = None,
    columns: OwnColumns = None,
    encode: OwnEncoding = False,
    profile: Annotated[Profile, typer.Option(help="How large.")] = "quick",
    out: Annotated[str, typer.Option(help="Results folder, or s3://bucket/folder.")] = "results",
    jobs: Annotated[int, typer.Option(help="Cells side by side, each in a process of its own.")] = 1,
    cell_timeout: Annotated[float | None, typer.Option(help="Seconds after which a cell has failed.")] = None,
    dask: Annotated[
        str | None, typer.Option(help="Address of a dask scheduler that has the workers; local: start them.")
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="cpu or gpu: what to compute on; JAX chooses if not given.")
    ] = None,
) -> None:
    """Run the cells of sweeps that are not in the results folder yet."""
    if device is not None:
        devices.use(device)
    own = None if data is None else own_data(data, columns, encode)
    todo = [_plan(name, profile, parse_dims(dims), seeds, own) for name in sweeps]
    files = [name for name in sweeps if name.endswith(".py")]
    with _crew(jobs, cell_timeout, dask, files) as crew:
        done = execute(todo, place(out), crew)
    console.print(f"{done.text()}: results in {out}. Next: gscale fit {out}, gscale report {out}.")
    if done.failed:
        raise typer.Exit(1)


@dataclasses.dataclass
class Count:
    """Cells by what became of them."""

    run: int = 0
    there: int = 0
    failed: int = 0
    interrupted: bool = False

    def text(self) -> str:
        return f"{self.run} cells run, {self.there} there already, {self.failed} failed"

    def stop_if_asked(self) -> None:
        """Raise what was raised when Ctrl-C came, in case it came while Python collected garbage."""
        if self.interrupted:
            raise KeyboardInterrupt


@contextmanager
def _interrupts_noted(done: Count) -> Iterator[None]:
    """Note Ctrl-C as it comes: within jax a KeyboardInterrupt may become another error, or none at all.

    One that comes in a callback, as jax has one for the garbage collector, is lost there: Python would
    print its traceback and go on. It is noted, so it is not printed.
    """

    def note(*_: object) -> None:
        done.interrupted = True
        raise KeyboardInterrupt

    def unraisable(lost: Any) -> None:
        if not isinstance(lost.exc_value, KeyboardInterrupt):
            shown(lost)

    shown, before = sys.unraisablehook, signal.signal(signal.SIGINT, note)
    sys.unraisablehook = unraisable
    try:
        yield
    finally:
        sys.unraisablehook = shown
        signal.signal(signal.SIGINT, before)


def parse_dims(text: str | None, option: str = "--dims") -> tuple[int, ...] | None:
    """Dimensions as given on the command line."""
    if text is None:
        return None
    dims = []
    for part in text.split(","):
        try:
            dims.append(int(part))
        except ValueError:
            raise InputError(
                f"{option} {text}: {part!r} is no integer; give dimensions such as 4,8,16"
            ) from None
    return tuple(dims)


def _plan(
    name: str, profile: Profile, dims: tuple[int, ...] | None, n_seeds: int | None, own: Source | None
) -> tuple[Sweep, tuple[Cell, ...]]:
    if n_seeds is not None and n_seeds < 1:
        raise InputError(f"--seeds {n_seeds}: at least 1 seed is needed")
    sweep = catalog.load(name)
    sweep = sweep if own is None else on_own(sweep, profile, own)
    return sweep, sweep.cells(profile, dims, n_seeds)


def _crew(
    jobs: int, timeout: float | None, dask: str | None, files: list[str]
) -> AbstractContextManager[Crew | None]:
    """Worker processes, where cells run side by side or may be ended; None for this process."""
    if jobs < 1:
        raise InputError(f"--jobs {jobs}: at least 1 process is needed")
    if timeout is not None and not timeout > 0:
        raise InputError(f"--cell-timeout {timeout:g}: seconds are above 0")
    if dask is not None:
        return _cluster(dask, jobs, timeout)
    return nullcontext() if jobs == 1 and timeout is None else Pool(jobs, files, timeout)


def _cluster(dask: str, jobs: int, timeout: float | None) -> AbstractContextManager[Crew]:
    """The workers of a scheduler."""
    if timeout is not None:
        raise InputError(f"--cell-timeout {timeout:g}: dask cannot end a cell; --jobs without it can")
    if dask != "local" and jobs != 1:
        raise InputError(f"--jobs {jobs}: the scheduler at {dask} has its workers; leave --jobs out")
    try:
        from gscale.bench.executors.dask_cluster import Cluster
    except ImportError:
        raise InputError("--dask needs dask.distributed: install gscale[dask]") from None
    return Cluster(None if dask == "local" else dask, jobs)


def execute(todo: list[tuple[Sweep, tuple[Cell, ...]]], out: Path, crew: Crew | None = None) -> Count:
    """Run what is not there yet under a progress bar; on Ctrl-C say what is kept, and exit."""
    crowded = crew is not None and crew.side_by_side
    if crowded and (timed := [sweep.name for sweep, _ in todo if sweep.timed]):
        raise InputError(f"sweep {timed[0]!r} is there for its seconds: run it one cell after the other")
    tasks = []
    for sweep, cells in todo:
        folder = out / sweep.name
        store.prepare(folder)
        journal.plan(folder, {cell.id: journal.Planned(str(cell), cell.cost) for cell in cells})
        tasks += [Task(sweep.name, cell, folder, crowded) for cell in cells]
    done = Count()
    try:
        with _interrupts_noted(done), timed_progress(_CELLS, console) as bar:
            shown = _Shown(bar, tasks, done)
            if crew is None:
                run_serially(tasks, shown.begin, shown.end, lambda: done.interrupted)
            else:
                run_in_crew(tasks, crew, shown.begin, shown.end)
    except KeyboardInterrupt:
        console.print(f"Stopped. {done.text()}, and kept in {out}; the same command goes on from there.")
        raise typer.Exit(130) from None
    for sweep, _ in todo:
        store.gather(out / sweep.name)
    return done


class _Shown:
    """The progress bar of a run, and its count."""

    def __init__(self, bar: Progress, tasks: list[Task], done: Count) -> None:
        self._bar, self._done, self._cost = bar, done, 0.0
        total = sum(task.cell.cost for task in tasks)
        self._id: TaskID = bar.add_task("", total=total, cells=0, n_cells=len(tasks))

    def begin(self, task: Task) -> Callable[[int], None]:
        self._bar.update(self._id, description=f"{task.sweep}: {escape(str(task.cell))}")

        def tick(layer: int) -> None:
            self._done.stop_if_asked()
            share = layer / task.cell.n_layers
            self._bar.update(self._id, completed=self._cost + task.cell.cost * share)

        return tick

    def end(self, task: Task, outcome: Outcome) -> None:
        done, self._cost = self._done, self._cost + task.cell.cost
        setattr(done, outcome.state, getattr(done, outcome.state) + 1)
        cells = done.run + done.there + done.failed
        self._bar.update(self._id, completed=self._cost, cells=cells)
        if outcome.state != "there":
            text = f"[red]failed[/]: {escape(outcome.error)}" if outcome.error else f"{outcome.seconds:.1f} s"
            self._bar.console.print(f"{task.sweep}: {escape(str(task.cell))}: {text}", soft_wrap=True)
        done.stop_if_asked()
