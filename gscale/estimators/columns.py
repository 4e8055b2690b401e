"""Columns of a table as coordinates of a flow: each kind maps a value to some numbers, with its log-slope.

Of a fitted column ``encode`` takes n values and their ``place`` (n, k) in [0, 1), which says where within its
cell a value that is not continuous goes, to coordinates (n, k) and log dy/dx (n,), in nats; of a cell, to the
log of the volume that it has per unit of ``place``. ``decode`` takes coordinates (n, k) back to values (n,).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, ndtri

from gscale.errors import InputError

_SQUASH = 3.0  # beyond so many typical deviations a column is taken on a logarithmic scale
_MAD_TO_SIGMA = 1.4826  # a normal's standard deviation over its median absolute deviation
_TIED = 0.9  # fewer distinct values than this share of the rows: the column is dequantised
_SAME = 1e-9  # of a column's range: values closer than this are one value
_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)
_LOG_2 = np.log(2)
_MOST_PARTS = 10  # of the least gap between values that may make their grid
_OFF_GRID = 0.02  # how far from a whole number of steps a distance may be, in steps
_REACH = 0.5 + 1e-3  # of a cell, in steps, and what rounding adds
_MOST_VALUES = 4096  # kept of a column that is on no grid; so many lie close together
_EDGE = 1e-9  # how far within its cell a category's place stays, as a share of the cell


@dataclass(frozen=True)
class Number:
    """A numeric column: y = arsinh((x + w (u − ½) − c) / s), a straight line within s of the centre c.

    Beyond s it is logarithmic, so that heavy tails stay within what float32 resolves. With a step w > 0, for
    integers and tied values, u is the place within the cell of width w around x, and the log-slope that of
    the cell: a flow's density times it is the mass of the value, by the density where u is.

    Parameters
    ----------
    name : str
    centre, scale : float
        c and s > 0.
    step : float
        w, at least 0; 0 for a continuous column.
    values : tuple of float
        Where tied values are not all a number of steps from the centre: those fitted to, in order.

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

    def encode(self, values: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shifted = values[:, None] - self.centre
        if self.step:
            shifted += self.step * (place - 0.5)
        y = np.arcsinh(shifted / self.scale)
        # log cosh y = log √(1 + t²) without squares, which overflow, and in half the time of a hypot
        far = np.abs(y[:, 0])
        log_cosh = far + np.log1p(np.exp(-2 * far)) - _LOG_2
        return y, np.log((self.step or 1.0) / self.scale) - log_cosh

    def decode(self, y: np.ndarray) -> np.ndarray:
        values = self.scale * np.sinh(y[:, 0].astype(float))
        if self.values:
            return self._known(self.centre + values)
        if self.step:
            values = self.step * np.rint(values / self.step)
        return self.centre + values

    def _known(self, values: np.ndarray) -> np.ndarray:
        """The value fitted to in whose cell one lies; where there is none it stays as it is."""
        known = np.asarray(self.values)
        nearest = known[np.searchsorted((known[:-1] + known[1:]) / 2, values)]
        return np.where(np.abs(nearest - values) <= _REACH * self.step, nearest, values)


@dataclass(frozen=True)
class Category:
    """A categorical column: each value has a cell of the unit interval, as wide as it is frequent.

    y = Φ⁻¹(left + u·p) with the smoothed frequencies p = (n + 1)/(N + K + 1): normal by construction. The
    most frequent value is leftmost; rightmost is a cell for values never seen, which comes back as the least
    frequent value.

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

    def encode(self, values: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        edges, code = np.asarray(self.edges), codes(self.values, values)
        mass = np.diff(edges)[code]
        inside = _EDGE + (1 - 2 * _EDGE) * place[:, 0]
        y = ndtri(edges[code] + mass * inside)
        return y[:, None], np.log(mass) + 0.5 * y**2 + _HALF_LOG_2PI

    def decode(self, y: np.ndarray) -> np.ndarray:
        code = np.searchsorted(self.edges[1:-1], ndtr(y[:, 0].astype(float)), side="right")
        return np.array([*self.values, self.values[-1]], object)[code]


@dataclass(frozen=True)
class Indicators:
    """A categorical column as one coordinate for each of K values, 1 where it is that one: one-hot.

    Each is dequantised like an integer. A value never seen is 0 in all; what comes back is the value of the
    largest coordinate.

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

    def encode(self, values: np.ndarray, place: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hot = codes(self.values, values)[:, None] == np.arange(self.width)
        return hot + place - 0.5, np.zeros(len(values))

    def decode(self, y: np.ndarray) -> np.ndarray:
        return np.array(self.values, object)[y.argmax(1)]


Column = Number | Category | Indicators


def number(name: str, values: np.ndarray) -> Number:
    """Fit a numeric column to its values (N,), finite."""
    distinct, counts = np.unique(values, return_counts=True)
    centre = float(np.quantile(values, 0.5, method="lower"))
    # Without the centre's own ties: of a column that is mostly zero the rest says how far it goes.
    away = np.abs(values - centre)[values != centre]
    typical = float(np.median(away)) if away.size else 0.0
    step = _step(distinct, counts)
    scale = max(_SQUASH * _MAD_TO_SIGMA * typical, step)
    irregular = step > 0 and len(distinct) <= _MOST_VALUES and not _are_multiples(distinct - centre, step)
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
    # a constant's own resolution: any other value is then far off
    return _grid(gaps) if gaps.size else 1e-3 * abs(float(distinct[0]))


def _grid(gaps: np.ndarray) -> float:
    """The widest step of which all gaps between values are multiples; the least gap where there is none."""
    least = float(gaps.min())
    widths = (least / parts for parts in range(1, _MOST_PARTS + 1))
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
    """Places (n,) of values among the K known ones; K for one that is not known."""
    place = {value: i for i, value in enumerate(known)}
    distinct, code = np.unique(values, return_inverse=True)
    return np.array([place.get(value, len(place)) for value in distinct.tolist()], int)[code]
