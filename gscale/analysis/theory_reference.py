"""What theory expects of a setting: slopes, and losses with finite samples."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import pandas as pd

from gscale.analysis.scaling_laws import fit_line
from gscale.bijections.normal_knots import DEFAULT_BINS
from gscale.results.settings import parts
from gscale.theory.finite_samples import sampling_costs, spline_cost
from gscale.theory.rates import coupling_rate, flat_rate, haar_rate, layers_per_efold

# Of layers, by rotation and coupling: theory's factor of the loss by one layer near the identity.
_RATES: dict[tuple[str, str | None], Callable[[int], float]] = {
    ("Haar", None): haar_rate,
    ("Hadamard", None): flat_rate,
    ("Haar", "LinearCoupling"): lambda dim: coupling_rate(dim // 2, dim - dim // 2),
}


def known_slope(setting: Mapping[str, Any], target: str, dims: Sequence[int]) -> float | None:
    """The slope that theory gives for a setting: of the line through its layer counts at the same D.

    In the tail on a Gaussian they are `layers_per_efold` of the rate; end to end, Theorem 1's
    (D+1)/2 for scales, and 2 for whitening couplings.

    Parameters
    ----------
    setting : mapping
        Of a curve, see `gscale.analysis.SETTING`.
    target : str
        As `target_named` reads it.
    dims : sequence of int
        The D of the counts.

    Returns
    -------
    float or None
        Layers a dimension; None where theory says nothing.

    References
    ----------
    Draxler et al., "On the convergence rate of Gaussianization with random rotations", ICML 2023, Theorem 1;
    rates are derived in docs/theory.md.
    """
    if target == "1e6":
        return {"construction": 0.0, "scales": 0.5}.get(setting["kind"])
    rate = rate_of(setting)
    if target != "tail" or rate is None or len(dims) < 2:
        return None
    layers = np.array([layers_per_efold(rate(dim)) for dim in dims])
    return float(fit_line(np.array(dims, float), layers)[1])


def rate_of(setting: Mapping[str, Any]) -> Callable[[int], float] | None:
    """Theory's factor of the loss by one layer near the identity, as a function of D, where it is known."""
    if setting["kind"] not in ("population", "expected"):
        return None
    (rotation, of_rotation), coupling = parts(setting["rotation"]), setting["coupling"]
    name, of_coupling = (None, {}) if pd.isna(coupling) else parts(coupling)
    return None if of_rotation or of_coupling else _RATES.get((rotation, name))


def break_even(losses: np.ndarray, dim: int, n_samples: int) -> int:
    """The first layer whose gain in losses (L + 1,) without sampling noise is below its cost with N samples.

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
    setting: Mapping[str, Any], dim: int, n_samples: int, population: np.ndarray
) -> tuple[np.ndarray, np.ndarray] | None:
    """`expected_losses` (L + 1,) of a setting at some N; None where theory does not know it."""
    training, rotation, dataset, marginal = (
        parts(setting[name]) for name in ("training", "rotation", "dataset", "marginal")
    )
    if (
        training != ("Layerwise", {})
        or rotation != ("Haar", {})
        or dataset[0] != "Gaussian"
        or not pd.isna(setting["coupling"])
    ):
        return None
    name, chosen = marginal
    if name == "Quantiles" and chosen.keys() <= {"n_bins"}:
        return expected_losses(population, dim, n_samples, chosen.get("n_bins", DEFAULT_BINS))
    return expected_losses(population, dim, n_samples) if marginal == ("Moments", {}) else None


_spline_cost = cache(spline_cost)
