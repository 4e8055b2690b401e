"""Values with their 95 % intervals."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri, stdtrit  # quantiles of scipy.stats, which takes half a second to import


@dataclass(frozen=True)
class Estimate:
    """A value with its 95 % interval, NaN where chance is unknown."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        digits = 3 if not max(map(abs, (self.value, self.low, self.high))) < 0.01 else 5
        if math.isnan(self.low):
            return f"{self.value:.{digits}f}"
        return f"{self.value:.{digits}f} [{self.low:.{digits}f}, {self.high:.{digits}f}]"


UNKNOWN = Estimate(math.nan, math.nan, math.nan)


def interval(value: float, resampled: np.ndarray, freedom: float = math.inf) -> Estimate:
    """The percentile interval of a bootstrap, widened by Student's t over the normal law.

    Parameters
    ----------
    value : float
    resampled : array, shape (R,)
        The value of each bootstrap sample.
    freedom : float
        Degrees of freedom of the scatter.

    References
    ----------
    Efron and Tibshirani, "An introduction to the bootstrap", 1993, chapter 13; Hesterberg, "What teachers
    should know about the bootstrap", The American Statistician 69 (2015), for the widening.

    Examples
    --------
    >>> print(interval(0.0, np.linspace(-1, 1, 2001)), interval(0.0, np.linspace(-1, 1, 2001), freedom=10))
    0.000 [-0.950, 0.950] 0.000 [-1.080, 1.080]
    """
    low, high = np.percentile(resampled, [2.5, 97.5])
    wider = stdtrit(freedom, 0.975) / ndtri(0.975)
    return Estimate(float(value), float(value + wider * (low - value)), float(value + wider * (high - value)))


def half_width(counts: np.ndarray) -> float:
    """Half of the 95 % interval of the mean of counts (S,), by Student's t; 0 where one seed gives none.

    Examples
    --------
    >>> round(half_width(np.array([1.0, 2.0, 3.0])), 3)
    2.484
    """
    n = len(counts)
    return 0.0 if n < 2 else float(stdtrit(n - 1, 0.975) * counts.std(ddof=1) / math.sqrt(n))
