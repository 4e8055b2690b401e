"""``gscale check``: slopes and layer counts beside their baselines."""

from pathlib import Path
from typing import Annotated

import typer

from gscale.cli.terminal import Folder
from gscale.errors import InputError


def check(
    folder: Folder,
    baseline: Annotated[Path, typer.Option(help="The file of baselines.")] = Path("benchmarks/slopes.toml"),
    junit: Annotated[Path | None, typer.Option(help="Write the verdicts there as JUnit, too.")] = None,
    update: Annotated[bool, typer.Option("--update", help="Make the results the baseline.")] = False,
    reason: Annotated[str, typer.Option(help="Why, with --update: kept in the file.")] = "",
) -> None:
    """Compare slopes and layer counts with their baselines; exit code 1 where one has moved or is missing."""
    from gscale.analysis.regression import baseline as baselines
    from gscale.analysis.regression.junit import lines, write_junit
    from gscale.analysis.regression.quantities import monitored_quantities
    from gscale.analysis.regression.verdicts import compare
    from gscale.results.tables import read_tables

    measured = monitored_quantities(read_tables(folder))
    if not measured:
        raise InputError(
            f"{folder}: no setting of these results has layer counts to watch; run a sweep that has"
        )
    if update:
        if not reason.strip():
            raise InputError("--update without a reason: say why the baselines change with --reason TEXT")
        before = baselines.read(baseline) if baseline.exists() else None
        n_others = baselines.write(baseline, measured, reason.strip(), before)
        others = f", {n_others} of other sweeps as they were" if n_others else ""
        print(f"{len(measured)} baselines are now those of these results{others}: {baseline}")
        return
    comparisons = compare(measured, baselines.read(baseline).entries)
    for line in lines(comparisons):
        print(line)
    if junit is not None:
        write_junit(junit, comparisons)
    if any(comparison.failed for comparison in comparisons):
        raise typer.Exit(1)
