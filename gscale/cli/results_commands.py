"""The ``gscale`` command."""

import json
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from gscale.analysis.regression import baseline as baselines
from gscale.bench import catalog
from gscale.results import tables as store
from gscale.analysis.summary import find
from gscale.analysis.regression.verdicts import judge
from gscale.analysis.regression.quantities import Gauge, gauges
from gscale.bench.model_grid import pilot
from gscale.analysis.regression.junit import lines as verdict_lines
from gscale.analysis.regression.junit import write_junit
from gscale.cli.data import OwnColumns, OwnEncoding, own_data
from gscale.cli.data import app as data_app
from gscale.cli.density import density_app, detect_app
from gscale.cli.status import merge, status
from gscale.cli.images import register as register_images
from gscale.cli.run import execute, parse_dims, run
from gscale.cli.speed import app as speed_app
from gscale.cli.main import told
from gscale.runtime import keep_compiled
from gscale.data.base import Source
from gscale.errors import InputError
from gscale.runtime import keep_from_hanging, keep_lapack_to_one_thread

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
app.add_typer(data_app, name="data")
app.add_typer(density_app, name="density")
app.add_typer(detect_app, name="detect")
app.add_typer(speed_app, name="speed")
app.command("run")(run)
app.command("status")(status)
app.command("merge")(merge)
register_images(app)
console = Console(highlight=False)

_RESULTS = Path("results")

Folder = Annotated[Path, typer.Argument(help="A results folder, such as results or results/patches.")]


