"""Columns of a table as coordinates of a flow: each kind maps a value to k numbers, with its log-slope.

``encode`` maps n values, and the positions ``u`` (n, k) in [0, 1) within the cells of values that are not
continuous, to coordinates (n, k) and log dy/dx (n,), in nats; for a cell, to the log of its volume per unit
of ``u``. ``decode`` maps coordinates (n, k) back to values (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from gscale.errors import InputError

_SQUASH = 3.0  # typical deviations beyond which the scale of a column is logarithmic
_MAD_TO_SIGMA = 1.4826  # a normal's standard deviation over its median absolute deviation
_TIED = 0.9  # fewer distinct values than this share of the rows: the column is dequantised
_SAME = 1e-9  # of a column's range: values closer than this are one value
_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_LOG_2 = np.log(2)
_MAX_PARTS = 10  # the step of the values' grid is at least this fraction of the least gap between them
_OFF_GRID = 0.02  # how far from a whole number of steps a distance may be, in steps
_REACH = 0.5 + 1e-3  # of a cell, in steps, with room for rounding
_MAX_VALUES = 4096  # stored of a column that is on no grid; more are close to each other
_EDGE = 1e-9  # distance of a category's position from the ends of its cell, as a share of the cell


@dataclass(frozen=True)
class Number:
    """A numeric column: y = arsinh((x + w (u − ½) − c) / s), a straight line within s of the centre c.

    Beyond s it is logarithmic, so that heavy tails stay within what float32 resolves. With a step w > 0, for
    integers and tied values, u is the position within the cell of width w around x, and the log-slope that of
    the cell: a flow's density at u times it is the mass of the value.

    Parameters
    ----------
    name : str
    centre, scale : float
        c and s > 0.
    step : float
        w, at least 0; 0 for a continuous column.
    values : tuple of float
        The values fitted to, in order, where they are tied but not all a number of steps from the centre.

    Examples
    --------
    >>> column = Number("age", centre=40.0, scale=30.0, step=1.0)
    >>> y, log_slope = column.encode(np.array([40.0, 70.0]), np.full((2, 1), 0.5))
    >>> y[:, 0].round(3).tolist(), column.decode(y).tolist()
    ([0.0, 0.881], [40.0, 70.0])
    """

    name: str
    centre: float
    scale: float
    step: float = 0.0
    values: tuple[float, ...] = ()

    @property
    def width(self) -> int:
        return 1

    def encode(self, values: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shifted = values[:, None] - self.centre
        if self.step:
            shifted += self.step * (u - 0.5)
        y = np.arcsinh(shifted / self.scale)
        # log cosh y = log √(1 + t²) without squares, which overflow, and in half the time of a hypot
        far = np.abs(y[:, 0])
        log_cosh = far + np.log1p(np.exp(-2 * far)) - _LOG_2
        return y, np.log((self.step or 1.0) / self.scale) - log_cosh

    def decode(self, y: np.ndarray) -> np.ndarray:
        values = self.scale * np.sinh(y[:, 0].astype(float))
        if self.values:
            values = self.centre + values
            fitted = np.asarray(self.values)
            nearest = fitted[np.searchsorted((fitted[:-1] + fitted[1:]) / 2, values)]
            # values in no cell are unchanged
            return np.where(np.abs(nearest - values) <= _REACH * self.step, nearest, values)
        if self.step:
            values = self.step * np.rint(values / self.step)
        return self.centre + values


@dataclass(frozen=True)
class Category:
    """A categorical column: each value has a cell of the unit interval, as wide as it is frequent.

    y = Φ⁻¹(left + u·p) with the smoothed frequencies p = (n + 1)/(N + K + 1): normal by construction. The
    most frequent value is leftmost; rightmost is a cell for values that were not fitted to, which is decoded
    as the least frequent value.

    Parameters
    ----------
    name : str
    values : tuple
        The K values, the most frequent first: text, numbers or booleans.
    edges : tuple of float
        0 = e₀ < e₁ < … < e_{K+1} = 1.

    Examples
    --------
    >>> column = Category("proto", ("tcp", "udp"), (0.0, 0.7, 0.9, 1.0))
    >>> y, log_slope = column.encode(np.array(["tcp", "udp", "icmp"]), np.full((3, 1), 0.5))
    >>> y[:, 0].round(2).tolist(), column.decode(y).tolist()
    ([-0.39, 0.84, 1.64], ['tcp', 'udp', 'udp'])
    """

    name: str
    values: tuple[str | float | bool, ...]
    edges: tuple[float, ...]

    @property
    def width(self) -> int:
        return 1

    def encode(self, values: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        edges, code = np.asarray(self.edges), codes(self.values, values)
        mass = np.diff(edges)[code]
        inside = _EDGE + (1 - 2 * _EDGE) * u[:, 0]
        y = ndtri(edges[code] + mass * inside)
        return y[:, None], np.log(mass) + 0.5 * y**2 + _HALF_LOG_2PI

    def decode(self, y: np.ndarray) -> np.ndarray:
        code = np.searchsorted(self.edges[1:-1], ndtr(y[:, 0].astype(float)), side="right")
        return np.array([*self.values, self.values[-1]], object)[code]


@dataclass(frozen=True)
class Indicators:
    """A categorical column as one coordinate for each of K values, 1 where it is that one: one-hot.

    Each is dequantised like an integer. A value that was not fitted to is 0 in all; coordinates are decoded
    as the value of the largest.

    Examples
    --------
    >>> column = Indicators("proto", ("tcp", "udp"))
    >>> y, _ = column.encode(np.array(["udp", "icmp"]), np.full((2, 2), 0.5))
    >>> y.tolist(), column.decode(y).tolist()
    ([[0.0, 1.0], [0.0, 0.0]], ['udp', 'tcp'])
    """

    name: str
    values: tuple[str | float | bool, ...]

    @property
    def width(self) -> int:
        return len(self.values)

    def encode(self, values: np.ndarray, u: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hot = codes(self.values, values)[:, None] == np.arange(self.width)
        return hot + u - 0.5, np.zeros(len(values))

    def decode(self, y: np.ndarray) -> np.ndarray:
        return np.array(self.values, object)[y.argmax(1)]


Column = Number | Category | Indicators


def number(name: str, values: np.ndarray) -> Number:
    """Fit a numeric column to its values (N,), finite."""
    distinct, counts = np.unique(values, return_counts=True)
    centre = float(np.quantile(values, 0.5, method="lower"))
    # Without ties at the centre: the scale of a column that is mostly zero is that of the other values.
    away = np.abs(values - centre)[values != centre]
    typical = float(np.median(away)) if away.size else 0.0
    step = _step(distinct, counts)
    scale = max(_SQUASH * _MAD_TO_SIGMA * typical, step)
    irregular = step > 0 and len(distinct) <= _MAX_VALUES and not _are_multiples(distinct - centre, step)
    return Number(name, centre, scale, step, tuple(distinct.tolist()) if irregular else ())


def _are_multiples(offsets: np.ndarray, step: float) -> bool:
    steps = offsets / step
    return bool(np.abs(steps - np.rint(steps)).max() < _OFF_GRID)


def _step(distinct: np.ndarray, counts: np.ndarray) -> float:
    """Width of the cell of a tied value, 0 where values are continuous."""
    if np.all(distinct == np.rint(distinct)):
        return 1.0
    if len(distinct) >= _TIED * counts.sum():
        return 0.0
    gaps = np.diff(distinct)
    gaps = gaps[gaps > _SAME * (distinct[-1] - distinct[0])]
    # of a constant, so small that any other value is far off
    return _grid(gaps) if gaps.size else 1e-3 * abs(float(distinct[0]))


def _grid(gaps: np.ndarray) -> float:
    """The widest step of which all gaps between values are multiples; the least gap where there is none."""
    least = float(gaps.min())
    widths = (least / parts for parts in range(1, _MAX_PARTS + 1))
    return next((width for width in widths if _are_multiples(gaps, width)), least)


def category(name: str, values: np.ndarray) -> Category:
    """Fit smoothed frequencies to values (N,)."""
    ordered, counts = _by_frequency(values)
    mass = np.append(counts + 1.0, 1.0)
    edges = np.concatenate([[0.0], np.cumsum(mass) / mass.sum()])
    edges[-1] = 1.0
    return Category(name, ordered, tuple(edges.tolist()))


def indicators(name: str, values: np.ndarray) -> Indicators:
    """One coordinate for each of the values (N,), the most frequent first."""
    return Indicators(name, _by_frequency(values)[0])


def _by_frequency(values: np.ndarray) -> tuple[tuple[str | float | bool, ...], np.ndarray]:
    kinds = {type(value) for value in values.tolist()}
    if len(kinds) > 1 and str in kinds:
        raise InputError(f"categories of two kinds, {', '.join(sorted(kind.__name__ for kind in kinds))}")
    distinct, counts = np.unique(values, return_counts=True)
    order = np.lexsort((np.arange(len(distinct)), -counts))
    return tuple(distinct[order].tolist()), counts[order]


def codes(known: Sequence[object], values: np.ndarray) -> np.ndarray:
    """Indices (n,) of values among the K known ones; K for one that is not known."""
    index = {value: i for i, value in enumerate(known)}
    distinct, code = np.unique(values, return_inverse=True)
    return np.array([index.get(value, len(index)) for value in distinct.tolist()], int)[code]
