"""How a layer makes each coordinate normal: specs that fit maps of one coordinate at a time."""

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy import special as jax_special
from scipy import special

from gscale.bijections.cumulative import running_max
from gscale.bijections.elementwise import AffineMap, SplineMap
from gscale.bijections.histogram_quantiles import RowsInMemory, RowStatistics, quantiles
from gscale.bijections.host_sort import sorted_rows
from gscale.bijections.normal_knots import DEFAULT_BINS, normal_levels
from gscale.errors import InputError
from gscale.runtime import Program
from gscale.validation import check_at_least, check_share

# The slope of a linear tail, and at a smoothed knot, is at least this fraction of that between the outer
# knots. Flatter ones fit far outliers better but lose more than 1e-5 of x to float32 rounding on the way
# back.
_FLATTEST = 0.01
# Ten rows give a slope to within a factor of 2 and no better (three standard errors).
_TAIL_DOUBT = 2.0
# Up to so many rows are sorted: for more, XLA's sort on the CPU takes longer than counting.
_MAX_SORTED_ROWS = 4_096
# On CPUs NumPy sorts up to so many, see `gscale.flows.staged`: counting more takes as long, and compiling
# that is a small part of the fit.
_MAX_SORTED_ROWS_ON_HOST = 2**17
_QUARTILES = np.array([0.25, 0.75])
# The narrowest bin, as a fraction of the distance between the outer knots.
_NARROWEST_BIN = 1e-5


@dataclass(frozen=True)
class Moments:
    """Standardise each coordinate to mean 0 and variance 1, which makes a Gaussian's coordinates normal.

    Examples
    --------
    >>> import jax
    >>> affine = Moments().fit(jax.random.key(0), jnp.array([[1.0], [3.0]]))
    >>> affine.shift.tolist(), affine.scale.tolist()
    ([2.0], [1.0])
    """

    by_column: ClassVar[bool] = True  # see gscale.bijections.by_column

    def fit(self, key: Array, x: Array) -> AffineMap:
        """Fit to the rows of x (N, D); the key is not used."""
        return AffineMap(x.mean(0), jnp.maximum(x.std(0), least_width(x)))

    def fit_counted(self, rows: RowStatistics) -> AffineMap:
        """Fit to rows that need not be in memory."""
        (lowest, highest), (mean, deviation) = rows.ends(), rows.moments()
        least = _least_width(jnp, jnp.maximum(jnp.abs(lowest), jnp.abs(highest)))
        return AffineMap(mean, jnp.maximum(deviation, least))

    def n_parameters(self, n_samples: int) -> int:
        """One a coordinate, its scale: the mean costs once, in the first layer (docs/theory.md)."""
        return 1


