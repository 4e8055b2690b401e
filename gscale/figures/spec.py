"""An interactive figure as data: series and axes, drawn by report.js with plotly."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

MAX_POINTS = 200  # on one curve

# Colours are named by role; report.js has one of each for a light and for a dark page.
INK = "ink"


def category(index: int) -> str:
    """The colour of one of several series without an order."""
    return f"c{index}"


def shade(index: int, count: int) -> str:
    """The colour of one of several series in order."""
    return f"s{index / max(count - 1, 1):.3f}"


@dataclass(frozen=True)
class Axis:
    """An axis: its label with a unit, whether it begins logarithmic, its ticks and first range if chosen.

    Linear, it reaches down to 0 if ``zero``.
    """

    label: str
    log: bool = False
    ticks: tuple[float, ...] = ()
    range: tuple[float, float] | None = None
    zero: bool = False


@dataclass(frozen=True)
class Series:
    """One series: x, y and half of its 95 % interval, (P,) each.

    ``mode`` is plotly's: lines, markers or both. Series of one ``group`` are hidden together by its entry in
    the legend, which only those with ``listed`` have; ``notes`` (P,) or one for all, are shown on hover.
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
        return {
            "name": self.name,
            "x": rounded(self.x),
            "y": rounded(self.y),
            "half": None if self.half is None or not np.any(self.half) else rounded(self.half),
            "colour": self.colour,
            "mode": self.mode,
            "dash": self.dash,
            "symbol": self.symbol,
            "width": self.width,
            "band": self.band,
            "group": self.group or self.name,
            "listed": self.listed,
            "notes": self.notes if isinstance(self.notes, str) else list(self.notes),
        }


@dataclass(frozen=True)
class Figure:
    """A titled figure with a note in prose below it."""

    title: str
    note: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]

    def record(self) -> dict[str, Any]:
        """As JSON has it."""
        axes = {name: _axis(axis) for name, axis in (("x", self.x), ("y", self.y))}
        return {"title": self.title, **axes, "series": [series.record() for series in self.series]}


def _axis(axis: Axis) -> dict[str, Any]:
    return asdict(axis)


def rounded(values: Iterable[float]) -> list[float | None]:
    """Numbers to 5 digits, which a screen does not tell from more; None where JSON has no word for one."""
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
