"""``gscale plot`` and ``gscale report``: the figures of a results folder, as files and as one page."""

from pathlib import Path
from typing import Annotated

import typer

from gscale.cli.terminal import Folder


def plot(folder: Folder) -> None:
    """Draw the loss curves and the layers against D of every sweep into FOLDER/figures."""
    from gscale.bench.catalog import abouts
    from gscale.figures.render_matplotlib import plot_sweeps
    from gscale.results.tables import read_histograms, read_tables

    for path in plot_sweeps(read_tables(folder), folder / "figures", abouts(), read_histograms(folder)):
        print(path)


def report(
    folder: Folder,
    out: Annotated[
        Path | None, typer.Option(help="The file to write; FOLDER/report.html if not given.")
    ] = None,
) -> None:
    """Write all tables and figures of FOLDER into one HTML file, to look into and to pass on."""
    from gscale.bench.catalog import abouts
    from gscale.figures.html.results_page import Results, write_report
    from gscale.results.tables import read_failures, read_histograms, read_tables

    results = Results(read_tables(folder), read_histograms(folder), read_failures(folder))
    print(write_report(results, out or folder / "report.html", abouts(), folder.resolve().name))