@dataclass(frozen=True)
class Quantiles:
    """Match quantiles to those of a standard normal with a rational-quadratic spline.

    Knots lie at equal steps of the normal coordinate, the outermost with 10 rows beyond. Inner derivatives
    are weighted geometric means of the adjacent secants (always monotone). A tail has the slope between the
    outer knots, or the flatter one of the greatest likelihood of the rows beyond: never a steeper one, with
    which layer after layer would move an outlier further out. Tied values give a steep bin, never an infinite
    one.

    With a bandwidth, heights and inner derivatives at the knots x_k come from the kernel estimates F_h of
    the distribution and f_h of the density: y_k = Φ⁻¹(F_h(x_k)), d_k = f_h(x_k)/φ(y_k). It costs N K
    kernels a coordinate and pays where rows are few and bins many.

    Parameters
    ----------
    n_bins : int or None
        Bins K of the spline, at least 1; fewer are used when N < 5 K. None takes the cube root of N, 64
        at most.
    bandwidth : float
        Width h of a Gaussian kernel, in multiples of Silverman's 0.9 min(σ, IQR/1.34) N^(−1/5) of each
        coordinate; 0 for the raw quantiles.
    shrinkage : float
        Share α in [0, 1) of the identity in the map: heights (1−α) y + α x, derivatives (1−α) d + α, the
        tails included. For coordinates with mean 0 and variance 1.

    Raises
    ------
    InputError
        If ``n_bins`` is below 1, ``bandwidth`` negative or infinite, or ``shrinkage`` not in [0, 1).

    References
    ----------
    Delbourgo and Gregory, "The determination of derivative parameters for a monotonic rational
    quadratic interpolant", IMA Journal of Numerical Analysis 5 (1985), for the derivatives. Silverman,
    "Density estimation for statistics and data analysis" (1986), eq. 3.31, for the bandwidth. Dai and
    Seljak, "Sliced iterative normalizing flows", ICML 2021, for kernel and shrinkage.

    Examples
    --------
    >>> import jax
    >>> x = jnp.exp(jax.random.normal(jax.random.key(0), (1000, 1)))
    >>> spline = Quantiles(n_bins=16).fit(jax.random.key(1), x)
    >>> y, _ = jax.vmap(spline.forward)(x)
    >>> abs(float(y.mean())) < 0.01, abs(float(y.std()) - 1) < 0.01
    (True, True)
    """

    n_bins: int | None = DEFAULT_BINS
    bandwidth: float = 0.0
    shrinkage: float = 0.0

    by_column: ClassVar[bool] = True  # see gscale.bijections.by_column

    def __post_init__(self) -> None:
        if self.n_bins is not None:
            check_at_least(1, {"n_bins": self.n_bins})
        check_at_least(0, {"bandwidth": self.bandwidth})
        check_share({"shrinkage": self.shrinkage})

    def fits_on_host(self, n: int) -> bool:
        """Whether n rows are so few that `fit_on_host` is as fast as ``fit``."""
        return n <= _MAX_SORTED_ROWS_ON_HOST

    def fit(self, key: Array, x: Array) -> SplineMap:
        """Fit to the rows of x (N, D); the key is not used."""
        n = x.shape[0]
        if n > _MAX_SORTED_ROWS and self.bandwidth == 0:
            return self.fit_counted(RowsInMemory(x))
        ordered = sort_columns(x)
        heights, levels = self._levels(n)
        knots = _spread(jnp, at_ranks(ordered, n * levels - 0.5), least_width(x))
        y = jnp.broadcast_to(jnp.asarray(heights, x.dtype)[:, None], knots.shape)
        inner = None
        if self.bandwidth > 0:
            quartiles = at_ranks(ordered, n * _QUARTILES - 0.5)
            width = self.bandwidth * _silverman_width(jnp, ordered, quartiles)
            width = jnp.maximum(width, least_width(ordered))
            y, inner = _smoothed(jnp, knots, y, n, _kernel_estimates(ordered, knots, width))
        n_tail = _n_tail_rows(n, levels)
        tails = RowsInMemory(jnp.concatenate([ordered[:n_tail], ordered[-n_tail:]]))
        return self._spline(jnp, knots, y, inner, tails.tail_sums(knots[0], knots[-1]), n_tail)

    def fit_counted(self, rows: RowStatistics) -> SplineMap:
        """Fit to rows that are counted, not sorted; they need not be in memory.

        Raises
        ------
        InputError
            If there is a bandwidth: a kernel needs all rows in memory.
        """
        if self.bandwidth > 0:
            raise InputError(f"{self!r} needs its rows sorted in memory: leave the bandwidth at 0")
        heights, levels = self._levels(rows.n)
        lowest, highest = rows.ends()
        least = _least_width(jnp, jnp.maximum(jnp.abs(lowest), jnp.abs(highest)))
        knots = _spread(jnp, quantiles(rows, levels, least), least)
        y = jnp.broadcast_to(jnp.asarray(heights, knots.dtype)[:, None], knots.shape)
        sums = rows.tail_sums(knots[0], knots[-1])
        return self._spline(jnp, knots, y, None, sums, _n_tail_rows(rows.n, levels))

    @np.errstate(over="ignore", divide="ignore")  # an infinite slope of a tail is clipped, as in XLA
    def fit_on_host(self, x: np.ndarray) -> SplineMap:
        """Fit to the rows of x (…, N, D) with NumPy, which sorts ten times faster than XLA on CPUs.

        Parameters
        ----------
        x : ndarray, shape (…, N, D)

        Returns
        -------
        SplineMap
            Of arrays (K+1, … · D) of NumPy: those of `fit` on columns that are sorted, and within the
            standard error of their ranks of those of columns that are counted.
        """
        n = x.shape[-2]
        heights, levels = self._levels(n)
        n_tail = _n_tail_rows(n, levels)
        ranks = n * np.concatenate([levels, _QUARTILES]) - 0.5
        ordered = sorted_rows(x, ranks, n_tail)
        at_levels, quartiles = ordered.at_ranks[:-2], ordered.at_ranks[-2:]
        furthest = np.maximum(np.abs(ordered.tails[0]), np.abs(ordered.tails[-1]))
        least = _least_width(np, furthest)
        knots = _spread(np, at_levels, least)
        y = np.repeat(heights.astype(x.dtype)[:, None], knots.shape[1], 1)
        inner = None
        if self.bandwidth > 0:
            rows = np.moveaxis(x.reshape(-1, *x.shape[-2:]), 0, 1).reshape(n, -1)
            width = np.maximum(self.bandwidth * _silverman_width(np, rows, quartiles), least)
            estimates = [np.asarray(part) for part in _kernel_program(rows, knots, width)]
            y, inner = _smoothed(np, knots, y, n, estimates)
        distances = knots[0] - ordered.tails, ordered.tails - knots[-1]
        below, above = (np.maximum(distance, 0) for distance in distances)
        sums = tuple((tail.sum(0), (tail**2).sum(0)) for tail in (below, above))
        return self._spline(np, knots, y, inner, sums, n_tail)

    def _levels(self, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Heights and levels (K+1,) of the knots."""
        heights = normal_levels(n, self.n_bins or _fitting_bins(n))
        return heights, np.array([NormalDist().cdf(height) for height in heights])

    def _spline(self, xp: Any, knots: Any, y: Any, inner: Any, tail_sums: Any, n_tail: int) -> SplineMap:
        """The spline through knots; ``tail_sums`` are of the rows beyond, of which ``n_tail`` lie in either.

        Computed by an array library, NumPy or `jax.numpy`.
        """
        if inner is None:
            widths = xp.diff(knots, axis=0)
            inner = _inner_derivatives(xp, widths, xp.diff(y, axis=0) / widths)
        below, above = tail_sums
        steepest = (y[-1:] - y[:1]) / (knots[-1:] - knots[:1])
        lower = _tail_slope(xp, below, n_tail, -y[0], steepest)
        upper = _tail_slope(xp, above, n_tail, y[-1], steepest)
        return _shrunk(SplineMap(knots, y, xp.concatenate([lower, inner, upper])), self.shrinkage)

    def n_parameters(self, n_samples: int) -> int:
        """Fitted numbers a coordinate: K + 1 knots less the mean, which costs once (docs/theory.md).

        Smoothing and shrinkage are not taken into account.
        """
        return len(normal_levels(n_samples, self.n_bins or _fitting_bins(n_samples))) - 1


def _fitting_bins(n_rows: int) -> int:
    # On normal, Laplace, gamma(3), t(5) and bimodal laws the mean test loss is above that of each law's best
    # number by 0.005, 0.0009, 0.0009, 0.0010, 0.0002, 0.0001 nats for N = 300, 1,000, 3,000, 10,000,
    # 30,000, 100,000; with 32 bins, by 0.047, 0.012, 0.0036, 0.0008, 0.0003, 0.0004.
    # The search among more than 64 bins takes longer than the spline itself.
    return min(round(n_rows ** (1 / 3)), 64)


def sort_columns(x: Array) -> Array:
    """Rows x (N, D), each column sorted."""
    # Sorting the floats' order-preserving integer images is six times faster in XLA on the CPU, whose
    # float comparison is a call that handles NaN.
    integer = jnp.int32 if x.dtype == jnp.float32 else jnp.int64
    low_bits = jnp.iinfo(integer).max

    def flip_negative(bits: Array) -> Array:
        return jnp.where(bits < 0, bits ^ low_bits, bits)

    keys = flip_negative(lax.bitcast_convert_type(x.T, integer))
    return lax.bitcast_convert_type(flip_negative(lax.sort(keys, is_stable=False)), x.dtype).T


def at_ranks(ordered: Array, ranks: np.ndarray) -> Array:
    """Values (K, D) at fractional ranks (K,), linear between rows; i − ½ of N is the level i/N (Hazen)."""
    below = np.clip(ranks.astype(int), 0, ordered.shape[0] - 2)
    share = jnp.asarray(ranks - below, ordered.dtype)[:, None]
    return ordered[below] * (1 - share) + ordered[below + 1] * share


def least_width(x: Array) -> Array:
    """Width (D,) below which the dtype does not resolve values of x (N, D)."""
    return _least_width(jnp, jnp.abs(x).max(0))


def _least_width(xp: Any, furthest: Any) -> Any:
    limits = np.finfo(furthest.dtype)
    # the fourth root: squares and products of the slopes of bins so narrow stay finite
    return xp.maximum(8 * limits.eps * furthest, limits.tiny**0.25)


def _n_tail_rows(n: int, levels: np.ndarray) -> int:
    return int(n * levels[0] - 0.5) + 1


def _spread(xp: Any, knots: Any, least: Any) -> Any:
    """Push knots apart until each bin has at least the least width."""
    least = xp.maximum(least, _NARROWEST_BIN * (knots[-1] - knots[0]))
    offsets = np.arange(knots.shape[0], dtype=knots.dtype)[:, None] * least[None]
    return _rising(xp, knots - offsets) + offsets


def _rising(xp: Any, values: Any) -> Any:
    return np.maximum.accumulate(values) if xp is np else running_max(values)


def _inner_derivatives(xp: Any, widths: Any, secants: Any) -> Any:
    left_share = widths[1:] / (widths[1:] + widths[:-1])
    log_secants = xp.log(secants)
    return xp.exp(left_share * log_secants[:-1] + (1 - left_share) * log_secants[1:])


def _smoothed(xp: Any, knots: Any, raw: Any, n: int, estimates: Any) -> tuple[Any, Any]:
    """Heights (K+1, D) of the knots and derivatives (K−1, D) of the inner ones, from kernel estimates."""
    cdf, survival, density = estimates
    # No knot lies further out than the outermost row, unless ties pushed it there.
    y = normal_score(*(xp.maximum(level, 0.5 / n) for level in (cdf, survival)))
    least_slope = _FLATTEST * (raw[-1] - raw[0]) / (knots[-1] - knots[0])
    offsets = (knots - knots[:1]) * least_slope[None]
    y = _rising(xp, y - offsets) + offsets
    derivatives = density * math.sqrt(2 * math.pi) * xp.exp(0.5 * y**2)
    return y, xp.maximum(derivatives[1:-1], least_slope[None])


def _kernel_estimates(rows: Array, knots: Array, width: Array) -> tuple[Array, Array, Array]:
    """Distribution, survival and density (K+1, D) at knots, with kernels of widths (D,) on rows (N, D)."""

    def at(knot: Array) -> tuple[Array, Array, Array]:
        z = (knot[None] - rows) / width[None]
        tail = 0.5 * jax_special.erfc(math.sqrt(0.5) * jnp.abs(z))
        cdf = jnp.where(z < 0, tail, 1 - tail).mean(0)
        survival = jnp.where(z < 0, 1 - tail, tail).mean(0)
        density = jnp.exp(-0.5 * z**2).mean(0) / (math.sqrt(2 * math.pi) * width)
        return cdf, survival, density

    estimates: tuple[Array, Array, Array] = lax.map(at, knots)
    return estimates


# NumPy has no error function, and SciPy's takes ten times longer than XLA's.
_kernel_program = Program(_kernel_estimates, effort=1)


def _silverman_width(xp: Any, rows: Any, quartiles: Any) -> Any:
    # Where the middle half of the rows is tied, this is zero: no smoothing.
    spread = xp.minimum(rows.std(0), (quartiles[1] - quartiles[0]) / 1.34)
    return 0.9 * len(rows) ** (-1 / 5) * spread


def normal_score(cdf: Any, survival: Any) -> Any:
    """Φ⁻¹ of a level known by its distance from 0 and from 1: the smaller loses no digits."""
    xp: Any = np if isinstance(cdf, np.ndarray) else jnp
    lower = cdf < survival
    score = (special if xp is np else jax_special).ndtri(xp.where(lower, cdf, survival))
    return xp.where(lower, score, -score)


def _shrunk(spline: SplineMap, share: float) -> SplineMap:
    if share == 0:
        return spline
    y = (1 - share) * spline.y + share * spline.x
    return SplineMap(spline.x, y, (1 - share) * spline.derivatives + share)


def _tail_slope(xp: Any, sums: tuple[Any, Any], n: int, height: Any, steepest: Any) -> Any:
    """Slope (1, D) of a linear tail from sums (D,) of distances, and of their squares, of the n rows in it.

    The likelihood Σ log s − ½ (height + s u)² of the distances u is greatest at the root of n − s·height·Σu −
    s² Σu² = 0. It replaces the steepest slope where it is flatter by more than `_TAIL_DOUBT`.
    """
    first, second = sums
    half = height * first
    tiny = np.finfo(first.dtype).tiny
    likeliest = 2 * n / (half + xp.sqrt(half**2 + 4 * n * second) + tiny)
    return xp.clip(_TAIL_DOUBT * likeliest[None], _FLATTEST * steepest, steepest)
