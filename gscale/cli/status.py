"""``gscale status`` and ``gscale merge``: what is in results folders, without JAX, which takes seconds."""

import dataclasses
import json
from typing import Annotated

import typer

from gscale.results import status as progress
from gscale.results import tables as store
from gscale.results.files import place

_FOLDER = "A results folder, such as results, results/patches or s3://bucket/results."


def status(
    folder: Annotated[str, typer.Argument(help=_FOLDER)],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say which cells are done, which failed and why, which are missing, and how long it takes."""
    found = progress.statuses(place(folder))
    if as_json:
        print(json.dumps([dataclasses.asdict(one) for one in found], indent=2))
        return
    for line in progress.lines(found):
        print(line)


def merge(
    folders: Annotated[list[str], typer.Argument(help="Results folders, such as results-a results-b.")],
    out: Annotated[str, typer.Option(help="The folder to put them together in.")],
) -> None:
    """Put results folders together; the same cell with different numbers is an error that names it."""
    print(f"{store.merge([place(folder) for folder in folders], place(out))} cells in {out}")
