"""Layer counts at a D that was not run, with an interval that holds a new run of one seed."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from gscale.analysis.censoring import filled_by
from gscale.analysis.intervals import UNKNOWN, Estimate
from gscale.analysis.replicates import Sample
from gscale.analysis.scaling_laws import fit_line, fit_power

_PARAMETERS = {"constant": 1, "log": 2, "linear": 2, "power": 2, "linear × log": 2}


@dataclass(frozen=True)
class Prediction:
    """Layers at one D with a 95 % prediction interval; ``extrapolated`` where D is outside of those run."""

    dim: int
    layers: Estimate
    extrapolated: bool

    def __str__(self) -> str:
        return f"{self.layers}{' (extrapolated)' if self.extrapolated else ''}"


def predict_layers(sample: Sample, dim: int) -> Prediction:
    """Predict the layers that a new run of one seed needs at some D.

    The interval is that of draws. Each resamples the seeds, takes one of the laws "constant", "log",
    "linear", "power" and aD + b·D log D as often as the Akaike weights of the means say (AIC: with few D they
    are nearly alike), fits it to means that are off by as much as the law misses, and adds that again at the
    new D, and what single seeds scatter. The value is the draws' median. The last law is that of D layers per
    e-fold from a loss that grows with D down to one that does not.

    Parameters
    ----------
    sample : Sample
        Counts of the seeds at each D, some of them censored.
    dim : int
        The D to predict for.

    References
    ----------
    Burnham and Anderson, "Model selection and multimodel inference", 2002, section 2.9, for Akaike weights.

    Examples
    --------
    >>> counts = {d: 2 + 0.5 * d + np.array([-0.1, 0.0, 0.1]) for d in (2, 4, 8, 16, 32, 64, 128)}
    >>> print(predict_layers(Sample.of(counts), 24))
    14.004 [13.702, 14.312]
    >>> predict_layers(Sample.of(counts), 256).extrapolated
    True
    """
    outside = not sample.dims.min() <= dim <= sample.dims.max()
    if (~np.isnan(sample.means)).sum() < 2:
        return Prediction(dim, UNKNOWN, outside)
    rng = np.random.default_rng(0)  # the same table gives the same interval

    def line(means: np.ndarray) -> np.ndarray:
        return _values("linear", sample.dims, means, sample.dims)

    means = filled_by(line, sample.means, sample.bounds, sample.scatter_at)
    resampled = np.where(np.isnan(drawn := sample.resampled(means)), means, drawn)
    resampled = np.maximum(resampled, means / 10)  # chance may draw below zero, where no count is
    noise = _noise(sample, means)
    spreads = {law: _spread(law, sample, means) for law in _PARAMETERS}
    chosen = rng.choice(list(spreads), len(resampled), p=_weights(spreads, noise, len(means)))
    at = np.array([float(dim)])
    layers = np.empty(len(resampled))
    for law in np.unique(chosen):
        drawn = resampled[chosen == law]
        misfit = _misfits(rng, law, math.sqrt(max(spreads[law] ** 2 - noise, 0)), drawn)
        drawn = _values(law, sample.dims, misfit(drawn), at)
        alone = 0.0 if sample.scatter is None else sample.scatter.drawn(rng, drawn[:, 0])
        layers[chosen == law] = misfit(drawn)[:, 0] + alone
    low, middle, high = np.percentile(layers, [2.5, 50, 97.5])
    return Prediction(dim, Estimate(float(middle), max(float(low), 0.0), float(high)), outside)


def _values(law: str, dims: np.ndarray, means: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A law fitted to means (…, number of D), at other D."""
    if law == "power":
        log_factor, exponent = fit_power(dims, means)
        return np.exp(log_factor[..., None] + exponent[..., None] * np.log(at))
    if law == "constant":
        weights = 1 / np.maximum(means, 1)
        return ((weights * means).sum(-1) / weights.sum(-1))[..., None] * np.ones_like(at)
    if law == "linear × log":
        weights = dims**2 / np.maximum(means, 1)  # of means/D
        intercept, slope = _weighted_line(np.log(dims), means / dims, weights)
        return at * (intercept[..., None] + slope[..., None] * np.log(at))
    x, x_at = (np.log(dims), np.log(at)) if law == "log" else (dims, at)
    intercept, slope = fit_line(x, means)
    return intercept[..., None] + slope[..., None] * x_at


def _weighted_line(x: np.ndarray, y: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    shares = weights / weights.sum(-1, keepdims=True)
    mean = (shares * x).sum(-1, keepdims=True)
    slope = (shares * (x - mean) * y).sum(-1) / (shares * (x - mean) ** 2).sum(-1)
    return (shares * y).sum(-1) - slope * mean[..., 0], slope


def _misfits(
    rng: np.random.Generator, law: str, size: float, drawn: np.ndarray
) -> Callable[[np.ndarray], np.ndarray]:
    """Adds what a law misses of means, of a size over √mean that is known from few D: Student's law."""
    freedom = max(drawn.shape[1] - _PARAMETERS[law], 1)
    sizes = size * np.sqrt(freedom / rng.chisquare(freedom, (len(drawn), 1)))

    def missed(means: np.ndarray) -> np.ndarray:
        off = sizes * np.sqrt(np.maximum(means, 1)) * rng.standard_normal(means.shape)
        return np.maximum(means + off, means / 10)  # never below zero, where no count is

    return missed


def _spread(law: str, sample: Sample, means: np.ndarray) -> float:
    """Standard deviation of the means about a law, over √mean."""
    residuals = (means - _values(law, sample.dims, means, sample.dims)) / np.sqrt(np.maximum(means, 1))
    return math.sqrt((residuals @ residuals) / max(len(means) - _PARAMETERS[law], 1))


def _noise(sample: Sample, means: np.ndarray) -> float:
    """Variance of the means over means, from the scatter of seeds."""
    n_seeds = np.array([len(counts) for counts in sample.counts])
    return float((sample.scatter_at(means) ** 2 / (n_seeds * np.maximum(means, 1))).mean())


def _weights(spreads: dict[str, float], noise: float, n_dims: int) -> np.ndarray:
    """Akaike weights of the laws; what seeds scatter by is no reason to prefer one."""
    variances = np.maximum(np.square(list(spreads.values())), max(noise, np.finfo(float).eps))
    aic = n_dims * np.log(variances) + 2 * np.array([_PARAMETERS[law] for law in spreads])
    aic[np.isnan(aic)] = np.inf  # no power law goes through counts of 0
    shares = np.exp(-0.5 * (aic - aic.min()))
    return shares / shares.sum()
