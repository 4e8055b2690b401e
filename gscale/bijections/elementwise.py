"""Maps of each coordinate on its own, and how they are trained."""

import math
from collections.abc import Callable
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array, lax
from jax.experimental.xla_metadata import set_xla_metadata

from gscale.bijections.constraints import NonTrainable, Unconstrained, bounded

# Bound on the factors by which training may change a bin or a derivative.
_LARGEST_LOG_FACTOR = math.log(10)

Tables = tuple[Array, ...]


class AffineMap(eqx.Module):
    """Shift and scale each coordinate: y = (x − shift) / scale, log|det| = −Σ log scale.

    Parameters
    ----------
    shift, scale : Array, shape (D,)
        ``scale`` is positive.

    Examples
    --------
    >>> y, log_det = AffineMap(jnp.array([1.0]), jnp.array([2.0])).forward(jnp.array([5.0]))
    >>> y.tolist(), round(float(log_det), 4)
    ([2.0], -0.6931)
    """

    shift: Array
    scale: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        y, log_slopes = self.forward_each(x)
        return y, log_slopes.sum()

    def forward_each(self, x: Array) -> tuple[Array, Array]:
        """Image (D,) of x (D,) and the logarithm (D,) of each coordinate's slope, in nats."""
        return (x - self.shift) / self.scale, -jnp.log(self.scale)

    def inverse(self, y: Array) -> tuple[Array, Array]:
        return y * self.scale + self.shift, jnp.log(self.scale).sum()

    def unconstrained(self) -> "TrainableAffine":
        return TrainableAffine(NonTrainable(self), jnp.zeros_like(self.shift), jnp.zeros_like(self.scale))


class TrainableAffine(Unconstrained):
    """An `AffineMap` to train: shifts, in units of the first scale, and logarithms of factors of it.

    Parameters
    ----------
    start : NonTrainable
        The map before training.
    shift, log_factor : Array, shape (…, D)
        Zero at the start.

    Examples
    --------
    >>> free = AffineMap(jnp.ones(1), jnp.full(1, 2.0)).unconstrained()
    >>> TrainableAffine(free.start, jnp.ones(1), jnp.log(jnp.full(1, 3.0))).constrained().scale.tolist()
    [6.0]
    """

    start: NonTrainable
    shift: Array
    log_factor: Array

    def constrained(self) -> AffineMap:
        start = self.start.constrained()
        return AffineMap(start.shift + start.scale * self.shift, start.scale * jnp.exp(self.log_factor))


