"""A report: what a results folder says, as one HTML file that needs no network and can be passed on."""

from collections.abc import Mapping
from pathlib import Path

from plotly.offline import get_plotlyjs

from gscale.figures.html.page_frame import write_page
from gscale.figures.html.results_page import Results, page

__all__ = ["Results", "write_report"]


def write_report(results: Results, path: Path, about: Mapping[str, str], title: str) -> Path:
    """Write the report of a results folder, whole or not at all, and return its path.

    ``about`` has a line on each sweep, where there is one. The same results give the same file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    return write_page(path, page(results, about, title, get_plotlyjs()))
