"""Levels of the knots of `Quantiles`, in pure NumPy: theory and analysis use them without JAX."""

from statistics import NormalDist

import numpy as np

DEFAULT_BINS = 32  # of `Quantiles`

# Rows beyond the outermost knots, and rows in a bin, at least: fewer leave their quantiles to chance.
_TAIL_ROWS = 10
_ROWS_PER_BIN = 5


def normal_levels(n_rows: int, n_bins: int) -> np.ndarray:
    """Knot heights (K+1,) in normal coordinates, in equal steps, as few as the rows ask for.

    Parameters
    ----------
    n_rows : int
        Rows N.
    n_bins : int
        Bins K; N/5 at most, and at least one, are taken.

    Examples
    --------
    >>> normal_levels(1000, 4).round(2).tolist()
    [-2.33, -1.16, 0.0, 1.16, 2.33]
    """
    n_bins = max(1, min(n_bins, n_rows // _ROWS_PER_BIN))
    highest = NormalDist().inv_cdf(1 - min(0.25, _TAIL_ROWS / n_rows))
    return np.linspace(-highest, highest, n_bins + 1)
