"""Where the ``gscale`` command begins: what only looks at files starts without JAX."""

import sys
from collections.abc import Sequence

import typer

from gscale.errors import InputError


def main() -> None:
    """Run the command."""
    if sys.argv[1:2] in (["status"], ["merge"]):
        from gscale.cli.status import merge, status

        app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
        app.command("status")(status)
        app.command("merge")(merge)
        told(app, sys.argv[1:])
    else:
        from gscale.cli import results_commands as cli

        cli.main()


def told(app: typer.Typer, arguments: Sequence[str] | None) -> None:
    """Run a command; an error a user can cause is one line and exit code 2."""
    try:
        app(arguments)
    except InputError as error:
        print(f"gscale: {error}", file=sys.stderr)
        sys.exit(2)


if __name__ == "__main__":
    main()
