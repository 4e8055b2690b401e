"""Layer counts at a D that was not run, with an interval that holds a new run of one seed."""

import math
from dataclasses import dataclass

import numpy as np

from gscale.bench.scaling.censored import filled_by
from gscale.bench.scaling.estimates import UNKNOWN, Estimate
from gscale.bench.scaling.laws import LAWS, fit_line, fit_power
from gscale.bench.scaling.samples import Sample

_PARAMETERS = {"constant": 1, "log": 2, "linear": 2, "power": 2}


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

    The interval is that of draws. Each resamples the seeds, takes one of the laws "constant", "log", "linear"
    and "power" as often as the Akaike weights of the means say (AIC: with few D they are nearly alike), and
    adds what single seeds scatter and what the law misses of the means. The value is the draws' median.

    Examples
    --------
    >>> counts = {d: 2 + 0.5 * d + np.array([-0.1, 0.0, 0.1]) for d in (2, 4, 8, 16, 32, 64, 128)}
    >>> print(predict_layers(Sample.of(counts), 24))
    14.003 [13.699, 14.308]
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
    spreads = {law: _spread(law, sample, means) for law in LAWS}
    chosen = rng.choice(len(LAWS), len(resampled), p=_weights(spreads, sample, means))
    at = np.array([float(dim)])
    found = np.empty(len(resampled))
    for i in np.unique(chosen):
        law = LAWS[i]
        drawn = _values(law, sample.dims, resampled[chosen == i], at)[:, 0]
        missed = spreads[law] * np.sqrt(np.maximum(drawn, 1)) * rng.standard_normal(len(drawn))
        found[chosen == i] = drawn + missed + _alone(rng, sample, np.maximum(drawn, 1))
    low, middle, high = np.percentile(found, [2.5, 50, 97.5])
    return Prediction(dim, Estimate(float(middle), max(float(low), 0.0), float(high)), outside)


def _values(law: str, dims: np.ndarray, means: np.ndarray, at: np.ndarray) -> np.ndarray:
    """A law fitted to means (…, number of D), at other D."""
    if law == "power":
        log_factor, exponent = fit_power(dims, means)
        return np.exp(log_factor[..., None] + exponent[..., None] * np.log(at))
    if law == "constant":
        weights = 1 / np.maximum(means, 1)
        return ((weights * means).sum(-1) / weights.sum(-1))[..., None] * np.ones_like(at)
    x, x_at = (np.log(dims), np.log(at)) if law == "log" else (dims, at)
    intercept, slope = fit_line(x, means)
    return intercept[..., None] + slope[..., None] * x_at


def _alone(rng: np.random.Generator, sample: Sample, means: np.ndarray) -> np.ndarray:
    """What single seeds are off by, with a scatter known from few: Student's law."""
    if sample.scatter is None:
        return np.zeros_like(means)
    return sample.scatter.at(means) * rng.standard_t(sample.scatter.freedom(means))


def _spread(law: str, sample: Sample, means: np.ndarray) -> float:
    """Standard deviation of the means about a law, over √mean."""
    residuals = (means - _values(law, sample.dims, means, sample.dims)) / np.sqrt(np.maximum(means, 1))
    return math.sqrt((residuals @ residuals) / max(len(means) - _PARAMETERS[law], 1))


def _weights(spreads: dict[str, float], sample: Sample, means: np.ndarray) -> np.ndarray:
    """Akaike weights of the laws; what seeds scatter by is no reason to prefer one."""
    n_seeds = np.array([len(counts) for counts in sample.counts])
    noise = (sample.scatter_at(means) ** 2 / (n_seeds * np.maximum(means, 1))).mean()
    n = len(means)
    aic = [
        n * math.log(max(spreads[law] ** 2, noise, np.finfo(float).eps)) + 2 * _PARAMETERS[law]
        for law in LAWS
    ]
    shares = np.exp(-0.5 * (np.array(aic) - min(aic)))
    return shares / shares.sum()
