"""``gscale status`` and ``gscale merge``: what is in results folders."""

from typing import Annotated

import typer

_FOLDER = "A results folder, such as results, results/patches or s3://bucket/results."


def status(
    folder: Annotated[str, typer.Argument(help=_FOLDER)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which cells are done, which failed and why, which are missing, and how long it takes."""
    import dataclasses
    import json

    from gscale.results.files import folder_named
    from gscale.results.status import lines, statuses

    sweeps = statuses(folder_named(folder))
    if as_json:
        print(json.dumps([dataclasses.asdict(sweep) for sweep in sweeps], indent=2))
        return
    for line in lines(sweeps):
        print(line)


def merge(
    folders: Annotated[list[str], typer.Argument(help="Results folders, such as results-a results-b.")],
    out: Annotated[str, typer.Option(help="The folder to put them together in.")],
) -> None:
    """Put results folders together; the same cell with different numbers is an error that names it."""
    from gscale.results.files import folder_named
    from gscale.results.tables import merge

    n_cells = merge([folder_named(folder) for folder in folders], folder_named(out))
    print(f"{n_cells} cells in {out}")
