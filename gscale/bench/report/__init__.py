"""A report: what a results folder says, as one HTML file that needs no network and can be passed on."""

from collections.abc import Mapping
from pathlib import Path

from plotly.offline import get_plotlyjs

from gscale.bench.report.page import Results, page
from gscale.bench.store import write_whole
from gscale.errors import InputError

__all__ = ["Results", "write_report"]


def write_report(results: Results, path: Path, about: Mapping[str, str], title: str) -> Path:
    """Write the report of a results folder, whole or not at all, and return its path.

    ``about`` has a line on each sweep, where there is one. The same results give the same file.

    Raises
    ------
    InputError
        If the file cannot be written.
    """
    if path.is_dir():
        raise InputError(f"{path} is a folder: give a file such as {path / 'report.html'} with --out")
    if not path.parent.is_dir():
        raise InputError(f"{path.parent} is no folder: make it, or choose another file with --out")
    content = page(results, about, title, get_plotlyjs()).encode()
    try:
        write_whole(path, content)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another file with --out") from None
    return path
