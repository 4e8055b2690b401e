"""Where the ``gscale`` command begins: only the command that is asked for is imported."""

import sys
from collections.abc import Sequence
from importlib import import_module
from typing import Any

import typer

from gscale.errors import InputError

# Each command, in the order of the help, with the module and the function (or group) behind it. What these
# modules import at the top is light: commands that read tables, and the help, start without JAX.
COMMANDS = {
    "list": ("gscale.cli.list_sweeps", "list_sweeps"),
    "run": ("gscale.cli.run", "run"),
    "status": ("gscale.cli.status", "status"),
    "merge": ("gscale.cli.status", "merge"),
    "fit": ("gscale.cli.fit", "fit"),
    "advise": ("gscale.cli.advise", "advise"),
    "check": ("gscale.cli.check", "check"),
    "plot": ("gscale.cli.plot", "plot"),
    "report": ("gscale.cli.plot", "report"),
    "data": ("gscale.cli.data", "app"),
    "density": ("gscale.cli.density", "app"),
    "detect": ("gscale.cli.detect", "app"),
    "classify": ("gscale.cli.images", "classify"),
    "generate": ("gscale.cli.images", "generate"),
    "images": ("gscale.cli.images", "show"),
    "speed": ("gscale.cli.speed", "app"),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; an error a user can cause is one line and exit code 2."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    asked = next((argument for argument in arguments if not argument.startswith("-")), None)
    app = command_line([asked] if asked in COMMANDS else list(COMMANDS))
    try:
        app(arguments)
    except InputError as error:
        print(f"gscale: {error}", file=sys.stderr)
        sys.exit(2)


def command_line(names: Sequence[str]) -> typer.Typer:
    """The command line with some of its commands."""
    app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
    app.callback()(describe)
    for name in names:
        module, attribute = COMMANDS[name]
        command: Any = getattr(import_module(module), attribute)
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name)
        else:
            app.command(name)(command)
    return app


def describe() -> None:
    """Measure how many layers an invertible model needs as the dimension D grows."""


if __name__ == "__main__":
    main()
