"""Smooth maps of one coordinate at a time: Φ⁻¹ of the distribution function of a mixture fitted by EM."""

import dataclasses
import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.scipy.special import erfc

from gscale.bijections.marginals import at_ranks, least_width, normal_score, sort_columns
from gscale.validation import check_at_least

# Rows that the three parameters of a component need: on 300 normal rows eight components lose 0.02 nats more
# than three.
_ROWS_PER_COMPONENT = 100
# EM runs on this many quantiles, not all rows. With 1024 the test loss is the same to 1e-4 nats; with 256 a
# spike a hundredth as wide as the rest costs 5e-4.
_NODES = 512
# The narrowest component as a fraction of the standard deviation of the middle rows, and of the range: a
# component on a single row would have an infinite likelihood.
_NARROWEST = 0.01
_NARROWEST_IN_RANGE = 1e-5
# The level at which linear tails begin, unless the rows end before, and its score. Levels of a mixture that
# is trained further may be lower within the bounds: its score follows them down to the least level.
_TAIL_LEVEL = 1e-6
_TAIL_SCORE = -NormalDist().inv_cdf(_TAIL_LEVEL)
_LEAST_LEVEL = 1e-12
# The share of a straight line in the map. Where the mixture has no mass the map is flat, and its inverse in
# float32 would be lost: with this share it is right to 1e-5 of the range. It costs 0.003 nats where two sharp
# modes leave a wide gap, and less than 1e-4 without gaps.
_LINEAR_SHARE = 0.003
# The search for a pre-image begins between two of these points, in scales from each component's centre,
# where the map is smooth enough for Newton: eight steps reach the rounding error on all laws tried, with
# ties, gaps and outliers.
_GRID = (-24.0, -12.0, -6.0, -3.0, -1.5, -0.5, 0.5, 1.5, 3.0, 6.0, 12.0, 24.0)
_NEWTON_STEPS = 10
_HALVINGS = 40


class Component(Protocol):
    """A symmetric standard density that is a Gaussian scale mixture: z ~ N(0, V) with a random V.

    A component of your own is a frozen dataclass with these methods.
    """

    def log_density(self, z: Array) -> Array:
        """Logarithm of the density g(z), elementwise, in nats, of any shape."""
        ...

    def cdf(self, z: Array) -> Array:
        """Distribution function at z ≤ 0, to within a few rounding errors of itself."""
        ...

    def precision(self, z: Array) -> Array:
        """Mean precision E[1/V | z] = −g'(z) / (z g(z)), the weight of a row in EM."""
        ...


@dataclass(frozen=True)
class Normal:
    """Standard normal components: V = 1.

    Examples
    --------
    >>> Normal().cdf(jnp.array(0.0)).item(), Normal().precision(jnp.array(2.0)).item()
    (0.5, 1.0)
    """

    def log_density(self, z: Array) -> Array:
        return -0.5 * z**2 - 0.5 * math.log(2 * math.pi)

    def cdf(self, z: Array) -> Array:
        return 0.5 * erfc(-math.sqrt(0.5) * z)

    def precision(self, z: Array) -> Array:
        return jnp.ones_like(z)


@dataclass(frozen=True)
class Logistic:
    """Standard logistic components, g(z) = 1 / (4 cosh²(z/2)): heavier tails.

    V is the square of twice a Kolmogorov variable, and E[1/V | z] = tanh(z/2) / z. A few of them do not add
    up to a normal law: once the coordinates are normal, each further layer costs a little.

    References
    ----------
    Andrews and Mallows, "Scale mixtures of normal distributions", Journal of the Royal Statistical
    Society B 36 (1974).

    Examples
    --------
    >>> Logistic().cdf(jnp.array(0.0)).item(), Logistic().precision(jnp.array(0.0)).item()
    (0.5, 0.5)
    """

    def log_density(self, z: Array) -> Array:
        return -jnp.abs(z) - 2 * jnp.log1p(jnp.exp(-jnp.abs(z)))

    def cdf(self, z: Array) -> Array:
        return jax.nn.sigmoid(z)

    def precision(self, z: Array) -> Array:
        safe = jnp.where(z == 0, 1, z)
        return jnp.where(z == 0, 0.5, jnp.tanh(0.5 * safe) / safe)


