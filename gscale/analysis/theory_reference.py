"""What theory expects of a setting: slopes, and losses with finite samples."""

import re
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
import pandas as pd

from gscale.analysis.scaling_laws import fit_line
from gscale.theory.finite_samples import sampling_costs, spline_cost
from gscale.theory.rates import coupling_rate, flat_rate, haar_rate, layers_per_efold

_QUANTILES = re.compile(r"Quantiles\(n_bins=(\d+)\)")


def known_slope(setting: dict[str, object], target: str, dims: Sequence[int]) -> float | None:
    """The slope that theory gives for a setting: of the line through its layer counts at the same D.

    In the tail on a Gaussian they are `layers_per_efold` of the rate; end to end, Theorem 1's
    (D+1)/2 for scales, and 2 for whitening couplings.
    """
    training, rate = str(setting["training"]), rate_of(setting)
    if training.startswith("WhiteningCouplings(") and target == "1e6":
        return 0.0
    if training.startswith("EndToEndScales(") and target == "1e6":
        return 0.5
    if target != "tail" or rate is None or len(dims) < 2:
        return None
    layers = np.array([layers_per_efold(rate(dim)) for dim in dims])
    return float(fit_line(np.array(dims, float), layers)[1])


def rate_of(setting: dict[str, object]) -> Callable[[int], float] | None:
    """Theory's factor of the loss by one layer near the identity, as a function of D, where it is known."""
    if setting["training"] not in ("Population()", "Expected()"):
        return None
    layer = setting["rotation"], None if pd.isna(setting["coupling"]) else setting["coupling"]
    known: dict[tuple[object, object], Callable[[int], float]] = {
        ("Haar()", None): haar_rate,
        ("Hadamard()", None): flat_rate,
        ("Haar()", "LinearCoupling(n_active=None)"): lambda dim: coupling_rate(dim // 2, dim - dim // 2),
    }
    return known.get(layer)


def break_even(losses: np.ndarray, dim: int, n_samples: int) -> int:
    """The first layer whose gain without sampling noise, in nats, is below its cost with N samples.

    A layer of `Moments` on a Gaussian costs D/(2N) nats of test loss: one scale a coordinate (its means
    are found in the first layer). See docs/theory.md.

    Examples
    --------
    >>> break_even(0.5 ** np.arange(10.0), dim=2, n_samples=20)  # gains ½, ¼, …; cost 0.05
    4
    """
    return int(np.argmax(np.append(losses[:-1] - losses[1:], 0) < dim / (2 * n_samples)))


def expected_losses(
    population: np.ndarray, dim: int, n_samples: int, n_bins: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Expected train and test loss of Haar layers fitted to N rows of a Gaussian.

    The loss without sampling noise plus `gscale.theory.sampling_costs`, of `Moments` or of `Quantiles`. With
    `Moments` the costs end at ± D(D+3)/(4N): the whitening error that N rows leave, and the means.

    Parameters
    ----------
    population : array, shape (L + 1,)
        Loss without sampling noise, in nats.
    dim, n_samples : int
        D and N.
    n_bins : int, optional
        Bins K of `Quantiles`; `Moments` where absent.

    Returns
    -------
    train, test : array, each shape (L + 1,)
        In nats; index 0, before any layer is fitted, is the population's.

    References
    ----------
    Derived in docs/theory.md.

    Examples
    --------
    >>> train, test = expected_losses(np.zeros(1000), dim=4, n_samples=1000)
    >>> print(round(train[-1], 6), round(test[-1], 6))
    -0.007 0.007
    >>> train, test = expected_losses(np.zeros(2), dim=4, n_samples=1000, n_bins=16)
    >>> print(round(train[1], 4), round(test[1], 4))
    -0.0292 0.0388
    """
    cost, n_fitted = (2.0, 2) if n_bins is None else (_spline_cost(n_bins, n_samples), n_bins + 1)
    train, test = sampling_costs(dim, n_samples, len(population) - 1, cost, n_fitted)
    return population + train, population + test


def expected_in(
    setting: dict[str, object], dim: int, n_samples: int, population: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """`expected_losses` of a setting at some N; None where theory does not know it."""
    quantiles = _QUANTILES.fullmatch(str(setting["marginal"]))
    if (
        setting["training"] != "Layerwise(first=None)"
        or setting["rotation"] != "Haar()"
        or not pd.isna(setting["coupling"])
        or not str(setting["dataset"]).startswith("Gaussian(")
        or not (quantiles or setting["marginal"] == "Moments()")
    ):
        return None
    return expected_losses(population, dim, n_samples, int(quantiles[1]) if quantiles else None)


_spline_cost = cache(spline_cost)