class SplineMap(eqx.Module):
    """Monotone rational-quadratic spline in each coordinate, continued by straight lines.

    Between knots (x₀, y₀) and (x₁, y₁) with derivatives d₀ and d₁, with ξ = (x − x₀)/(x₁ − x₀) and the
    secant s = (y₁ − y₀)/(x₁ − x₀),

        y = y₀ + (y₁ − y₀) (s ξ² + d₀ ξ(1−ξ)) / (s + (d₀ + d₁ − 2s) ξ(1−ξ)).

    Beyond the outer knots y continues with the outer derivatives, so that map and derivative are
    continuous on the whole line.

    Parameters
    ----------
    x, y, derivatives : Array, shape (K+1, D)
        Knots of K bins, increasing along the first axis, and the positive derivatives there.

    References
    ----------
    Gregory and Delbourgo, "Piecewise rational quadratic interpolation to monotonic data", IMA Journal
    of Numerical Analysis 2 (1982). Durkan et al., "Neural spline flows", NeurIPS 2019.

    Examples
    --------
    >>> knots = jnp.array([[-1.0], [1.0]])
    >>> spline = SplineMap(knots, 3 * knots, jnp.full((2, 1), 3.0))
    >>> spline.forward(jnp.array([2.0]))[0].tolist(), spline.inverse(jnp.array([6.0]))[0].tolist()
    ([6.0], [2.0])
    """

    x: Array
    y: Array
    derivatives: Array

    def forward(self, x: Array) -> tuple[Array, Array]:
        y, log_slopes = self.forward_each(x)
        return y, log_slopes.sum()

    def forward_each(self, x: Array) -> tuple[Array, Array]:
        """Image (D,) of x (D,) and the logarithm (D,) of each coordinate's slope, in nats."""
        inside = jnp.clip(x, self.x[0], self.x[-1])
        sizes = 1 / jnp.diff(self.x, axis=0), jnp.diff(self.y, axis=0)
        x0, y0, d0, d1, per_width, height = self._bin_of(inside, self.x, sizes)
        rise, log_slope = _computed_once(_rise, inside - x0, per_width, height, d0, d1)
        return y0 + rise + self._outer_derivative(x, self.x) * (x - inside), log_slope

    def inverse(self, y: Array) -> tuple[Array, Array]:
        inside = jnp.clip(y, self.y[0], self.y[-1])
        # The ends of bins, not their sizes, and without `_computed_once`: of the variants measured the
        # fastest to scan and to sample.
        x0, y0, d0, d1, x1, y1 = self._bin_of(inside, self.y, (self.x[1:], self.y[1:]))
        run, log_slope = _run(inside - y0, x1 - x0, y1 - y0, d0, d1)
        return x0 + run + (y - inside) / self._outer_derivative(y, self.y), -log_slope.sum()

    def unconstrained(self) -> "TrainableSpline":
        bins, ends = jnp.zeros_like(self.x[..., 1:, :]), jnp.zeros_like(self.x[..., :1, :])
        return TrainableSpline(NonTrainable(self), ends, bins, ends, bins, jnp.zeros_like(self.derivatives))

    def _bin_of(self, value: Array, knots: Array, others: Tables) -> Tables:
        """Left knot, derivatives and other tables (K, D) at the bin of each value, (D,) each."""
        left = self.x[:-1], self.y[:-1], self.derivatives[:-1]
        return _at_bins(value, knots, (*left, self.derivatives[1:], *others))

    def _outer_derivative(self, value: Array, knots: Array) -> Array:
        return jnp.where(value < knots[0], self.derivatives[0], self.derivatives[-1])


def _at_bins(value: Array, knots: Array, tables: Tables) -> Tables:
    """Entries of tables (K, D) for the bin, between knots (K+1, D), of each value (D,)."""
    index = jnp.zeros(value.shape, jnp.int32)
    for k in range(1, knots.shape[0] - 1):  # on the CPU faster than any search, for up to some 100 bins
        index += value >= knots[k]
    return take(tables, index * value.shape[0] + jnp.arange(value.shape[0], dtype=jnp.int32))


def take(tables: Tables, index: Array) -> Tables:
    """Entries of tables (K, D) at indices that count them row by row, in the shape of ``index``."""
    entries: Tables = unfused(_take)(tables, index)
    return entries


def _take(tables: Tables, index: Array) -> Tables:
    return tuple(table.reshape(-1).at[index].get(mode="promise_in_bounds") for table in tables)


