"""A figure as data: panels of series on axes, drawn by `render_matplotlib` and by html/report.js alike."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

MAX_POINTS = 200  # on one curve

# Colours are named by role; each renderer has one of each.
INK = "ink"

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "star", "pentagon")
NOT_REACHED = "x-thin-open"


def category(index: int) -> str:
    """The colour of one of several series without an order."""
    return f"c{index}"


def shade(index: int, count: int) -> str:
    """The colour of one of several series in order."""
    return f"s{index / max(count - 1, 1):.3f}"


@dataclass(frozen=True)
class Axis:
    """An axis of a panel.

    Attributes
    ----------
    label : str
        With its unit.
    log : bool
        Whether it is logarithmic at first.
    ticks : tuple of float
        Where a logarithmic axis has ticks, and a linear one with a single value; the renderer's choice if
        empty.
    range : tuple of float, or None
        What it shows at first; all if None.
    zero : bool
        Whether it reaches down to 0 where it is linear.
    linear_within : float
        Above 0, values beyond ± this are drawn logarithmically and those within linearly, by a renderer that
        can; the others follow ``log``.
    """

    label: str
    log: bool = False
    ticks: tuple[float, ...] = ()
    range: tuple[float, float] | None = None
    zero: bool = False
    linear_within: float = 0.0


@dataclass(frozen=True)
class Series:
    """One series of a panel.

    Attributes
    ----------
    name : str
    x, y : array, shape (P,)
    half : array, shape (P,), or None
        Half of the 95 % interval of y.
    colour : str
        `INK`, a `category` or a `shade`.
    mode, dash, symbol : str
        As plotly calls them; lines wider than 4 are theory's, drawn faintly and behind the others.
    width : float
    band : bool
        Whether intervals are a band along the line, not bars.
    group : str
        Series of one group are hidden together; the name if empty.
    listed : bool
        Whether the legend has the series.
    notes : str or sequence of str
        What is said of all points, or of each.
    """

    name: str
    x: np.ndarray
    y: np.ndarray
    half: np.ndarray | None = None
    colour: str = INK
    mode: str = "lines"
    dash: str = "solid"
    symbol: str = "circle"
    width: float = 2
    band: bool = False
    group: str = ""
    listed: bool = True
    notes: str | Sequence[str] = ""

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        return asdict(self) | {
            "x": rounded(self.x),
            "y": rounded(self.y),
            "half": None if self.half is None or not np.any(self.half) else rounded(self.half),
            "group": self.group or self.name,
        }


@dataclass(frozen=True)
class Panel:
    """Series on two axes, with a title, and a note in prose below."""

    title: str
    note: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]

    def record(self) -> dict[str, Any]:
        """As JSON has it, without the note."""
        series = [one.record() for one in self.series]
        return {"title": self.title, "x": asdict(self.x), "y": asdict(self.y), "series": series}


# Panels side by side, row below row.
Description = list[list[Panel]]


def steps(name: str, heights: np.ndarray, edges: np.ndarray, colour: str) -> Series:
    """A histogram's outline, heights (K,) between edges (K + 1,), as a line."""
    return Series(name, np.repeat(edges, 2)[1:-1], np.repeat(heights, 2), colour=colour)


def rounded(values: Iterable[float]) -> list[float | None]:
    """Numbers to 5 digits, more than a screen can show; None where one is not finite."""
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in values]


def thinned(length: int, most: int = MAX_POINTS) -> np.ndarray:
    """Indices of at most ``most`` of so many points, dense at the start as a logarithmic axis shows them.

    Examples
    --------
    >>> thinned(4), thinned(1000, 6)
    (array([0, 1, 2, 3]), array([  0,   1,   6,  32, 178, 999]))
    """
    if length <= most:
        return np.arange(length)
    return np.unique(np.append(0, np.geomspace(1, length - 1, most - 1).round().astype(int)))
