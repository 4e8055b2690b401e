"""Laws: how layer counts grow with D, with intervals."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import t as student_t

LAWS = ("constant", "log", "linear", "power")

_RESAMPLES = 2000


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        digits = 3 if not max(map(abs, (self.value, self.low, self.high))) < 0.01 else 5
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


_UNKNOWN = Estimate(math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class ScalingFit:
    """layers = intercept + slope·D and layers ∝ D^exponent, with intervals over seeds.

    ``aicc`` compares the laws "constant", "log", "linear" and "power", lower is better; ``law`` is the best,
    None where there are too few dimensions to tell.
    """

    slope: Estimate
    intercept: Estimate
    exponent: Estimate
    law: str | None
    aicc: dict[str, float]


def fit_scaling(layers: dict[int, np.ndarray]) -> ScalingFit:
    """Fit layer counts of several seeds at several D.

    The line is least squares on the means over seeds with weights 1/max(mean, 1)², since counts scatter
    in proportion to their size; the exponent is fitted where they are above zero. Intervals are from a
    bootstrap over seeds within each D, with residuals widened by √(S/(S−1)) because S seeds underestimate
    their own spread. Seeds without a count (NaN) are left out; a D without any is.

    Parameters
    ----------
    layers : dict of int to array
        Layer counts of the seeds at each D.

    Examples
    --------
    >>> counts = {d: 2 + 0.5 * d + np.array([-0.1, 0.0, 0.1]) for d in (2, 4, 8, 16, 32, 64, 128)}
    >>> fit = fit_scaling(counts)
    >>> round(fit.slope.value, 6), fit.slope.low < 0.5 < fit.slope.high, fit.law
    (0.5, True, 'linear')
    """
    counts = {dim: n[~np.isnan(n)] for dim, n in layers.items() if not np.isnan(n).all()}
    dims = np.array(sorted(counts), float)
    if len(dims) < 2:
        return ScalingFit(_UNKNOWN, _UNKNOWN, _UNKNOWN, None, {})
    means = np.array([counts[int(dim)].mean() for dim in dims])
    resampled = _resampled_means([counts[int(dim)] for dim in dims])
    laws = compare_laws(dims, means)
    line, lines = fit_line(dims, means), fit_line(dims, resampled)
    positive = means > 0
    return ScalingFit(
        _interval(line[1], lines[1]),
        _interval(line[0], lines[0]),
        _interval(*(_exponent(dims[positive], m[..., positive]) for m in (means, resampled))),
        min(laws, key=laws.__getitem__) if laws else None,
        laws,
    )


def compare_laws(dims: np.ndarray, means: np.ndarray) -> dict[str, float]:
    """AICc of constant, logarithmic, linear and power laws, on relative residuals; lower is better.

    Empty where there are fewer than 7 dimensions (with less, AICc takes the constant whatever they say) or
    a count is 0.
    """
    n = len(dims)
    if n < 7 or (means <= 0).any():
        return {}
    smallest = n * np.finfo(float).eps ** 2  # an exact law has rounding for residuals
    squares = {law: max(_fit_law(law, dims, means)[1], smallest) for law in LAWS}
    parameters = {law: (2 if law == "constant" else 3) for law in LAWS}  # the scatter is one
    return {
        law: n * math.log(squares[law] / n) + 2 * k + 2 * k * (k + 1) / (n - k - 1)
        for law, k in parameters.items()
    }


def crossing(first: dict[int, np.ndarray], second: dict[int, np.ndarray]) -> Estimate:
    """The D where power laws through two sets of positive numbers meet, with its interval over seeds.

    Beyond it, or below, ``first`` is the larger. NaN with fewer than 2 dimensions on either side; an
    interval may reach to 0 or infinity where the exponents can't be told apart. Outside of the dimensions at
    hand it is an extrapolation.

    Examples
    --------
    >>> linear = {d: d * np.array([0.45, 0.5, 0.55]) for d in (4, 8, 16)}
    >>> constant = {d: np.array([2.9, 3.0, 3.1]) for d in (4, 8, 16)}
    >>> found = crossing(linear, constant)
    >>> round(found.value, 6), found.low < 6 < found.high
    (6.0, True)
    """
    lines = []
    for counts in (first, second):
        dims = np.array(sorted(dim for dim, n in counts.items() if (n > 0).all()))
        if len(dims) < 2:
            return _UNKNOWN
        values = [counts[int(dim)] for dim in dims]
        means = np.vstack([[n.mean() for n in values], _resampled_means(values)])
        centred = np.log(dims) - np.log(dims).mean()
        logs = np.log(np.maximum(means, np.finfo(float).tiny))
        slope = (centred * logs).sum(1) / (centred**2).sum()
        lines.append((logs.mean(1) - slope * np.log(dims).mean(), slope))
    (a1, b1), (a2, b2) = lines
    with np.errstate(divide="ignore", over="ignore", invalid="ignore"):
        meet = np.exp((a2 - a1) / (b1 - b2))
    return _interval(meet[0], meet[1:])


def predict(law: str, dims: np.ndarray, means: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Layer counts at other dimensions by a law fitted to the means at ``dims``."""
    (power, *coefficients), _ = _fit_law(law, dims, means)
    return _features(law, at, power) @ coefficients


