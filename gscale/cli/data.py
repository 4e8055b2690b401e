"""The ``gscale data`` commands: which data sets there are, what is known of them, and getting them."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gscale.cli.terminal import configure
from gscale.errors import InputError

if TYPE_CHECKING:
    from gscale.data.base import Source
    from gscale.data.downloads.card import Card

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

    from gscale.data.downloads import cache
    from gscale.data.registry import entries

    table = Table("name", "rows", "features", "largest D", "on disk", box=None)
    for name, entry in entries().items():
        card = entry.card
        here = "comes along" if not card.files else "yes" if cache.cached(card) else "no"
        table.add_row(name, f"{card.rows:,}", f"{card.features:,}", f"{entry.source.max_dim:,}", here)
    Console(highlight=False).print(table)


@app.command()
def info(name: Name) -> None:
    """Tell where a data set is from, its licence, whom to cite, and its files with their checksums."""
    from gscale.data.registry import entry

    known = entry(name)
    card = known.card
    for title, text in (
        ("about", card.about),
        ("rows", f"{card.rows:,}"),
        ("features", f"{card.features:,}"),
        ("largest D", f"{known.source.max_dim:,}"),
        ("cut to D", card.cut),
        ("source", repr(known.source)),
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
    from gscale.data.downloads import cache
    from gscale.data.registry import entry

    card = entry(name).card
    if not card.files:
        print(f"{name} comes with the dependencies: there is nothing to fetch")
        return
    for path in cache.take(card, folder) if folder is not None else _downloaded(card):
        print(path)


@app.command()
def model(
    name: Name,
    dim: Annotated[int, typer.Option(help="The dimension D.")],
    out: Annotated[Path, typer.Option(help="The file to write, a .safetensors.")],
    rows: Annotated[int, typer.Option(help="Rows to fit to.")] = 8000,
    layers: Annotated[int, typer.Option(help="Layers of the flow.")] = 64,
) -> None:
    """Fit a flow on a data set and keep it: rows without end and their density, for gscale run --data."""
    configure()
    from gscale.data.flow_distribution import model_of
    from gscale.data.registry import entry

    print(repr(model_of(out, entry(name).source, dim, rows, layers)))


def user_source(path: Path, columns: str | None = None, encode: bool = False) -> "Source":
    """The user's own file as a source; what is left out of it is said in a line on standard error."""
    import sys
    import warnings

    from gscale.data.flow_distribution import open_model
    from gscale.data.user_files import user_file
    from gscale.flows.serialisation import is_flow

    if path.is_file() and is_flow(path):
        return open_model(path)
    names = None if columns is None else tuple(part.strip() for part in columns.split(","))
    with warnings.catch_warnings(record=True) as noted:
        warnings.simplefilter("always")
        try:
            source = user_file(path, names, encode)
        except InputError as error:
            raise InputError(_as_option(str(error))) from None
    for note in noted:
        print(f"gscale: {note.message}", file=sys.stderr)
    return source


def _as_option(message: str) -> str:
    """What a program is told, for the command line."""
    return message.replace("leave the column out, or have text encoded", "leave it out, or add --encode")


def _downloaded(card: "Card") -> list[Path]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    from gscale.data.downloads import cache

    columns = BarColumn(), DownloadColumn(), TransferSpeedColumn(), TextColumn("{task.description}")
    console = Console(stderr=True)
    with Progress(*columns, transient=True, console=console, disable=not console.is_terminal) as bar:
        task = bar.add_task(card.name, total=None)
        return cache.ready(card, lambda done, total: bar.update(task, completed=done, total=total))


def _files(card: "Card") -> list[tuple[str, str]]:
    from gscale.data.downloads import cache

    lines = []
    for file in card.files:
        state = "on disk" if cache.place(card, file).is_file() else "not on disk"
        lines.append(("file", f"{cache.place(card, file)} ({state})"))
        lines.append(("", file.url))
        lines.append(
            (
                "",
                f"{file.checksum}, published in {file.published}"
                if file.checksum
                else "no checksum is published: that of the first download is kept",
            )
        )
    return lines
