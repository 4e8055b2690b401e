"""Laws: how layer counts grow with D, with intervals."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_ndtr

from gscale.analysis.censoring import filled_by, mean_above
from gscale.analysis.intervals import UNKNOWN, Estimate, interval
from gscale.analysis.replicates import Counts, Sample

_NEVER = 1e15  # the D where lines cross that are parallel

LAWS = ("constant", "log", "linear", "power")

_STEPS = 80  # of expectation–maximisation, see `filled_by`

Fit = Callable[[np.ndarray, np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class ScalingFit:
    """layers = intercept + slope·D and layers ∝ D^exponent, with intervals over seeds.

    ``aicc`` compares the laws "constant", "log", "linear" and "power", lower is better; ``law`` is the best,
    None where there are too few dimensions to tell, and "constant" unless another is better by 2 (Burnham &
    Anderson, *Model selection and multimodel inference*, 2002, section 2.6). Intervals are NaN where no D has
    two seeds that tell their scatter, and all is NaN where fewer than two D have a count.
    """

    slope: Estimate
    intercept: Estimate
    exponent: Estimate
    law: str | None
    aicc: dict[str, float]


def fit_scaling(layers: Counts, depths: Counts | None = None) -> ScalingFit:
    """Fit layer counts of several seeds at several D.

    The line is least squares on the means over seeds with weights 1/max(mean, 1): the variance of a waiting
    time grows like its mean. The exponent is that of least squares on logarithms, all D alike. Intervals are
    from a bootstrap over seeds within each D: residuals are widened by √(S/(S−1)), because S seeds
    underestimate their own spread, and intervals by what Student's t has over the normal law.

    A seed that did not reach the target (NaN) counts as one that needs more layers than the depth it was
    followed to: the mean of its D is that of a normal law cut there, with the scatter that all D lead to
    expect there; where no seed reached it, it is what the fit makes of it, given that it is above the depth.

    Parameters
    ----------
    layers : dict of int to array, shape (S,)
        Layer counts of the seeds at each D, NaN where the target was not reached.
    depths : dict of int to array, shape (S,), optional
        The depths to which the seeds were followed. Without them, seeds without a count are left out, and
        so is a D without any.

    References
    ----------
    Tobin, "Estimation of relationships for limited dependent variables", Econometrica 26 (1958).
    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics 2 (1946).

    Examples
    --------
    >>> counts = {d: 2 + 0.5 * d + np.array([-0.1, 0.0, 0.1]) for d in (2, 4, 8, 16, 32, 64, 128)}
    >>> fit = fit_scaling(counts)
    >>> round(fit.slope.value, 6), fit.slope.low < 0.5 < fit.slope.high, fit.law
    (0.5, True, 'linear')
    >>> cut = {d: np.where(n > 60, np.nan, n) for d, n in counts.items()}  # D = 128 needs more
    >>> print(round(fit_scaling(cut, {d: np.full(3, 60) for d in counts}).slope.value, 3))
    0.5
    """
    sample = Sample.of(layers, depths)
    if (~np.isnan(sample.means)).sum() < 2:
        return ScalingFit(UNKNOWN, UNKNOWN, UNKNOWN, None, {})
    intercept, slope = _estimates(sample, fit_line, _line)
    _, exponent = _estimates(sample, fit_power, _power)
    laws = compare_laws(sample.dims, sample.means, sample.bounds)
    return ScalingFit(slope, intercept, exponent, _chosen(laws), laws)


def compare_laws(dims: np.ndarray, means: np.ndarray, bounds: np.ndarray | None = None) -> dict[str, float]:
    """AICc of constant, logarithmic, linear and power laws, for variances like max(mean, 1); lower is better.

    A mean that is NaN counts by its chance to be above its bound. Empty where there are fewer than 7
    dimensions (with less, AICc takes the constant whatever they say) or a count is 0.

    Parameters
    ----------
    dims, means, bounds : array, shape (n,)
        D, mean counts, and what means are above that are NaN.

    References
    ----------
    Hurvich and Tsai, "Regression and time series model selection in small samples", Biometrika 76 (1989).
    """
    n = len(dims)
    if n < 7 or (means <= 0).any() or np.isnan(means).sum() > n - 4:
        return {}
    bounds = np.zeros(n) if bounds is None else np.where(np.isnan(means), bounds, 0)
    deviance = {law: -2 * _log_likelihood(law, dims, means, bounds) for law in LAWS}
    parameters = {law: (2 if law == "constant" else 3) for law in LAWS}  # the scatter is one
    return {law: deviance[law] + 2 * k + 2 * k * (k + 1) / (n - k - 1) for law, k in parameters.items()}


def _chosen(aicc: dict[str, float]) -> str | None:
    """The best law; the constant also where another one is better by less than 2, as chance makes it."""
    if not aicc:
        return None
    best = min(aicc, key=aicc.__getitem__)
    return "constant" if aicc["constant"] < aicc[best] + 2 else best


def crossing(first: Counts, second: Counts) -> Estimate:
    """The D where power laws through two sets of positive numbers (S,) at each D meet, with its interval.

    Beyond it, or below, ``first`` is the larger. NaN with fewer than 2 dimensions on either side; an
    interval may reach to 0 or 10¹⁵ where the exponents can't be told apart. Outside of the dimensions at
    hand it is an extrapolation.

    Examples
    --------
    >>> linear = {d: d * np.array([0.45, 0.5, 0.55]) for d in (4, 8, 16)}
    >>> constant = {d: np.array([2.9, 3.0, 3.1]) for d in (4, 8, 16)}
    >>> meeting = crossing(linear, constant)
    >>> round(meeting.value, 6), meeting.low < 6 < meeting.high
    (6.0, True)
    """
    lines = []
    for counts in (first, second):
        sample = Sample.of({dim: n for dim, n in counts.items() if (n > 0).all()})
        if len(sample.dims) < 2:
            return UNKNOWN
        lines.append(fit_power(sample.dims, np.vstack([sample.means, sample.resampled(sample.means)])))
    (a1, b1), (a2, b2) = lines
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        meet = np.minimum(np.exp((a2 - a1) / (b1 - b2)), _NEVER)
    return interval(meet[0], meet[1:])


def exponent(counts: Counts) -> float:
    """Exponent of a power law through positive numbers (S,) at each D; NaN with fewer than 2 dimensions.

    Examples
    --------
    >>> round(exponent({d: np.array([d**2.0]) for d in (2, 4, 8)}), 6)
    2.0
    """
    sample = Sample.of({dim: n for dim, n in counts.items() if (n > 0).all()})
    return float(fit_power(sample.dims, sample.means)[1])


def predict(law: str, dims: np.ndarray, means: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Layer counts (m,) at dimensions ``at`` (m,) by a law fitted to the means (n,) at ``dims`` (n,)."""
    return _fit_law(law, dims, means)(at)


