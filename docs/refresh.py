"""Write what commands print into the pages that show it: between ``begin: COMMAND`` and ``end`` marks."""

import contextlib
import io
import re
import shlex
from pathlib import Path

from gscale import cli

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- begin: gscale (?P<arguments>.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(page: str) -> str:
    """A page with the output of its commands as it is now."""

    def block(found: re.Match[str]) -> str:
        return f"{found[1]}```\n{_output(shlex.split(found['arguments']))}```\n{found[3]}"

    return BLOCK.sub(block, page)


def _output(arguments: list[str]) -> str:
    with contextlib.chdir(ROOT), contextlib.redirect_stdout(io.StringIO()) as output:
        try:
            cli.main(arguments)
        except SystemExit as ended:
            if ended.code:
                raise RuntimeError(f"gscale {shlex.join(arguments)} ended with code {ended.code}") from None
    return output.getvalue()


if __name__ == "__main__":
    for path in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        path.write_text(refreshed(path.read_text()))
