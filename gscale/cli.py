"""The ``gscale`` command."""

import dataclasses
import json
import math
import signal
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from gscale.bench import catalog, store
from gscale.bench.run import run_cell
from gscale.bench.scaling import Slope, Turn, half_width, missed_text, slopes, turns
from gscale.bench.sweep import Cell, Profile, Sweep
from gscale.errors import InputError

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
console = Console(highlight=False)

Folder = Annotated[Path, typer.Argument(help="A results folder, such as results or results/patches.")]


@app.callback()
def describe() -> None:
    """Measure how many layers an invertible model needs as the dimension D grows."""


@app.command("list")
def list_sweeps() -> None:
    """List the sweeps that come with gscale."""
    table = Table("sweep", "cells: ci, quick, full", "about", box=None)
    for name in catalog.shipped():
        sweep = catalog.load(name)
        sizes = ", ".join(str(len(sweep.cells(profile))) for profile in sweep.profiles)
        table.add_row(name, sizes, sweep.about)
    console.print(table)


@app.command()
def run(
    sweeps: Annotated[
        list[str], typer.Argument(help="Names (see gscale list) or files such as my_sweep.py.")
    ],
    dims: Annotated[str | None, typer.Option(help="Other dimensions, such as 4,8,16.")] = None,
    seeds: Annotated[int | None, typer.Option(help="Another number of seeds.")] = None,
    profile: Annotated[Profile, typer.Option(help="How large.")] = "quick",
    out: Annotated[Path, typer.Option(help="Results folder.")] = Path("results"),
) -> None:
    """Run the cells of sweeps that are not in the results folder yet."""
    todo = [_plan(name, profile, _parse_dims(dims), seeds) for name in sweeps]
    for sweep, _ in todo:
        store.prepare(out / sweep.name)
    done = _Count()
    try:
        with _interrupts_noted(done), _progress() as bar:
            planned = [cell for _, cells in todo for cell in cells]
            total = sum(cell.cost for cell in planned)
            task = bar.add_task("", total=total, cells=0, n_cells=len(planned))
            for sweep, cells in todo:
                for cell in cells:
                    _run_one(sweep, cell, out / sweep.name, bar, task, done)
    except KeyboardInterrupt:
        console.print(f"Stopped. {done.text()}, and kept in {out}; the same command goes on from there.")
        raise typer.Exit(130) from None
    console.print(f"{done.text()}: results in {out}. Next: gscale fit {out}, gscale plot {out}.")
    if done.failed:
        raise typer.Exit(1)


