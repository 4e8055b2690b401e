"""``gscale fit``: layers against D, from the tables of a results folder."""

from typing import Annotated

import typer

from gscale.cli.terminal import Folder, parse_dims


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
    """Fit layers against D, with 95 % intervals; and optimal depths and distances, where there are any."""
    import json

    from gscale.analysis import summarise
    from gscale.results.tables import read_failures, read_tables

    summary = summarise(read_tables(folder), target or (), only, parse_dims(at, "--at") or ())
    failures = read_failures(folder)
    if as_json:
        print(json.dumps({**summary.records(), "failed": failures}, indent=2))
        return
    for line in summary.lines():
        print(line)
    for failure in failures:
        print(f"failed: {failure['cell']}: {failure['error']}")
