"""Descriptions of figures, drawn by Matplotlib as PNG and SVG."""

import io
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.gridspec import GridSpec
from matplotlib.ticker import NullLocator
from matplotlib.transforms import ScaledTranslation

from gscale.errors import InputError
from gscale.figures.figure_kinds import describe
from gscale.figures.spec import INK, MAX_POINTS, Axis, Description, Panel, Series
from gscale.results.tables import no_histograms
from gscale.runtime import write_output

_CATEGORIES = sns.color_palette("colorblind")
_SHADES = sns.color_palette("viridis_r", as_cmap=True)
_DASHES = {"solid": "-", "dash": "--", "dot": ":"}
_MARKERS = {
    "circle": "o", "square": "s", "diamond": "D", "triangle-up": "^", "triangle-down": "v", "cross": "P",
    "star": "*", "pentagon": "p", "x-thin": "x",
}  # fmt: skip
_STYLE: Any = sns.axes_style("whitegrid") | {
    "axes.titlesize": 11, "font.size": 10, "grid.color": "0.88", "legend.fontsize": 8.5,
    "legend.frameon": False, "legend.title_fontsize": 8.5, "svg.hashsalt": "gscale",
    "xtick.color": "0.2", "ytick.color": "0.2",
}  # fmt: skip

_WIDTHS = {1: 7.5, 2: 14.0, 3: 18.0}  # inches, by the number of columns
_HEIGHT = 4.4  # inches of a row of panels without what is below
_LINE = 0.165  # inches of a line below
_LETTERS = 16  # of such a line, in an inch
_BELOW = 0.5  # inches between axes and what is below: ticks, and the label of the axis


def plot_sweeps(
    table: pd.DataFrame, folder: Path, about: Mapping[str, str], histograms: pd.DataFrame | None = None
) -> list[Path]:
    """Draw one figure a sweep into a folder, as PNG and SVG, and return the paths of the PNGs.

    The same table gives the same files.

    Parameters
    ----------
    table : DataFrame
        Rows of any number of sweeps.
    folder : Path
        It is made where it is missing.
    about : mapping of str to str
        A line on each sweep, where there is one, for its title.
    histograms : DataFrame, optional
        What is stored beside the table, see `gscale.results.tables.read_histograms`.

    Raises
    ------
    InputError
        If the folder cannot be written, or histograms are missing.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}; move what is there") from None
    paths = []
    for sweep, rows in table.groupby("sweep"):
        figure = draw_sweep(rows, about.get(str(sweep), str(sweep)), histograms)
        write_figure(figure, folder / f"{sweep}.svg", {"Date": None})
        paths.append(write_figure(figure, folder / f"{sweep}.png"))
    return paths


def write_figure(figure: Figure, path: Path, metadata: Mapping[str, Any] | None = None) -> Path:
    """Write a drawn figure, whole or not at all, in the format that its name ends in; return its path.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    content = io.BytesIO()
    with mpl.rc_context(_STYLE):
        figure.savefig(content, format=path.suffix[1:], dpi=120, metadata=metadata)
    write_output(path, content.getvalue())
    return path


def draw_sweep(rows: pd.DataFrame, title: str, histograms: pd.DataFrame | None = None) -> Figure:
    """Draw the rows of one sweep as the figure that it asks for.

    Raises
    ------
    InputError
        If histograms are missing.
    """
    return draw(describe(rows, no_histograms() if histograms is None else histograms, MAX_POINTS), title)


def draw(description: Description, title: str) -> Figure:
    """Draw panels row by row, each with its note and legend below; what panels share is below their row."""
    columns = max(map(len, description))
    width, heights = _WIDTHS.get(columns, 6.0 * columns), []
    with mpl.rc_context(_STYLE):
        figure = Figure(figsize=(width, 1), layout="constrained")
        figure.suptitle(textwrap.fill(title, int(7 * width)), fontsize=14, fontweight="bold")
        grid = GridSpec(len(description), 1, figure)
        for i, row in enumerate(description):
            n_lines = _draw_row(figure.add_subfigure(grid[i]), row, max(len(row), min(columns, 2)), width)
            heights.append(_HEIGHT + _LINE * n_lines)
        grid.set_height_ratios(heights)
        figure.set_figheight(sum(heights) + 0.5)
    return figure