def _features(law: str, dims: np.ndarray, power: float) -> np.ndarray:
    one = np.ones_like(dims)
    columns = {"constant": [one], "log": [one, np.log(dims)], "linear": [one, dims], "power": [dims**power]}
    return np.stack(columns[law], 1)


def _fit_law(law: str, dims: np.ndarray, means: np.ndarray) -> tuple[tuple[float, ...], float]:
    """Power and coefficients of a law, and the sum of its squared relative residuals."""
    scale = np.maximum(means, 1)

    def solve(power: float) -> tuple[tuple[float, ...], float]:
        design, relative = _features(law, dims, power) / scale[:, None], means / scale
        coefficients, *_ = np.linalg.lstsq(design, relative, rcond=None)
        return (power, *coefficients), float(((design @ coefficients - relative) ** 2).sum())

    if law != "power":
        return solve(1.0)
    return solve(minimize_scalar(lambda power: solve(power)[1], bounds=(-1, 3), method="bounded").x)


def _resampled_means(counts: list[np.ndarray]) -> np.ndarray:
    """Means over bootstrap samples of the seeds of each D, (R, number of D)."""
    rng = np.random.default_rng(0)  # the same table gives the same interval
    columns = []
    for n in counts:
        widen = math.sqrt(len(n) / max(len(n) - 1, 1))
        residuals = (n - n.mean()) * widen
        columns.append(n.mean() + rng.choice(residuals, (_RESAMPLES, len(n))).mean(1))
    return np.stack(columns, 1)


def fit_line(dims: np.ndarray, means: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Intercept and slope of a + b·D for means (…, number of D), weighted by 1/max(mean, 1)²."""
    weights = 1 / np.maximum(means, 1) ** 2
    total = weights.sum(-1)
    mean_dim = (weights * dims).sum(-1) / total
    centred = dims - mean_dim[..., None]
    slope = (weights * centred * means).sum(-1) / (weights * centred**2).sum(-1)
    return (weights * means).sum(-1) / total - slope * mean_dim, slope


def _exponent(dims: np.ndarray, means: np.ndarray) -> np.ndarray:
    """Slope of log layers against log D; NaN where a count is not positive."""
    if len(dims) < 2:
        return np.full(means.shape[:-1], np.nan)
    centred = np.log(dims) - np.log(dims).mean()
    logs = np.log(np.where(means > 0, means, np.nan))
    return (centred * logs).sum(-1) / (centred**2).sum()


def half_width(counts: np.ndarray) -> float:
    """Half of a mean's 95 % interval, by Student's t; 0 where one seed gives none.

    Examples
    --------
    >>> round(half_width(np.array([1.0, 2.0, 3.0])), 3)
    2.484
    """
    n = len(counts)
    return 0.0 if n < 2 else float(student_t.ppf(0.975, n - 1) * counts.std(ddof=1) / math.sqrt(n))


def _interval(value: np.ndarray, resampled: np.ndarray) -> Estimate:
    low, high = np.percentile(resampled, [2.5, 97.5])
    return Estimate(float(value), float(low), float(high))
