"""A page as one file that needs no network: sections of text, tables and panels."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader
from plotly.offline import get_plotlyjs

from gscale.errors import InputError
from gscale.figures.spec import Panel
from gscale.runtime import write_output

_HERE = Path(__file__).parent
_REMEDY = "choose another file with --out"


@dataclass(frozen=True)
class Table:
    """Texts in rows; a row of one text is a heading across all columns."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Section:
    """A titled part of a page: some text, then a table, panels, and failure records, each if there are any.

    All text is escaped.
    """

    id: str
    title: str
    text: str = ""
    table: Table | None = None
    panels: Sequence[Panel] = ()
    failures: Sequence[dict[str, str]] = ()


def write_page(path: Path, title: str, lead: str, summary: str, sections: Sequence[Section]) -> Path:
    """Write a page as HTML, whole or not at all, and return its path.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: give a file such as {path / 'report.html'} with --out")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder: make it, or {_REMEDY}")
    scripts = {
        "plotly": get_plotlyjs().replace("\r\n", "\n"),
        "script": (_HERE / "report.js").read_text(encoding="utf-8"),
    }
    # what lets a browser run these scripts and no other
    digests = (base64.b64encode(hashlib.sha256(script.encode()).digest()) for script in scripts.values())
    environment = Environment(
        loader=FileSystemLoader(_HERE), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.policies["json.dumps_kwargs"] = {
        "ensure_ascii": False, "allow_nan": False, "separators": (",", ":")
    }  # fmt: skip
    page = environment.get_template("page.html").render(
        scripts,
        style=(_HERE / "report.css").read_text(encoding="utf-8"),
        hashes=" ".join(f"'sha256-{digest.decode()}'" for digest in digests),
        title=title,
        lead=lead,
        summary=summary,
        sections=sections,
    )
    write_output(path, page.encode(), _REMEDY)
    return path
