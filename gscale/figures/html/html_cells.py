"""A table as HTML in which every text is escaped."""

from collections.abc import Iterable, Sequence
from html import escape

Row = Sequence[str]


def html_table(header: Row, rows: Iterable[Row]) -> str:
    """A table that scrolls on its own; a row of one cell is a heading across all columns."""
    top = "".join(f'<th scope="col">{escape(name)}</th>' for name in header)
    body = "\n".join(_row(row, len(header)) for row in rows)
    return (
        f'<div class="scroll" tabindex="0"><table><thead><tr>{top}</tr></thead>\n'
        f"<tbody>{body}</tbody></table></div>"
    )


def _row(row: Row, width: int) -> str:
    if len(row) == 1:
        heading = f'<th colspan="{width}" scope="rowgroup"><span>{escape(row[0])}</span></th>'
        return f'<tr class="heading">{heading}</tr>'
    return "<tr>" + "".join(map(_cell, row)) + "</tr>"


def _cell(text: str) -> str:
    """A short text stays on one line."""
    short_one = ' class="short"' if len(text) < 32 else ""
    return f"<td{short_one}>{escape(text)}</td>"