def fit_line(dims: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope of a + b·D for means (…, number of D), weighted by 1/max(line, 1)."""
    fitted = means
    # weights from the means themselves would prefer those that are low by chance
    for _ in range(3):
        weights = 1 / np.maximum(fitted, 1)
        total = weights.sum(-1)
        mean_dim = (weights * dims).sum(-1) / total
        centred = dims - mean_dim[..., None]
        slope = (weights * centred * means).sum(-1) / (weights * centred**2).sum(-1)
        intercept = (weights * means).sum(-1) / total - slope * mean_dim
        fitted = _line(dims, intercept, slope)
    return intercept, slope


def fit_power(dims: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Logarithm of c and exponent of c·D^exponent for means (…, number of D), of D above 0 in the first."""
    used = np.atleast_2d(means)[0] > 0
    if used.sum() < 2:
        unknown = np.full(means.shape[:-1], np.nan)
        return unknown, unknown
    logs = np.log(np.maximum(means[..., used], np.finfo(float).tiny))
    centred = np.log(dims[used]) - np.log(dims[used]).mean()
    exponent = (centred * logs).sum(-1) / (centred**2).sum()
    with np.errstate(invalid="ignore"):  # of means that ran away
        return logs.mean(-1) - exponent * np.log(dims[used]).mean(), exponent


def _line(dims: np.ndarray, intercept: np.ndarray, slope: np.ndarray) -> np.ndarray:
    return intercept[..., None] + slope[..., None] * dims


def _power(dims: np.ndarray, log_factor: np.ndarray, exponent: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # censored at all D but one or two, a power has no bound
        return np.exp(log_factor[..., None] + exponent[..., None] * np.log(dims))


def _estimates(sample: Sample, fit: Fit, curve: Callable[..., np.ndarray]) -> list[Estimate]:
    """The coefficients of a fit with their intervals."""
    dims = sample.dims

    def fill(means: np.ndarray) -> np.ndarray:
        return filled_by(lambda m: curve(dims, *fit(dims, m)), means, sample.bounds, sample.scatter_at)

    means = fill(sample.means)
    values, resampled = fit(dims, means), fit(dims, fill(sample.resampled(means)))
    if sample.scatter is None:
        return [Estimate(float(value), math.nan, math.nan) for value in values]
    freedom = sample.freedom_of(means, lambda m: fit(dims, m))
    return [interval(float(v), r, f) for v, r, f in zip(values, resampled, freedom, strict=True)]


def _features(law: str, dims: np.ndarray, power: float) -> np.ndarray:
    one = np.ones_like(dims)
    columns = {"constant": [one], "log": [one, np.log(dims)], "linear": [one, dims], "power": [dims**power]}
    return np.stack(columns[law], 1)


def _fit_law(law: str, dims: np.ndarray, means: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """The law with the least squares, weighted by 1/max(mean, 1)."""
    scale = np.sqrt(np.maximum(means, 1))

    def solve(power: float) -> tuple[np.ndarray, float]:
        design, scaled = _features(law, dims, power) / scale[:, None], means / scale
        coefficients, *_ = np.linalg.lstsq(design, scaled, rcond=None)
        return coefficients, float(((design @ coefficients - scaled) ** 2).sum())

    power = 1.0
    if law == "power":
        power = minimize_scalar(lambda power: solve(power)[1], bounds=(-1, 3), method="bounded").x
    return lambda at: _features(law, at, power) @ solve(power)[0]


def _log_likelihood(law: str, dims: np.ndarray, means: np.ndarray, bounds: np.ndarray) -> float:
    """Of a law at its best, up to a constant.

    Residuals are normal with variances like max(mean, 1); a mean that is NaN counts by its chance to be above
    its bound.
    """
    unknown = np.isnan(means)
    filled, scatter = np.where(unknown, bounds, means), 0.0
    for _ in range(_STEPS if unknown.any() else 1):
        fitted, size = _fit_law(law, dims, filled)(dims), np.sqrt(np.maximum(filled, 1))
        filled = np.where(unknown, mean_above(fitted, scatter * size, bounds), means)
        # of a mean m above its bound b, about what is fitted f: E(m − f)² = σ² + (b − f)·E(m − f)
        cut = (scatter * size) ** 2 + (bounds - fitted) * (filled - fitted)
        squares = np.where(unknown, cut, (filled - fitted) ** 2) / size**2
        scatter = math.sqrt(max(squares.mean(), np.finfo(float).eps ** 2))  # an exact law leaves rounding
    residuals, margins = ((part - fitted) / (scatter * size) for part in (filled, bounds))
    density = -np.log(scatter * size) - residuals**2 / 2
    return float(np.where(unknown, log_ndtr(-margins), density).sum())
