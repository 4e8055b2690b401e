"""Where the knots of `Quantiles` lie, in pure NumPy: theory and analysis count them without JAX."""

from statistics import NormalDist

import numpy as np

DEFAULT_BINS = 32  # of `Quantiles`

# A quantile is trusted to place a knot only with this many rows beyond it, and a bin only with this
# many rows in it.
_TAIL_ROWS = 10
_ROWS_PER_BIN = 5


def normal_levels(n_rows: int, n_bins: int) -> np.ndarray:
    """Knot heights in normal coordinates, K+1 in equal steps, few enough for the rows at hand."""
    n_bins = max(1, min(n_bins, n_rows // _ROWS_PER_BIN))
    highest = NormalDist().inv_cdf(1 - min(0.25, _TAIL_ROWS / n_rows))
    return np.linspace(-highest, highest, n_bins + 1)
