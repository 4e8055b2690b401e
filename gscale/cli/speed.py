"""The ``gscale speed`` commands: what a layer costs beside floors of the same machine."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from gscale.bench.profiles import Profile
from gscale.cli.terminal import configure, parse_dims

app = typer.Typer(no_args_is_help=True, help="What a layer costs beside floors of the same machine.")


@app.command()
def run(
    profile: Annotated[Profile, typer.Option(help="How large.")] = "quick",
    out: Annotated[Path, typer.Option(help="Results folder.")] = Path("results"),
    peers: Annotated[bool, typer.Option("--peers", help="Time layers of flowjax too.")] = False,
) -> None:
    """Time a layer's fit, forward map, inverse and sampling, compiling and memory; needs an idle machine."""
    configure(cache=False)  # it times compiling
    from gscale.bench import catalog
    from gscale.bench.speed import speed_summary
    from gscale.bench.speed.flowjax_layers import check_installed
    from gscale.bench.speed.run_cases import measure

    if peers:
        check_installed()
    path = out / "_speed" / "speed.parquet"
    table = measure(catalog.speed_cases(profile), path, lambda case: print(case, file=sys.stderr), peers)
    for line in speed_summary.lines(table):
        print(line)
    print(f"{path}, {speed_summary.draw(table, out / 'figures' / 'speed.png')}")


@app.command("table")
def show(path: Annotated[Path, typer.Argument(help="A table that gscale speed run wrote.")]) -> None:
    """Print what a table of times says."""
    from gscale.bench.speed import speed_summary

    for line in speed_summary.lines(speed_summary.read(path)):
        print(line)


@app.command()
def roofline(
    dims: Annotated[str, typer.Option(help="Dimensions, such as 8,64,256.")] = "8,64,256",
) -> None:
    """Print what a layer could reach on a GPU: its arithmetic and memory traffic beside an H100's rates."""
    configure()
    from gscale.bench.speed.roofline import lines

    for line in lines(parse_dims(dims) or ()):
        print(line)
