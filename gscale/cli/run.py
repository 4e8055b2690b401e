"""``gscale run``: sweeps on their way to tables, under a progress bar."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gscale.bench.profiles import Profile
from gscale.cli.data import UserColumns, UserEncoding, UserFile
from gscale.cli.terminal import configure, parse_dims
from gscale.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from rich.progress import Progress as RichProgress

    from gscale.bench.cell import Cell
    from gscale.bench.executors.base import Executor
    from gscale.bench.executors.run_sweeps import Count, Progress
    from gscale.bench.executors.task import Outcome, Task
    from gscale.bench.sweep import Sweep
    from gscale.data.base import Source

_CELLS = "{task.fields[cells]}/{task.fields[n_cells]} cells"


def run(
    sweeps: Annotated[
        list[str], typer.Argument(help="Names (see gscale list) or files such as my_sweep.py.")
    ],
    dims: Annotated[str | None, typer.Option(help="Other dimensions, such as 4,8,16.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Another number of seeds.")] = None,
    data: UserFile = None,
    columns: UserColumns = None,
    encode: UserEncoding = False,
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
    profile_compile: Annotated[
        bool, typer.Option("--profile-compile", help="Print what was compiled, and how long that took.")
    ] = False,
) -> None:
    """Run the cells of sweeps that are not in the results folder yet."""
    configure()
    from gscale.bench import catalog
    from gscale.bench.compile_profile import compile_profile
    from gscale.bench.executors.run_sweeps import make_executor
    from gscale.bench.user_data import on_user_data
    from gscale.cli.data import user_source
    from gscale.results.files import folder_named
    from gscale.runtime import use_devices

    if device is not None:
        use_devices(device)
    if seeds is not None and seeds < 1:
        raise InputError(f"--seeds {seeds}: at least 1 seed is needed")
    source = None if data is None else user_source(data, columns, encode)
    planned = []
    for name in sweeps:
        sweep = catalog.load(name)
        sweep = sweep if source is None else on_user_data(sweep, profile, source)
        planned.append((sweep, sweep.cells(profile, parse_dims(dims), seeds)))
    if profile_compile and (jobs > 1 or cell_timeout is not None or dask is not None):
        raise InputError("--profile-compile is of one process: leave out --jobs, --cell-timeout and --dask")
    files = [name for name in sweeps if name.endswith(".py")]
    with (
        compile_profile() if profile_compile else nullcontext() as compiled,
        make_executor(jobs, cell_timeout, dask, files) as executor,
    ):
        count = run_shown(planned, folder_named(out), executor)
    if compiled is not None:
        print("\n".join(compiled.lines_of_text()))
    print(f"{count}: results in {out}. Next: gscale fit {out}, gscale report {out}.")
    if count.failed:
        raise typer.Exit(1)


def run_pilot(source: "Source", out: Path) -> "pd.DataFrame":
    """The table of a pilot on the rows of a source, run under a bar where it is not there yet."""
    configure()
    from gscale.bench.model_grid import pilot
    from gscale.results.tables import read_tables

    sweep = pilot(source)
    cells = sweep.cells("quick")
    count = run_shown([(sweep, cells)], out)
    if count.failed == len(cells):
        raise InputError(f"the pilot failed in all its cells: see {out / sweep.name}")
    table = read_tables(out / sweep.name)
    return table[table["cell_id"].isin([cell.id for cell in cells])]


def run_shown(
    sweeps: "Sequence[tuple[Sweep, tuple[Cell, ...]]]", out: Path, executor: "Executor | None" = None
) -> "Count":
    """`run_sweeps` under a progress bar; on Ctrl-C say what is kept, and exit."""
    from gscale.bench.executors.run_sweeps import run_sweeps

    count = run_sweeps(sweeps, out, executor, _shown)
    if count.interrupted:
        print(f"Stopped. {count}, and kept in {out}; the same command goes on from there.")
        raise typer.Exit(130)
    return count


@contextmanager
def _shown(tasks: "Sequence[Task]") -> "Iterator[Progress]":
    from rich.console import Console

    from gscale.flows.progress import timed_progress

    with timed_progress(_CELLS, Console(highlight=False)) as bar:
        yield _Bar(bar, tasks)


class _Bar:
    """The progress bar of a run, in rough seconds of the cells."""

    def __init__(self, bar: "RichProgress", tasks: "Sequence[Task]") -> None:
        self._bar, self._cost, self._cells = bar, 0.0, 0
        total = sum(task.cell.cost for task in tasks)
        self._id = bar.add_task("", total=total, cells=0, n_cells=len(tasks))

    def on_start(self, task: "Task") -> Callable[[int], None]:
        from rich.markup import escape

        self._bar.update(self._id, description=f"{task.sweep}: {escape(str(task.cell))}")

        def on_layer(layer: int) -> None:
            share = layer / task.cell.n_layers
            self._bar.update(self._id, completed=self._cost + task.cell.cost * share)

        return on_layer

    def on_result(self, task: "Task", outcome: "Outcome") -> None:
        from rich.markup import escape

        self._cost, self._cells = self._cost + task.cell.cost, self._cells + 1
        self._bar.update(self._id, completed=self._cost, cells=self._cells)
        if outcome.state != "present":
            text = f"[red]failed[/]: {escape(outcome.error)}" if outcome.error else f"{outcome.seconds:.1f} s"
            self._bar.console.print(f"{task.sweep}: {escape(str(task.cell))}: {text}", soft_wrap=True)
