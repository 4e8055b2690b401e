"""Write what commands print into the pages that show it: between ``begin: COMMAND`` and ``end`` marks."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
BLOCK = re.compile(r"(<!-- begin: gscale (?P<arguments>.+?) -->\n).*?(<!-- end -->)", re.DOTALL)


def refreshed(page: str) -> str:
    """A page with the output of its commands as it is now."""

    def block(found: re.Match[str]) -> str:
        command = [sys.executable, "-m", "gscale.cli", *shlex.split(found["arguments"])]
        output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
        return f"{found[1]}```\n{output}```\n{found[3]}"

    return BLOCK.sub(block, page)


if __name__ == "__main__":
    for path in (ROOT / "README.md", *ROOT.glob("docs/*.md")):
        path.write_text(refreshed(path.read_text()))
