"""The ``gscale data`` commands: which data sets there are, what is known of them, and getting them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gscale.cli.terminal import configure

if TYPE_CHECKING:
    from gscale.data.base import Source
    from gscale.data.cards import Card

app = typer.Typer(no_args_is_help=True, help="The real data sets: what there is, where from, and getting it.")
UserFile = Annotated[
    Path | None,
    typer.Option(
        "--data", help="Your own file in place of the data sets: .csv, .parquet, .npy, .npz, .idx(.gz)."
    ),
]
UserColumns = Annotated[str | None, typer.Option("--columns", help="With --data: some columns, such as a,b.")]
UserEncoding = Annotated[bool, typer.Option("--encode", help="With --data: ordinal-encode columns of text.")]
Name = Annotated[str, typer.Argument(help="A name, see gscale data list.")]


@app.command("list")
def list_sets() -> None:
    """List the real data sets: rows, features, the largest D, and whether they are on disk."""
    from rich.console import Console
    from rich.table import Table

    from gscale.data.downloads.cache import is_cached
    from gscale.data.registry import sources

    table = Table("name", "rows", "features", "largest D", "on disk", box=None)
    for name, source in sources().items():
        card = source.card
        on_disk = "comes along" if not card.files else "yes" if is_cached(card) else "no"
        table.add_row(name, f"{card.rows:,}", f"{card.features:,}", f"{source.max_dim:,}", on_disk)
    Console(highlight=False).print(table)


@app.command()
def info(name: Name) -> None:
    """Tell where a data set is from, its licence, whom to cite, and its files with their checksums."""
    from gscale.data.registry import source_named

    source = source_named(name)
    card = source.card
    for title, text in (
        ("about", card.about),
        ("rows", f"{card.rows:,}"),
        ("features", f"{card.features:,}"),
        ("largest D", f"{source.max_dim:,}"),
        ("cut to D", card.cut),
        ("source", repr(source)),
        ("licence", card.licence),
        ("cite", card.citation),
        ("home", card.home),
        *_files(card),
    ):
        print(f"{title:<10} {text}")


@app.command()
def fetch(
    name: Name,
    folder: Annotated[
        Path | None, typer.Option("--from", help="Take the files from this folder instead of the web.")
    ] = None,
) -> None:
    """Get a data set into the cache, the folder GSCALE_DATA, and check it; a stopped download goes on."""
    from gscale.data.downloads.cache import copy_files
    from gscale.data.registry import source_named

    card = source_named(name).card
    if not card.files:
        print(f"{name} comes with the dependencies: there is nothing to fetch")
        return
    for path in copy_files(card, folder) if folder is not None else _fetched(card):
        print(path)


@app.command()
def model(
    name: Name,
    dim: Annotated[int, typer.Option(help="The dimension D.")],
    out: Annotated[Path, typer.Option(help="The file to write, a .safetensors.")],
    rows: Annotated[int, typer.Option(help="Rows to fit to.")] = 8000,
    layers: Annotated[int, typer.Option(help="Layers of the flow.")] = 64,
) -> None:
    """Fit a flow to a data set and save it: any number of rows with their density, for gscale run --data."""
    configure()
    from gscale.data.flow_distribution import model_of
    from gscale.data.registry import source_named

    print(repr(model_of(out, source_named(name), dim, rows, layers)))


def user_source(path: Path, columns: str | None = None, encode: bool = False) -> "Source":
    """The user's own file as a source; warnings about it are lines on standard error."""
    import sys
    import warnings

    from gscale.data.flow_distribution import open_model
    from gscale.data.user_files import user_file
    from gscale.flows.serialisation import is_flow

    if path.is_file() and is_flow(path):
        return open_model(path)
    names = None if columns is None else tuple(part.strip() for part in columns.split(","))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        source = user_file(path, names, encode)
    for warning in caught:
        print(f"gscale: {warning.message}", file=sys.stderr)
    return source


def _fetched(card: "Card") -> list[Path]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from gscale.data.downloads.cache import fetch_files

    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.description}")
    console = Console(stderr=True)
    with Progress(*columns, transient=True, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(card.name, total=None)
        return fetch_files(card, lambda size, total: bar.update(task, completed=size, total=total))


def _files(card: "Card") -> list[tuple[str, str]]:
    from gscale.data.downloads.cache import file_path

    lines = []
    for file in card.files:
        path = file_path(card, file)
        checksum = "no checksum is published: that of the first download is kept"
        if file.checksum:
            checksum = f"{file.checksum}, published in {file.published}"
        lines.append(("file", f"{path} ({'on disk' if path.is_file() else 'not on disk'})"))
        lines += [("", file.url), ("", checksum)]
    return lines