@app.callback()
def describe(context: typer.Context) -> None:
    """Measure how many layers an invertible model needs as the dimension D grows."""
    if context.invoked_subcommand != "speed":  # which times compiling
        keep_compiled()


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
def fit(
    folder: Folder,
    target: Annotated[
        list[str] | None,
        typer.Option(help="tail, e, 10, a gain as 2.5nats, what is left as 1e-6left; may be repeated."),
    ] = None,
    only: Annotated[str, typer.Option(help="Settings that have this in their line, such as Patches.")] = "",
    at: Annotated[
        str | None, typer.Option(help="Predict the layers of a new run at these D, such as 200,1000.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Fit layers against D, with 95 % intervals; and turning layers and distances, where there are any."""
    found = find(store.read_tables(folder), target or (), only, parse_dims(at, "--at") or ())
    failures = store.read_failures(folder)
    if as_json:
        print(json.dumps({**found.records(), "failed": failures}, indent=2))
        return
    for line in found.lines():
        print(line)
    for failure in failures:
        console.print(f"[red]failed[/]: {escape(failure['cell'])}: {escape(failure['error'])}")


@app.command()
def advise(
    loss: Annotated[float, typer.Option(help="Nats that may be left, for the whole vector.")],
    dim: Annotated[int | None, typer.Option(help="Dimension D; the columns of --data if not given.")] = None,
    budget: Annotated[float | None, typer.Option(help="Seconds that fitting may take.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Your own file to run a pilot on: .csv, .parquet, .npy, .npz, .idx(.gz)."),
    ] = None,
    columns: OwnColumns = None,
    encode: OwnEncoding = False,
    folder: Annotated[
        Path | None,
        typer.Option("--results", help="Results folder; if not given results, and what comes with gscale."),
    ] = None,
    only: Annotated[str, typer.Option(help="Sweeps or data sets that have this in their name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which model comes down to a loss at some D, in how many layers and seconds, from what was run."""
    from gscale.analysis import advice

    if budget is not None and not budget > 0:
        raise InputError(f"--budget {budget:g}: seconds are above 0")
    source = None if data is None else own_data(data, columns, encode)
    dim = source.max_dim if dim is None and source is not None else dim
    if dim is None:
        raise InputError("no --dim: give the dimension D, or rows of your own with --data")
    if source is not None:
        table = _piloted(source, folder or _RESULTS)
    else:
        table = _at_hand() if folder is None else store.read_tables(folder)
    found = advice.advise(table, dim, loss, only)
    if as_json:
        print(json.dumps(advice.records(found, budget), indent=2))
        return
    devices = sorted(set(table["device"]))
    for line in advice.lines(found, budget, devices, whole=bool(only)):
        print(line)


@app.command()
def check(
    folder: Folder,
    baseline: Annotated[Path, typer.Option(help="The file of baselines.")] = Path("benchmarks/slopes.toml"),
    junit: Annotated[Path | None, typer.Option(help="Write the verdicts there as JUnit, too.")] = None,
    update: Annotated[bool, typer.Option("--update", help="Make the results the baseline.")] = False,
    reason: Annotated[str, typer.Option(help="Why, with --update: kept in the file.")] = "",
) -> None:
    """Compare slopes and layer counts with their baselines; exit code 1 where one has moved or is missing."""
    found = gauges(store.read_tables(folder))
    if not found:
        raise InputError(
            f"{folder}: no setting of these results has layer counts to watch; run a sweep that has"
        )
    if update:
        _update(baseline, found, reason)
        return
    verdicts = judge(found, baselines.read(baseline).entries)
    for line in verdict_lines(verdicts):
        print(line)
    if junit is not None:
        write_junit(junit, verdicts)
    if any(verdict.failed for verdict in verdicts):
        raise typer.Exit(1)


@app.command()
def plot(folder: Folder) -> None:
    """Draw the loss curves and the layers against D of every sweep into FOLDER/figures."""
    from gscale.figures.render_matplotlib import plot_sweeps  # its libraries take a second to import

    table = store.read_tables(folder)
    about = {name: catalog.load(name).about for name in catalog.shipped()}
    for path in plot_sweeps(table, folder / "figures", about, store.read_histograms(folder)):
        print(path)


@app.command()
def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; FOLDER/report.html if not given.")
    ] = None,
) -> None:
    """Write all tables and figures of FOLDER into one HTML file, to look into and to pass on."""
    from gscale.figures.html import Results, write_report  # its libraries take a second to import

    results = Results(store.read_tables(folder), store.read_histograms(folder), store.read_failures(folder))
    about = {name: catalog.load(name).about for name in catalog.shipped()}
    print(write_report(results, out or folder / "report.html", about, folder.resolve().name))


def main(arguments: list[str] | None = None) -> None:
    """Run the command; an error a user can cause is one line and exit code 2."""
    keep_from_hanging()
    keep_lapack_to_one_thread()
    told(app, arguments)


def _at_hand() -> pd.DataFrame:
    """The user's results, and the sweeps that they lack of the results that come with gscale."""
    reference = catalog.reference()
    theirs = [store.read_tables(_RESULTS)] if reference is None or store.has_tables(_RESULTS) else []
    if reference is None:
        return theirs[0]
    shipped = store.read_tables(reference)
    known = {name for table in theirs for name in table["sweep"]}
    return pd.concat([*theirs, shipped[~shipped["sweep"].isin(known)]], ignore_index=True)


def _piloted(source: Source, out: Path) -> pd.DataFrame:
    """The table of a pilot on the rows of a source."""
    sweep = pilot(source)
    cells = sweep.cells("quick")
    done = execute([(sweep, cells)], out)
    if done.failed == len(cells):
        raise InputError(f"the pilot failed in all its cells: see {out / sweep.name}")
    table = store.read_tables(out / sweep.name)
    return table[table["cell_id"].isin([cell.id for cell in cells])]


def _update(path: Path, found: list[Gauge], reason: str) -> None:
    if not reason.strip():
        raise InputError("--update without a reason: say why the baselines change with --reason TEXT")
    kept = baselines.write(path, found, reason.strip(), baselines.read(path) if path.exists() else None)
    others = f", {kept} of other sweeps as they were" if kept else ""
    print(f"{len(found)} baselines are now those of these results{others}: {path}")


if __name__ == "__main__":
    main()
