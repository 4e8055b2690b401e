"""Layer counts of seeds at several D: means, scatter and bootstrap, where some are only known to be large."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from scipy.special import digamma, polygamma

from gscale.analysis.censoring import means_over_seeds, scatter_below

Counts = Mapping[int, np.ndarray]

_RESAMPLES = 2000

# Seeds that are all below their depth by luck scatter less than they do: this far away, in their standard
# deviations, luck is not needed.
_CLEAR = 4


@dataclass(frozen=True)
class SeedVariance:
    """The standard deviation of seeds as a power of the mean (at least 1), and how well it is known.

    Attributes
    ----------
    log_factor, power : float
        The logarithm of the standard deviation is log_factor + power·log mean.
    log_size : float
        The logarithm of the mean at which it is known best.
    variance, variance_power : float
        Of the logarithm there, and of the power.

    References
    ----------
    Bartlett and Kendall, "The statistical analysis of variance-heterogeneity and the logarithmic
    transformation", Supplement to the Journal of the Royal Statistical Society 8 (1946), for the mean and
    variance of log s.
    """

    log_factor: float
    power: float
    log_size: float
    variance: float
    variance_power: float

    @classmethod
    def of(cls, counts: list[np.ndarray], shares: list[float]) -> "SeedVariance":
        """Fit it to several counts (S,) at each D, the shares of all seeds that are the lowest.

        The power is between 0 and 1, ½ with fewer than three D.

        References
        ----------
        Bartlett and Kendall, "The statistical analysis of variance-heterogeneity and the logarithmic
        transformation", Supplement to the Journal of the Royal Statistical Society 8 (1946).
        """
        freedom = np.array([len(n) - 1 for n in counts]) / 2
        # log s of normal counts is off by this, with that variance
        logs = np.log([n.std(ddof=1) for n in counts]) - (digamma(freedom) - np.log(freedom)) / 2
        logs -= np.log([scatter_below(share) for share in shares])
        weights = 4 / polygamma(1, freedom)
        sizes = np.log(np.maximum([n.mean() for n in counts], 1))
        log_size = weights @ sizes / weights.sum()
        spread = weights @ (sizes - log_size) ** 2
        power, variance_power = 0.5, 0.0
        if len(counts) > 2 and spread > 0:
            power, variance_power = np.clip(weights @ ((sizes - log_size) * logs) / spread, 0, 1), 1 / spread
        log_factor = weights @ (logs - power * sizes) / weights.sum()
        return cls(float(log_factor), float(power), float(log_size), float(1 / weights.sum()), variance_power)

    def at(self, means: np.ndarray) -> np.ndarray:
        """Standard deviations (n,) of a seed where the means are these, (n,)."""
        return np.exp(self.log_factor + self.power * np.log(np.maximum(means, 1)))

    def drawn(self, rng: np.random.Generator, means: np.ndarray) -> np.ndarray:
        """What single seeds are off by (n,): Student's law, and a power drawn from what is known of it."""
        noise = math.sqrt(self.variance_power) * rng.standard_normal(len(means))
        powers = np.clip(self.power + noise, 0, 1)
        wider = np.exp((powers - self.power) * (np.log(np.maximum(means, 1)) - self.log_size))
        freedom = 1 / (2 * max(self.variance, np.finfo(float).eps))
        return self.at(means) * wider * rng.standard_t(freedom, len(means))

    def freedom(self, means: np.ndarray) -> np.ndarray:
        """Degrees of freedom (n,) of normal counts whose standard deviation is known as well as this one."""
        lever = np.log(np.maximum(means, 1)) - self.log_size
        return 1 / (2 * np.maximum(self.variance + self.variance_power * lever**2, np.finfo(float).eps))