def _draw_row(part: SubFigure, row: Sequence[Panel], columns: int, width: float) -> int:
    """Draw panels side by side; the number of lines of text below them."""
    counts = Counter(one.name for panel in row for one in panel.series if one.listed)
    n_letters, n_lines, shared = int(_LETTERS * (width / columns - 1)), 0, dict[str, Any]()
    axes = part.subplots(1, columns, squeeze=False)[0]
    for at, panel in zip(axes, row, strict=False):
        at.set_title(textwrap.fill(panel.title, int(0.8 * n_letters)))
        drawn = [(one, _draw_series(at, one)) for one in panel.series]
        for name, spec in (("x", panel.x), ("y", panel.y)):
            _scale(at, name, spec, panel.series)
        listed = {one.name: handle for one, handle in drawn if one.listed}
        shared = {name: handle for name, handle in listed.items() if counts[name] > 1} | shared
        alone = {name: handle for name, handle in listed.items() if counts[name] == 1}
        below = at.transAxes + ScaledTranslation(0, -_BELOW, part.dpi_scale_trans)
        where = {"loc": "upper center", "bbox_to_anchor": (0.5, 0), "bbox_transform": below}
        n_lines = max(n_lines, _draw_legend(at, alone, panel.note, n_letters, **where))
    for at in axes[len(row) :]:
        at.remove()
    if shared:
        n_lines += _draw_legend(part, shared, "", int(_LETTERS * width), loc="outside lower center")
    return n_lines


def _draw_legend(
    at: Axes | SubFigure, handles: Mapping[str, Any], note: str, n_letters: int, **where: Any
) -> int:
    """Draw a legend under a note, both wrapped; its number of lines."""
    title, labels = textwrap.fill(note, n_letters), [textwrap.fill(name, n_letters) for name in handles]
    lines = [line for label in labels for line in label.splitlines()] or [""]
    n_rows = ceil(len(labels) / max(n_letters // (max(map(len, lines)) + 8), 1))
    columns = ceil(len(labels) / max(n_rows, 1)) or 1
    at.legend(list(handles.values()), labels, title=title, ncols=columns, alignment="left", **where)
    return title.count("\n") + 1 + ceil(len(lines) / columns)


def _draw_series(axes: Axes, series: Series) -> Any:
    """Draw a series with its intervals; its handle in a legend."""
    colour, symbol = _colour(series.colour), series.symbol.removesuffix("-open")
    wide, filled = series.width > 4, symbol == series.symbol
    style: dict[str, Any] = {
        "color": colour,
        "linestyle": _DASHES[series.dash] if "lines" in series.mode else "none",
        "linewidth": 0.8 * series.width,
        "marker": _MARKERS[symbol] if "markers" in series.mode else "none",
        "markersize": 4 if series.band else 6,
        "markerfacecolor": colour if filled else "none",
        "markeredgecolor": "black" if filled and series.half is None and series.mode == "markers" else colour,
        "alpha": 0.35 if wide else 1.0,
        "zorder": 1.5 if wide else 3.0 if series.mode == "markers" else 2.0,
        "label": series.name if series.listed else "_",
    }
    if series.half is None or series.band or not np.any(series.half):
        (line,) = axes.plot(series.x, series.y, **style)
        if series.band and series.half is not None:
            low, high = series.y - series.half, series.y + series.half
            axes.fill_between(series.x, low, high, color=colour, alpha=0.12, linewidth=0)
        return line
    return axes.errorbar(series.x, series.y, series.half, elinewidth=1.2, capsize=3, **style)


def _colour(role: str) -> Any:
    if role == INK:
        return "0.25"
    kind, number = role[0], float(role[1:])
    return _CATEGORIES[int(number) % len(_CATEGORIES)] if kind == "c" else _SHADES(0.25 + 0.75 * number)


def _scale(axes: Axes, name: str, spec: Axis, series: Sequence[Series]) -> None:
    """Label an axis, and give it its scale, limits and ticks."""
    axis = getattr(axes, f"{name}axis")
    values = np.concatenate([getattr(one, name) for one in series] or [np.ones(1)])
    scale, limit = (getattr(axes, f"set_{name}{what}") for what in ("scale", "lim"))
    axis.set_label_text(spec.label)
    if spec.linear_within:
        scale("symlog", linthresh=spec.linear_within)
        low = min(0.0, max(1.3 * float(np.nanmin(values)), -10 * spec.linear_within))
        limit(low, spec.range and spec.range[1])
        return
    if spec.log:
        scale("log", nonpositive="mask" if name == "x" else "clip")
    if spec.range:
        limit(spec.range)
    elif spec.log and name == "y" and (values > 0).any():  # no interval that reaches 0 widens it
        limit(0.6 * values[values > 0].min())
    elif spec.zero:
        axes.update_datalim([(0, 0)], updatex=False)
        limit(0)
    if spec.ticks and (spec.log or len(spec.ticks) == 1):
        axis.set_ticks(spec.ticks, labels=[f"{tick:,g}" for tick in spec.ticks])
        axis.set_minor_locator(NullLocator())
