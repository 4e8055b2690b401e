"""Write what commands print and what code says into the pages, between ``begin: …`` and ``end`` marks."""

import contextlib
import inspect
import io
import re
import shlex
from pathlib import Path

import typer
from typer.cli import get_docs_for_click

from gscale.cli.main import COMMANDS, command_line, main
from gscale.results import schema

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- begin: (?P<what>.+?) -->\n).*?(<!-- end -->)", re.DOTALL)
MEANING = re.compile(r'pa\.field\("(\w+)",.*?\),  # (.+)')


def refreshed(page: str) -> str:
    """A page with its blocks as they are now."""
    return BLOCK.sub(lambda found: f"{found[1]}{_written(found['what'])}{found[3]}", page)


def _written(what: str) -> str:
    first, *arguments = shlex.split(what)
    if first == "gscale":
        return f"```\n{_output(arguments)}```\n"
    return _commands() if first == "commands" else _columns(first)


def _output(arguments: list[str]) -> str:
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(io.StringIO()) as output:
        try:
            main(arguments)
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError(f"gscale {shlex.join(arguments)} ended with code {ended.code}") from None
    return output.getvalue()


def _commands() -> str:
    command = typer.main.get_command(command_line(list(COMMANDS)))
    text = get_docs_for_click(obj=command, ctx=typer.Context(command), name="gscale")
    return "\n" + text.split("\n", 2)[2].strip() + "\n\n"  # the page has its own title


def _columns(name: str) -> str:
    """A table of a schema's columns in `gscale.results.schema`; their meaning is the comment beside them."""
    text = inspect.getsource(schema).split(f"\n{name} = ")[1].split("metadata=")[0]
    meaning = dict(MEANING.findall(text))
    lines = ["| column | type | null | meaning |", "|---|---|---|---|"]
    for column in getattr(schema, name):
        null = "yes" if column.nullable else ""
        lines.append(f"| `{column.name}` | {column.type} | {null} | {meaning[column.name]} |")
    return "\n".join(["", *lines, "", ""])


if __name__ == "__main__":
    for path in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        path.write_text(refreshed(path.read_text()))
