"""``gscale list``: the sweeps that come with gscale."""

from typing import Annotated

import typer


def list_sweeps(
    cells: Annotated[bool, typer.Option("--cells", help="Count their cells, too; takes seconds.")] = False,
) -> None:
    """List the sweeps that come with gscale."""
    from rich.console import Console
    from rich.table import Table

    from gscale.bench import catalog

    table = Table("sweep", *(["cells: ci, quick, full"] if cells else []), "about", box=None)
    for name, about in catalog.abouts().items():
        sizes = []
        if cells:
            sweep = catalog.load(name)
            sizes = [", ".join(str(len(sweep.cells(profile))) for profile in sweep.profiles)]
        table.add_row(name, *sizes, about)
    Console(highlight=False).print(table)
