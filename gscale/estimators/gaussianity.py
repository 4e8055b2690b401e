"""How Gaussian a flow makes rows: their divergence from a standard normal, layer by layer."""

from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, differential_entropy, kstest

from gscale.errors import InputError
from gscale.estimators.flow_fitting import by_layer
from gscale.flows.flow import Flow

_MAX_ROWS = 4096
_MIN_ROWS = 10
_HALF_LOG_2PI = 0.5 * np.log(2 * np.pi)


@dataclass(frozen=True)
class Gaussianity:
    """Parts of KL(rows ‖ N(0, I)), in nats, of encoded rows and after the map in front and each of L layers.

    Parameters
    ----------
    marginal : ndarray, shape (L + 2,)
        Σ_j KL(z_j ‖ N(0, 1)).
    correlation : ndarray, shape (L + 2,)
        −½ log det of the correlation matrix. Dependence beyond correlation is in neither part.
    chance : float
        The sum of the two for as many normal rows.
    radius_distance, radius_p_value : float
        Kolmogorov's distance of |z|² after the last layer to χ²_D, and its p-value: where that is small,
        p-values of rows need held-out rows, not χ².

    Examples
    --------
    >>> parts = Gaussianity(np.array([3.0, 0.5, 0.2]), np.array([1.0, 0.8, 0.1]), 0.25, 0.02, 0.4)
    >>> parts.kl.round(2).tolist()
    [4.0, 1.3, 0.3]
    """

    marginal: np.ndarray
    correlation: np.ndarray
    chance: float
    radius_distance: float
    radius_p_value: float

    @property
    def kl(self) -> np.ndarray:
        """Sum of the parts (L + 2,), in nats: at most KL(rows ‖ N(0, I)), up to sampling noise."""
        return self.marginal + self.correlation


def gaussianity(flow: Flow, y: np.ndarray) -> Gaussianity:
    """The divergence of rows y (N, D) from standard normal, by the first 4,096 of them.

    Raises
    ------
    InputError
        If there are fewer than 10 rows.

    References
    ----------
    Cardoso, "Dependence, correlation and Gaussianity in independent component analysis", JMLR 4 (2003), for
    the parts. Vasicek, "A test for normality based on sample entropy", JRSS B 38 (1976).
    """
    if len(y) < _MIN_ROWS:
        raise InputError(f"{len(y)} row(s): their divergence from normal needs at least {_MIN_ROWS}")
    y = y[:_MAX_ROWS]
    images = [y.astype(float), *by_layer(flow, y).astype(float)]
    normal = np.random.default_rng(0).standard_normal(y.shape)
    test = kstest((images[-1] ** 2).sum(1), chi2(y.shape[1]).cdf)
    return Gaussianity(
        np.array([marginal_kl(z) for z in images]),
        np.array([correlation_kl(z) for z in images]),
        marginal_kl(normal) + correlation_kl(normal),
        float(test.statistic),
        float(test.pvalue),
    )


def marginal_kl(z: np.ndarray) -> float:
    """Σ_j KL(z_j ‖ N(0, 1)) of rows (N, D) in nats: −entropy + ½ E z² + ½ log 2π, entropies by spacings."""
    entropies = differential_entropy(z, axis=0, method="ebrahimi")
    return float((0.5 * (z**2).mean(0) + _HALF_LOG_2PI - entropies).sum())


def correlation_kl(z: np.ndarray) -> float:
    """−½ log det of the correlation matrix of rows (N, D), in nats; infinite where columns are dependent."""
    if z.shape[1] == 1:
        return 0.0
    sign, log_det = np.linalg.slogdet(np.corrcoef(z, rowvar=False))
    return float(-0.5 * log_det) if sign > 0 else float("inf")