def unfused(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function, compiled on its own on the CPU: not fused with the operations before and after.

    XLA would fuse gathers and scatters with the formulas around them, and a loop with two of them is no
    longer vectorised: seven times slower than each on its own. A fused formula is computed again for every
    use.
    """

    def unfused_on_cpu(*arguments: Any) -> Any:
        with set_xla_metadata(inlineable="false"):
            return jax.jit(function)(*arguments)

    return lambda *arguments: lax.platform_dependent(*arguments, cpu=unfused_on_cpu, default=function)


def _computed_once(formula: Callable[..., tuple[Array, Array]], *of_bins: Array) -> tuple[Array, Array]:
    """Both results of a formula, which XLA on the CPU would otherwise compute again for each use."""
    results: tuple[Array, Array] = unfused(formula)(*of_bins)
    return results


def _rise(run: Array, per_width: Array, height: Array, d0: Array, d1: Array) -> tuple[Array, Array]:
    """Distance of y above its left knot where x is a run to the right of it, and log dy/dx."""
    secant, xi = height * per_width, jnp.minimum(run * per_width, 1)
    rest, mixed = 1 - xi, xi * (1 - xi)
    shrink = 1 / (secant + (d0 + d1 - 2 * secant) * mixed)
    rise = height * (secant * xi**2 + d0 * mixed) * shrink
    return rise, _log_slope(secant, d0, d1, xi, rest, shrink)


def _run(rise: Array, width: Array, height: Array, d0: Array, d1: Array) -> tuple[Array, Array]:
    """Distance of x to the right of its left knot where y is a rise above it, and log dy/dx."""
    secant = height / width
    xi, rest = _solve(secant, d0, d1, rise / height)
    shrink = 1 / (secant + (d0 + d1 - 2 * secant) * xi * rest)
    return width * xi, _log_slope(secant, d0, d1, xi, rest, shrink)


def _log_slope(secant: Array, d0: Array, d1: Array, xi: Array, rest: Array, shrink: Array) -> Array:
    numerator = d1 * xi**2 + 2 * secant * xi * rest + d0 * rest**2
    return jnp.log(numerator * (secant * shrink) ** 2)


def _solve(secant: Array, d0: Array, d1: Array, eta: Array) -> tuple[Array, Array]:
    """Position ξ in its bin of the point at height η, and 1 − ξ.

    The quadratic's discriminant b² − 4ac is (d₀(1−η) − d₁η)² + 4 s² η(1−η), a sum of squares that never
    goes below zero. Each root is taken in the form that adds numbers of one sign.
    """
    rest = 1 - eta
    v = d0 * rest - d1 * eta
    root = jnp.sqrt(v**2 + 4 * secant**2 * eta * rest)
    left = v >= 0
    # Where a form is not used its denominator may vanish: it is set to one there, since its gradient,
    # multiplied by zero, would be NaN.
    from_left = 2 * secant * eta / jnp.where(left, v + 2 * secant * eta + root, 1)
    from_right = 2 * secant * rest / jnp.where(left, 1, -v + 2 * secant * rest + root)
    return jnp.where(left, from_left, 1 - from_right), jnp.where(left, 1 - from_left, from_right)


class TrainableSpline(Unconstrained):
    """A `SplineMap` to train: shifts of all knots, and logarithms of factors of the bins and derivatives.

    A factor lies within 1/10 and 10, so that no bin can vanish; shifts are in units of the mean bin.

    Parameters
    ----------
    start : NonTrainable
        The spline before training.
    left, bottom : Array, shape (…, 1, D)
        Shifts of the knots' x and y.
    log_widths, log_heights : Array, shape (…, K, D)
        Factors of widths and heights; the middle of the spline stays.
    log_derivatives : Array, shape (…, K+1, D)

    Examples
    --------
    >>> knots = jnp.array([[-1.0], [0.0], [1.0]])
    >>> free = SplineMap(knots, knots, jnp.ones((3, 1))).unconstrained()
    >>> bool((free.constrained().x == knots).all())
    True
    """

    start: NonTrainable
    left: Array
    log_widths: Array
    bottom: Array
    log_heights: Array
    log_derivatives: Array

    def constrained(self) -> SplineMap:
        start = self.start.constrained()
        return SplineMap(
            _adjusted(start.x, self.left, self.log_widths),
            _adjusted(start.y, self.bottom, self.log_heights),
            start.derivatives * jnp.exp(bounded(self.log_derivatives, _LARGEST_LOG_FACTOR)),
        )


def _adjusted(knots: Array, shift: Array, log_factors: Array) -> Array:
    """Knots (…, K+1, D) shifted, their distances multiplied by factors."""
    # Differences are added to the knots: where they are zero, knots stay the same to the bit.
    widths = jnp.diff(knots, axis=-2)
    wider = jnp.cumsum(widths * jnp.expm1(bounded(log_factors, _LARGEST_LOG_FACTOR)), axis=-2)
    wider = jnp.concatenate([jnp.zeros_like(shift), wider], axis=-2)
    return knots + shift * widths.mean(-2, keepdims=True) + (wider - 0.5 * wider[..., -1:, :])