class MixtureCDFMap(eqx.Module):
    """Send each coordinate through y = Φ⁻¹(F(x)), F the distribution function of a mixture.

    With components g_c of weight w_c, location μ_c and scale s_c,

        F(x) = Σ_c w_c G((x − μ_c)/s_c),    dy/dx = f(x) / φ(y).

    A straight line through the ends of the map has a share of 0.003 in it, so that it rises between the modes
    of the mixture too. Beyond its bounds the map continues linearly with the slope there, or with that
    between the bounds where this is less.

    Parameters
    ----------
    log_weights, locations, log_scales : Array, shape (C, D)
        C components; weights are normalised by a softmax over the first axis.
    lower, upper : Array, shape (D,)
        Bounds beyond which the map is linear; constants for derivatives.
    component : Component
        Shape of the components.

    Examples
    --------
    >>> two = jnp.array([[-1.0], [1.0]])
    >>> bound = jnp.array([3.0])
    >>> bimodal = MixtureCDFMap(jnp.zeros((2, 1)), two, jnp.zeros((2, 1)) - 1, -bound, bound, Normal())
    >>> y, _ = bimodal.forward(jnp.array([1.0]))
    >>> x, _ = bimodal.inverse(y)
    >>> round(y.item(), 2), round(x.item(), 2)
    (0.68, 1.0)
    """

    log_weights: Array
    locations: Array
    log_scales: Array
    lower: Array
    upper: Array
    component: Component = eqx.field(static=True)

    # Some hundred operations: outside of any jit they would be compiled one by one.
    @eqx.filter_jit
    def forward(self, x: Array) -> tuple[Array, Array]:
        bounds = self._bounds()
        inside = jnp.clip(x, bounds.x0, bounds.x1)
        outside = x - inside
        y, slope = self._inside(inside, bounds)
        tail = jnp.minimum(slope, bounds.secant)
        return y + tail * outside, jnp.log(jnp.where(outside == 0, slope, tail)).sum()

    @eqx.filter_jit
    def inverse(self, y: Array) -> tuple[Array, Array]:
        bounds = self._bounds()
        inside = jnp.clip(y, bounds.y0, bounds.y1)
        outside = y - inside
        x = self._solve(inside, bounds)
        _, slope = self._inside(x, bounds)
        tail = jnp.minimum(slope, bounds.secant)
        return x + outside / tail, -jnp.log(jnp.where(outside == 0, slope, tail)).sum()

    def score(self, x: Array) -> tuple[Array, Array]:
        """Φ⁻¹(F(x)) and its slope, (D,) each, at x (D,)."""
        cdf, survival, density = self._levels(x)
        score = normal_score(jnp.maximum(cdf, _LEAST_LEVEL), jnp.maximum(survival, _LEAST_LEVEL))
        slope = density * (math.sqrt(2 * math.pi) * jnp.exp(0.5 * score**2))
        return score, jnp.where(jnp.minimum(cdf, survival) > _LEAST_LEVEL, slope, 0)

    def _levels(self, x: Array) -> tuple[Array, Array, Array]:
        """Distribution function, survival function and density: sums of positive terms, exact near 0."""
        z = (x[None] - self.locations) * jnp.exp(-self.log_scales)
        left = z < 0
        tail = self.component.cdf(jnp.where(left, z, -z))
        weights = jax.nn.softmax(self.log_weights, 0)
        cdf = (weights * jnp.where(left, tail, 1 - tail)).sum(0)
        survival = (weights * jnp.where(left, 1 - tail, tail)).sum(0)
        density = weights * jnp.exp(self.component.log_density(z) - self.log_scales)
        return cdf, survival, density.sum(0)

    def _bounds(self) -> "_Bounds":
        x0, x1 = ends = lax.stop_gradient((self.lower, self.upper))
        y0, y1 = jax.vmap(self.score)(jnp.stack(ends))[0]
        return _Bounds(x0, x1, y0, y1, (y1 - y0) / (x1 - x0))

    def _inside(self, x: Array, bounds: "_Bounds") -> tuple[Array, Array]:
        """Height and slope between the bounds."""
        score, slope = self.score(x)
        line = bounds.y0 + bounds.secant * (x - bounds.x0)
        share = _LINEAR_SHARE
        return (1 - share) * score + share * line, (1 - share) * slope + share * bounds.secant

    def _solve(self, y: Array, bounds: "_Bounds") -> Array:
        """Point between the bounds at height y."""
        # The last step of Newton has the derivatives of the inverse function: the search needs none.
        fixed, fixed_y, fixed_bounds = lax.stop_gradient((self, y, bounds))
        root = fixed._search(fixed_y, fixed_bounds)
        height, slope = self._inside(root, bounds)
        return root - (height - y) / slope

    def _search(self, y: Array, bounds: "_Bounds") -> Array:
        """Newton, within a bracket that each step narrows; a step out of it halves it instead."""

        def step(_: int, state: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
            low, high, x = state
            height, slope = self._inside(x, bounds)
            low, high = jnp.where(height < y, x, low), jnp.where(height < y, high, x)
            newton = x - (height - y) / slope
            within = (low <= newton) & (newton <= high)
            return low, high, jnp.where(within, newton, 0.5 * (low + high))

        return lax.fori_loop(0, _NEWTON_STEPS, step, self._bracket(y, bounds))[2]

    def _bracket(self, y: Array, bounds: "_Bounds") -> tuple[Array, Array, Array]:
        """Neighbours on a grid around the point at height y, and a first guess between them."""
        # The grid does not depend on y: a batch of points shares it.
        steps = jnp.asarray(_GRID, y.dtype)[:, None, None] * jnp.exp(self.log_scales)[None]
        grid = jnp.clip(
            (self.locations[None] + steps).reshape(-1, y.shape[0]), bounds.x0[None], bounds.x1[None]
        )
        grid = jnp.sort(jnp.concatenate([bounds.x0[None], grid, bounds.x1[None]]), axis=0)
        heights, _ = jax.vmap(self._inside, (0, None))(grid, bounds)
        below = jnp.clip((heights <= y[None]).sum(0) - 1, 0, grid.shape[0] - 2)[None]
        low, y0 = (jnp.take_along_axis(table, below, 0)[0] for table in (grid, heights))
        high, y1 = (jnp.take_along_axis(table, below + 1, 0)[0] for table in (grid, heights))
        share = (y - y0) / jnp.where(y1 > y0, y1 - y0, 1)
        return low, high, low + (high - low) * jnp.clip(share, 0, 1)


class _Bounds(NamedTuple):
    """Bounds x0 and x1, the heights there and the slope between them, (D,) each."""

    x0: Array
    x1: Array
    y0: Array
    y1: Array
    secant: Array


class _Mixture(NamedTuple):
    log_weights: Array
    locations: Array
    log_scales: Array


@dataclass(frozen=True)
class MixtureCDF:
    """Fit a mixture to each coordinate by EM and map its distribution function to a normal one.

    Smoother than quantiles and with fewer parameters: better on few rows, worse where a density ends
    abruptly. Each step of EM is exact for any scale mixture: with responsibilities r and precisions ω,

        μ = Σ r ω x / Σ r ω,    s² = Σ r ω (x − μ)² / Σ r,    w = Σ r / N,

    so that the likelihood never falls. The rows are replaced by at most 512 quantiles, dense in the tails.
    Components start at equal steps of rank.

    Parameters
    ----------
    n_components : int
        Components C of each mixture, at least 1; fewer are used when N < 100 C.
    component : Component
        Their shape, ``Normal()`` or ``Logistic()``.
    n_steps : int
        Steps of EM, at least 1.

    Raises
    ------
    InputError
        If ``n_components`` or ``n_steps`` is below 1.

    References
    ----------
    Dempster, Laird and Rubin, "Iteratively reweighted least squares for linear regression when errors
    are normal/independent distributed", Multivariate Analysis V (1980), for EM on scale mixtures.
    Meng et al., "Gaussianization flows", AISTATS 2020, for layers of mixtures.

    Examples
    --------
    >>> x = jnp.exp(jax.random.normal(jax.random.key(0), (1000, 1)))
    >>> fitted = MixtureCDF(n_components=4).fit(jax.random.key(1), x)
    >>> y, _ = jax.vmap(fitted.forward)(x)
    >>> round(float(y.mean()), 1), round(float(y.std()), 1)
    (0.0, 1.0)
    """

    n_components: int = 8
    component: Component = Normal()
    n_steps: int = 100

    def __post_init__(self) -> None:
        check_at_least(1, {"n_components": self.n_components, "n_steps": self.n_steps})

    def n_parameters(self, n_samples: int) -> int:
        """Fitted numbers a coordinate: location, scale and weight of each component, less one."""
        return 3 * _fitting_components(n_samples, self.n_components) - 1

    def fit(self, key: Array, x: Array) -> MixtureCDFMap:
        """Fit to the rows of x (N, D); the key is not used."""
        return _fit(self, x)


@eqx.filter_jit
def _fit(spec: MixtureCDF, x: Array) -> MixtureCDFMap:
    ordered = sort_columns(x)
    least = _least_scale(ordered)
    ranks, masses = _nodes(x.shape[0])
    nodes = at_ranks(ordered, ranks)

    def step(_: int, mixture: _Mixture) -> _Mixture:
        return _em_step(spec.component, nodes, masses, least, mixture)

    start = _initial_mixture(ordered, spec.n_components, least)
    log_weights, locations, log_scales = lax.fori_loop(0, spec.n_steps, step, start)
    ends = ordered[0], ordered[-1]
    return _with_bounds(MixtureCDFMap(log_weights, locations, log_scales, *ends, spec.component), least)


def _em_step(component: Component, nodes: Array, masses: np.ndarray, least: Array, old: _Mixture) -> _Mixture:
    """One step on the nodes (M, D) of the masses (M,); no scale falls below the least (D,)."""
    tiny = jnp.finfo(nodes.dtype).tiny
    distances = nodes[None] - old.locations[:, None]
    z = distances * jnp.exp(-old.log_scales)[:, None]
    log_joint = component.log_density(z) + (old.log_weights - old.log_scales)[:, None]
    shares = jax.nn.softmax(log_joint, 0) * jnp.asarray(masses, nodes.dtype)[None, :, None]
    weights = shares.sum(1)
    pulls = shares * component.precision(z)
    total = pulls.sum(1)
    # Around the old locations: the distance of the rows from zero costs no digits.
    shift = (pulls * distances).sum(1) / (total + tiny)
    squares = (pulls * distances**2).sum(1) - total * shift**2
    variances = jnp.maximum(squares / (weights + tiny), least[None] ** 2)
    return _Mixture(jnp.log(weights + tiny), old.locations + shift, 0.5 * jnp.log(variances))


def _nodes(n_rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Ranks and masses (M,) of the quantiles that stand for the rows: all of them if they are few.

    Otherwise they lie at equal steps of the normal coordinate, from the first row to the last, so that
    a tail has as many as it has rows.
    """
    if n_rows <= _NODES:
        return np.arange(n_rows), np.full(n_rows, 1 / n_rows)
    normal = NormalDist()
    scores = np.linspace(normal.inv_cdf(0.5 / n_rows), -normal.inv_cdf(0.5 / n_rows), _NODES)
    levels = np.array([normal.cdf(score) for score in scores])
    between = [normal.cdf(score) for score in (scores[1:] + scores[:-1]) / 2]
    return n_rows * levels - 0.5, np.diff([0, *between, 1])


def _fitting_components(n_rows: int, n_components: int) -> int:
    return max(1, min(n_components, n_rows // _ROWS_PER_COMPONENT))


def _initial_mixture(ordered: Array, n_components: int, least: Array) -> _Mixture:
    """Equal weights, locations in the middle of equal steps of rank, scales half as wide as these steps."""
    n = ordered.shape[0]
    n_components = _fitting_components(n, n_components)
    locations = at_ranks(ordered, n * (np.arange(n_components) + 0.5) / n_components - 0.5)
    edges = np.clip(n * np.arange(n_components + 1) / n_components - 0.5, 0, n - 1)
    scales = jnp.maximum(jnp.diff(at_ranks(ordered, edges), axis=0) / 2, least[None])
    return _Mixture(jnp.full_like(locations, -math.log(n_components)), locations, jnp.log(scales))


def _least_scale(ordered: Array) -> Array:
    n = ordered.shape[0]
    quartiles = at_ranks(ordered, n * np.array([0.25, 0.75]) - 0.5)
    of_middle = _NARROWEST * (quartiles[1] - quartiles[0]) / 1.34
    of_range = _NARROWEST_IN_RANGE * (ordered[-1] - ordered[0])
    return jnp.maximum(jnp.maximum(of_middle, of_range), least_width(ordered))


def _with_bounds(fitted: MixtureCDFMap, least: Array) -> MixtureCDFMap:
    """Move the bounds inwards from the first and last row to where a tail has the mass of the tail level."""
    scores = jnp.asarray([[-_TAIL_SCORE], [_TAIL_SCORE]], least.dtype)

    def halve(_: int, bracket: tuple[Array, Array]) -> tuple[Array, Array]:
        middle = (bracket[0] + bracket[1]) / 2
        below = jax.vmap(fitted.score)(middle)[0] < scores
        return jnp.where(below, middle, bracket[0]), jnp.where(below, bracket[1], middle)

    brackets = jnp.stack([fitted.lower] * 2), jnp.stack([fitted.upper] * 2)
    low, high = lax.fori_loop(0, _HALVINGS, halve, brackets)
    # A step further, so that the slope does not jump on a row.
    return dataclasses.replace(fitted, lower=low[0] - least, upper=high[1] + least)