@app.command()
def fit(
    folder: Folder,
    target: Annotated[
        list[str] | None, typer.Option(help="tail, e, 10, 100, or a gain such as 2.5nats; may be repeated.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit layers against D, and where N varies the layers at which test losses turn, with 95 % intervals."""
    table = store.read_tables(folder)
    turned = turns(table)
    found = _with_several_dims(slopes(table, target or ()), turned)
    failures = store.read_failures(folder)
    if as_json:
        records = {"slopes": [_record(slope) for slope in found], "turns": [_turn_record(t) for t in turned]}
        print(json.dumps({**records, "failed": failures}, indent=2))
        return
    for line in (*_slope_lines(found), *_turn_lines(turned)):
        print(line)
    for failure in failures:
        console.print(f"[red]failed[/]: {escape(failure['cell'])}: {escape(failure['error'])}")


@app.command()
def plot(folder: Folder) -> None:
    """Draw the loss curves and the layers against D of every sweep into FOLDER/figures."""
    from gscale.bench.plot import plot_sweeps  # its libraries take a second to import

    table = store.read_tables(folder)
    about = {name: catalog.load(name).about for name in catalog.shipped()}
    for path in plot_sweeps(table, folder / "figures", about):
        print(path)


def main(arguments: list[str] | None = None) -> None:
    """Run the command; an error a user can cause is one line and exit code 2."""
    try:
        app(arguments)
    except InputError as error:
        print(f"gscale: {error}", file=sys.stderr)
        sys.exit(2)


@dataclasses.dataclass
class _Count:
    run: int = 0
    there: int = 0
    failed: int = 0
    interrupted: bool = False

    def text(self) -> str:
        return f"{self.run} cells run, {self.there} there already, {self.failed} failed"


@contextmanager
def _interrupts_noted(done: _Count) -> Iterator[None]:
    """Note Ctrl-C as it comes: jax turns a KeyboardInterrupt in some comparisons into another error."""

    def note(*_: object) -> None:
        done.interrupted = True
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, note)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _parse_dims(text: str | None) -> tuple[int, ...] | None:
    if text is None:
        return None
    dims = []
    for part in text.split(","):
        try:
            dims.append(int(part))
        except ValueError:
            raise InputError(
                f"--dims {text}: {part!r} is no integer; give dimensions such as 4,8,16"
            ) from None
    return tuple(dims)


def _plan(
    name: str, profile: Profile, dims: tuple[int, ...] | None, n_seeds: int | None
) -> tuple[Sweep, tuple[Cell, ...]]:
    if n_seeds is not None and n_seeds < 1:
        raise InputError(f"--seeds {n_seeds}: at least 1 seed is needed")
    sweep = catalog.load(name)
    return sweep, sweep.cells(profile, dims, n_seeds)


def _progress() -> Progress:
    return Progress(
        BarColumn(),
        TextColumn("{task.fields[cells]}/{task.fields[n_cells]} cells"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
        console=console,
        transient=True,
    )


def _run_one(sweep: Sweep, cell: Cell, folder: Path, bar: Progress, task: Any, done: _Count) -> None:
    begun = time.perf_counter()
    before = bar.tasks[0].completed
    bar.update(task, description=f"{sweep.name}: {escape(str(cell))}")

    def tick(layer: int) -> None:
        bar.update(task, completed=before + cell.cost * layer / cell.n_layers)

    if store.cell_path(folder, cell.id).exists():
        done.there += 1
    else:
        try:
            store.write_cell(folder, cell.id, run_cell(cell, sweep.name, tick))
            done.run += 1
            outcome = f"{time.perf_counter() - begun:.1f} s"
        except InputError:
            raise
        except Exception as error:
            if done.interrupted:
                raise KeyboardInterrupt from error
            path = store.write_failure(folder, cell.id, _failure(sweep, cell, error))
            done.failed += 1
            outcome = f"[red]failed[/]: {escape(str(error))}; see {path}"
        bar.console.print(f"{sweep.name}: {escape(str(cell))}: {outcome}", soft_wrap=True)
    bar.update(task, completed=before + cell.cost, cells=done.run + done.there + done.failed)


def _failure(sweep: Sweep, cell: Cell, error: Exception) -> dict[str, str]:
    return {
        "sweep": sweep.name,
        "cell_id": cell.id,
        "cell": str(cell),
        "setting": repr(cell),
        "error": f"{type(error).__name__}: {error}",
        "traceback": traceback.format_exc(),
    }


_LINE = "  {:<6} {:<27} {:<24} {:<9} {:<8} {}"


def _with_several_dims(found: list[Slope], turned: list[Turn]) -> list[Slope]:
    """Slopes, without those of a single D in sweeps that are about N."""
    about_rows = {turn.setting["sweep"] for turn in turned}
    return [slope for slope in found if len(slope.layers) > 1 or slope.setting["sweep"] not in about_rows]


def _slope_lines(found: list[Slope]) -> Iterator[str]:
    """The table of slopes, its settings on lines of their own so that it fits 80 columns."""
    if not found:
        return
    yield _LINE.format("target", "slope [95 %]", "exponent [95 %]", "law", "theory", "not reached")
    heading = None
    for slope in found:
        if heading != (heading := f"{slope.setting['sweep']}: {_setting(slope)}"):
            yield heading
        theory = "" if slope.theory is None else f"{slope.theory:.{3 if slope.theory > 0.01 else 5}f}"
        fit, missed = slope.fit, missed_text(slope)
        yield _LINE.format(
            slope.target, str(fit.slope), str(fit.exponent), fit.law or "", theory, missed
        ).rstrip()


_TURN_LINE = "  {:<9} {:<24} {:<8} {}"


def _turn_lines(turned: list[Turn]) -> Iterator[str]:
    """The table of turning layers, in the same way."""
    if not turned:
        return
    yield _TURN_LINE.format("N", "turns at [95 %]", "theory", "not turned")
    heading = None
    for turn in turned:
        if heading != (heading := f"{turn.setting['sweep']}: {_layer(turn.setting)}, D = {turn.dim}"):
            yield heading
        layers = turn.layers[~np.isnan(turn.layers)]
        missed = len(turn.layers) - len(layers)
        theory = "" if turn.expected is None else f"{np.nanmean(turn.expected):.1f}"
        yield _TURN_LINE.format(
            turn.n_samples,
            _interval(layers),
            theory,
            f"{missed} of {len(turn.layers)} seeds" if missed else "",
        ).rstrip()


def _interval(layers: np.ndarray) -> str:
    if not layers.size:
        return ""
    mean, half = layers.mean(), half_width(layers)
    return f"{mean:.1f} [{mean - half:.1f}, {mean + half:.1f}]"


def _setting(slope: Slope) -> str:
    n_samples = slope.setting["n_samples"]
    rows = store.short(slope.setting["training"]) if pd.isna(n_samples) else f"N = {n_samples:.0f}"
    return f"{_layer(slope.setting)}, {rows}"


def _layer(setting: dict[str, object]) -> str:
    parts = (setting["rotation"], setting["marginal"], setting["coupling"])
    layer = " + ".join(store.short(part) for part in parts if not pd.isna(part))
    return f"{store.short(setting['dataset'])}, {layer}"


def _record(slope: Slope) -> dict[str, Any]:
    fit = dataclasses.asdict(slope.fit)
    record = {
        "setting": slope.setting,
        "target": slope.target,
        **fit,
        "theory": slope.theory,
        "layers": {dim: counts.tolist() for dim, counts in slope.layers.items()},
        "missed": slope.missed,
    }
    cleaned: dict[str, Any] = _without_nan(record)
    return cleaned


def _turn_record(turn: Turn) -> dict[str, Any]:
    record = {
        "setting": turn.setting,
        "dim": turn.dim,
        "layers": turn.layers.tolist(),
        "theory": None if turn.expected is None else turn.expected.tolist(),
    }
    cleaned: dict[str, Any] = _without_nan(record)
    return cleaned


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, dict):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value


if __name__ == "__main__":
    main()
