"""What theory expects of a setting: slopes, and losses with finite samples."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from gscale.bench.scaling.laws import fit_line
from gscale.theory.rates import coupling_rate, flat_rate, haar_rate, layers_per_efold


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


def expected_losses(population: np.ndarray, dim: int, n_samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Expected train and test loss of Haar rotations and `Moments` fitted to N rows of a Gaussian.

    Near the identity, with ρ = D/(D+2) and w = D(D+1)/(4N), the whitening error that N rows leave:

        test  = population + w (1 − ρ^L) + D/(2N),      →  D(D+3)/(4N)
        train = population + w ρ^L − D(D+3)/(4N).       → −D(D+3)/(4N)

    Parameters
    ----------
    population : array, shape (L + 1,)
        Loss without sampling noise, in nats.
    dim, n_samples : int
        D and N.

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
    """
    fading = (dim / (dim + 2)) ** np.arange(len(population))
    whitening, means = dim * (dim + 1) / (4 * n_samples), dim / (2 * n_samples)
    train = population + whitening * (fading - 1) - means
    test = population + whitening * (1 - fading) + means
    train[0] = test[0] = population[0]
    return train, test
