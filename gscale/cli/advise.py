"""``gscale advise``: which model comes down to a loss at some D."""

from pathlib import Path
from typing import Annotated

import typer

from gscale.cli.data import UserColumns, UserEncoding
from gscale.errors import InputError

_RESULTS = Path("results")


def advise(
    loss: Annotated[float, typer.Option(help="Nats that may be left, for the whole vector.")],
    dim: Annotated[int | None, typer.Option(help="Dimension D; the columns of --data if not given.")] = None,
    budget: Annotated[float | None, typer.Option(help="Seconds that fitting may take.")] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Your own file to run a pilot on: .csv, .parquet, .npy, .npz, .idx(.gz)."),
    ] = None,
    columns: UserColumns = None,
    encode: UserEncoding = False,
    folder: Annotated[
        Path | None,
        typer.Option("--results", help="Results folder; if not given results, and what comes with gscale."),
    ] = None,
    only: Annotated[str, typer.Option(help="Sweeps or data sets that have this in their name.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which model comes down to a loss at some D, in how many layers and seconds, from what was run."""
    import json

    from gscale.analysis import advice
    from gscale.bench import catalog
    from gscale.results.tables import read_tables

    if budget is not None and not budget > 0:
        raise InputError(f"--budget {budget:g}: seconds are above 0")
    if data is not None:
        from gscale.cli.data import user_source
        from gscale.cli.run import run_pilot

        source = user_source(data, columns, encode)
        dim = source.max_dim if dim is None else dim
        _check_dim(dim)
        table = run_pilot(source, folder or _RESULTS)
    else:
        _check_dim(dim)
        table = catalog.results_at_hand(_RESULTS) if folder is None else read_tables(folder)
    advised = advice.advise(table, dim or 0, loss, only)
    if as_json:
        print(json.dumps(advice.records(advised, budget), indent=2))
        return
    for line in advice.lines(advised, budget, sorted(set(table["device"])), whole=bool(only)):
        print(line)


def _check_dim(dim: int | None) -> None:
    if dim is None:
        raise InputError("no --dim: give the dimension D, or rows of your own with --data")
