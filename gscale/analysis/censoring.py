"""Censored counts, known only to be above a depth: means and fits by maximum likelihood."""

from collections.abc import Callable

import numpy as np
from scipy.special import log_ndtr, ndtri

Map = Callable[[np.ndarray], np.ndarray]

_MOST_STEPS = 100
_TOLERANCE = 1e-3  # of the scatter: far below what chance does
_FAR = 1e5  # beyond, the hazard of a normal law at z is z to ten digits


def mean_above(mean: np.ndarray, scatter: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Mean of a normal variable that is known to be above a limit; without scatter, the larger of the two.

    Parameters
    ----------
    mean, scatter, limit : array, shape (…)
        Mean and standard deviation of the variable, and what it is above.

    Returns
    -------
    array, shape (…)

    References
    ----------
    Johnson, Kotz and Balakrishnan, "Continuous univariate distributions" 1 (1994), section 13.10.1.

    Examples
    --------
    >>> print(mean_above(np.array([0.0]), np.array([1.0]), np.array([0.0])).round(4), (2 / np.pi) ** 0.5)
    [0.7979] 0.7978845608028654
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        above = mean + scatter * _hazard((limit - mean) / scatter)
    return np.where(np.isfinite(above), np.maximum(above, limit), np.maximum(mean, limit))


def means_over_seeds(counts: np.ndarray, limits: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """Maximum-likelihood means (…) of normal counts (…, S), NaN where they are above their limits.

    The scatter (…) is known. With every seed above its limit the mean has no finite value: NaN.

    References
    ----------
    Tobin, "Estimation of relationships for limited dependent variables", Econometrica 26 (1958).

    Examples
    --------
    >>> counts, limits = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, np.nan]]), np.full((2, 3), 2.5)
    >>> print(means_over_seeds(counts, limits, np.array([1.0, 1.0])).round(2))
    [2.   2.05]
    """
    if counts.ndim == 1:
        return means_over_seeds(counts[None], limits, scatter[None])[0]
    unknown = np.isnan(counts)
    filled = np.where(unknown, limits, counts)
    means = filled.mean(-1)
    mixed = unknown.any(-1) & ~unknown.all(-1) & (scatter > 0)
    if mixed.any():
        means[mixed] = _newton(filled[mixed], unknown[mixed], means[mixed], scatter[mixed][..., None])
    return np.where(unknown.all(-1), np.nan, means)


def scatter_below(share: float) -> float:
    """Standard deviation of the lowest share of a standard normal variable.

    Examples
    --------
    >>> round(scatter_below(0.5), 4), round((1 - 2 / np.pi) ** 0.5, 4), scatter_below(1.0)
    (0.6028, 0.6028, 1.0)
    """
    if share == 1:
        return 1.0
    z = ndtri(share)
    hazard = _hazard(-z)
    return float(np.sqrt(1 - hazard * (hazard + z)))


def filled_by(predict: Map, means: np.ndarray, bounds: np.ndarray, scatter: Map) -> np.ndarray:
    """Means (…, number of D), where they are NaN what a fit makes of them, given that they are above bounds.

    Parameters
    ----------
    predict : callable
        Fits means without a gap, and returns its values at the same D.
    means, bounds : array, shape (…, number of D)
        The means, and what those are above that are NaN.
    scatter : callable
        The standard deviation of a seed at such means.

    References
    ----------
    Dempster, Laird and Rubin, "Maximum likelihood from incomplete data via the EM algorithm", Journal of the
    Royal Statistical Society B 39 (1977), of which this is the expectation step.
    """
    if means.ndim == 1:
        return filled_by(predict, means[None], bounds, scatter)[0]
    unknown = np.isnan(means)
    filled = np.where(unknown, bounds, means)
    moving = unknown.any(-1)
    for _ in range(_MOST_STEPS):
        if not moving.any():
            break
        before, spread = filled[moving], scatter(filled[moving])
        above = np.where(unknown[moving], mean_above(predict(before), spread, bounds), before)
        filled[moving] = above
        moving[moving] = (np.abs(above - before) > _TOLERANCE * spread).any(-1)
    return filled


def _newton(filled: np.ndarray, unknown: np.ndarray, means: np.ndarray, scatter: np.ndarray) -> np.ndarray:
    """The root of the score, which is concave: from below in a few steps."""
    for _ in range(8):
        z = (filled - means[..., None]) / scatter
        hazard = _hazard(z)
        score = np.where(unknown, hazard, z).sum(-1)
        with np.errstate(over="ignore"):  # of a scatter that is next to nothing
            slope = np.where(unknown, hazard * (hazard - z), 1.0).sum(-1)
        means = means + scatter[..., 0] * score / slope
    return means


def _hazard(z: np.ndarray) -> np.ndarray:
    """Density of the standard normal law over its mass above z."""
    near = np.clip(z, -_FAR, _FAR)
    return np.where(z > _FAR, z, np.exp(-0.5 * near**2 - log_ndtr(-near)) / np.sqrt(2 * np.pi))