@dataclass(frozen=True, eq=False)
class Sample:
    """Counts of the seeds at each D, NaN where they are above the depth that a seed was followed to.

    Attributes
    ----------
    dims : array, shape (n,)
        The D, rising.
    counts, depths : tuple of array
        Counts and depths of the seeds at each D.
    """

    dims: np.ndarray
    counts: tuple[np.ndarray, ...]
    depths: tuple[np.ndarray, ...]

    @classmethod
    def of(cls, layers: Counts, depths: Counts | None = None) -> "Sample":
        """Sort counts and depths (S,) by D; without depths seeds, and D, without a count are left out."""
        if depths is None:
            known = {dim: n[~np.isnan(n)] for dim, n in layers.items() if not np.isnan(n).all()}
            return cls.of(known, {dim: np.full(len(n), math.inf) for dim, n in known.items()})
        dims = sorted(layers)
        return cls(
            np.array(dims, float),
            tuple(np.asarray(layers[dim], float) for dim in dims),
            tuple(np.asarray(depths[dim], float) for dim in dims),
        )

    @cached_property
    def whole(self) -> list[bool]:
        """Whether several seeds tell the scatter at a D: none is above its depth, nor only just below."""
        return [
            len(n) > 1 and not np.isnan(n).any() and (depths > n.mean() + _CLEAR * n.std(ddof=1)).all()
            for n, depths in zip(self.counts, self.depths, strict=True)
        ]

    @cached_property
    def scatter(self) -> SeedVariance | None:
        """How seeds scatter; None where no D has two counts."""
        counts = [n[~np.isnan(n)] for n in self.counts]
        # all are below their depth, but perhaps by luck: as if half a seed were not
        shares = [
            1.0 if is_whole else min(len(known), len(n) - 0.5) / len(n)
            for known, n, is_whole in zip(counts, self.counts, self.whole, strict=True)
        ]
        telling = [i for i, n in enumerate(counts) if len(n) > 1]
        spread = [i for i in telling if counts[i].std() > 0]
        if spread:
            return SeedVariance.of([counts[i] for i in spread], [shares[i] for i in spread])
        return SeedVariance(-math.inf, 0.5, 0.0, 0.0, 0.0) if telling else None

    def scatter_at(self, means: np.ndarray) -> np.ndarray:
        """Standard deviations (n,) of a seed at any means (n,); 0 where they are unknown."""
        return np.zeros_like(means) if self.scatter is None else self.scatter.at(means)

    @cached_property
    def means(self) -> np.ndarray:
        """Means (n,); NaN where every seed is above its depth."""
        return np.array([self._mean(i) for i in range(len(self.dims))])

    @cached_property
    def bounds(self) -> np.ndarray:
        """What the means (n,) are above that are NaN."""
        return np.array([depths.min() for depths in self.depths])

    def freedom_of(
        self, means: np.ndarray, fit: Callable[[np.ndarray], tuple[np.ndarray, ...]]
    ) -> list[float]:
        """Degrees of freedom of the scatter of what a fit makes of the means (n,), one a coefficient.

        References
        ----------
        Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics 2 (1946).
        """
        n_seeds = np.array([len(n) for n in self.counts], float)
        borrowed = np.ones(len(means)) if self.scatter is None else self.scatter.freedom(means)
        freedom = np.where(self.whole, n_seeds - 1, borrowed)
        step = 1e-4 * np.maximum(means, 1)
        own = [n.var(ddof=1) if w else 0.0 for n, w in zip(self.counts, self.whole, strict=True)]
        variances = np.where(self.whole, own, self.scatter_at(means) ** 2)
        moved, still = fit(means + np.diag(step)), fit(means)
        degrees = []
        for one, other in zip(moved, still, strict=True):
            parts = ((one - other) / step) ** 2 * variances / n_seeds
            degrees.append(float(parts.sum() ** 2 / (parts**2 / freedom).sum()) if parts.any() else math.inf)
        return degrees

    def resampled(self, means: np.ndarray) -> np.ndarray:
        """Means over bootstrap samples of the seeds of each D, (R, n), NaN where all are above their depth.

        Around other means (n,) without a gap. Seeds are drawn from a normal law where the seeds of a D don't
        tell theirs.

        References
        ----------
        Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 6.
        """
        rng = np.random.default_rng(0)  # the same table gives the same interval
        scatter, columns = self.scatter_at(means), []
        for i, counts in enumerate(self.counts):
            size = (_RESAMPLES, len(counts))
            if self.whole[i]:
                residuals = (counts - counts.mean()) * math.sqrt(len(counts) / (len(counts) - 1))
                columns.append(means[i] + rng.choice(residuals, size).mean(1))
            else:
                drawn = means[i] + scatter[i] * rng.standard_normal(size)
                drawn = np.where(drawn > self.depths[i], np.nan, drawn)
                columns.append(means_over_seeds(drawn, self.depths[i], np.full(_RESAMPLES, scatter[i])))
        return np.stack(columns, 1)

    def _mean(self, i: int) -> float:
        counts, depths = self.counts[i], self.depths[i]
        if np.isnan(counts).all():
            return math.nan
        seen = np.where(np.isnan(counts), depths, counts).mean()
        return float(means_over_seeds(counts, depths, self.scatter_at(np.array(seen))))
