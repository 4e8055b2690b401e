"""A page as one file: sections, figures as JSON, and all that it needs to be read without a network."""

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from gscale.errors import InputError
from gscale.figures.spec import Figure
from gscale.results.tables import write_whole

_HERE = Path(__file__).parent


@dataclass(frozen=True)
class Section:
    """A titled part of the page; ``body`` is HTML."""

    id: str
    title: str
    body: str


def framed(title: str, lead: str, summary: str, sections: Sequence[Section], plotly_js: str) -> str:
    """The page as HTML; ``plotly_js`` is the library that draws."""
    scripts = {"plotly": plotly_js.replace("\r\n", "\n"), "script": (_HERE / "report.js").read_text()}
    parts = {
        **scripts,
        "style": (_HERE / "report.css").read_text(),
        "hashes": " ".join(map(_hash, scripts.values())),
        "title": escape(title),
        "lead": escape(lead),
        "summary": escape(summary),
        "contents": "\n".join(f'<li><a href="#{s.id}">{escape(s.title)}</a></li>' for s in sections),
        "sections": "\n".join(_section(section) for section in sections),
    }
    # in one pass, so that nothing inserted is taken for a place to insert at
    template = (_HERE / "page.html").read_text()
    return re.sub(r"<!-- (\w+) -->|\{\{(\w+)\}\}", lambda found: parts[found[1] or found[2]], template)


def drawn_at(figure: Figure, name: str) -> str:
    """A figure's title, its place, its note, and its data as JSON, which no text in it can end."""
    title, note = escape(figure.title), escape(figure.note)
    if not figure.series:
        return f'<figure><h3>{title}</h3><p class="note">Nothing to draw: no setting got there.</p></figure>'
    data = json.dumps(figure.record(), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    data = data.replace("<", "\\u003c")
    return (
        f'<figure><h3>{title}</h3><div class="plot" id="{name}" role="img" aria-label="{title}"></div>\n'
        f'<figcaption>{note}</figcaption><script type="application/json">{data}</script></figure>'
    )


def write_page(path: Path, content: str) -> Path:
    """Write a page, whole or not at all, and return its path.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: give a file such as {path / 'report.html'} with --out")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder: make it, or choose another file with --out")
    try:
        write_whole(path, content.encode())
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another file with --out") from None
    return path


def _hash(script: str) -> str:
    """What lets a browser run this script and no other."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def _section(section: Section) -> str:
    return f'<section id="{section.id}"><h2>{escape(section.title)}</h2>\n{section.body}\n</section>'
