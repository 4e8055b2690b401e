"""The loss that sampling noise of N rows adds to layers: plain numbers, without JAX."""

import math

import numpy as np
from scipy.special import ndtr

from gscale.bijections.normal_knots import normal_levels
from gscale.validation import check_at_least

# Legendre points in each piece of the quadrature, and where its last pieces end: beyond the outer knots
# the integrand is below exp(−9²/2).
_POINTS = 12
_REACH = 9.0


def spline_cost(n_bins: int, n_samples: int) -> float:
    """Cost of a layer of `Quantiles` on N(0, I), in parameters a coordinate: c in c·D/(2N) nats of test loss.

    Knots lie at sample quantiles: at (p_k, h_k) of the normal law, errors e_k of covariance
    p_j (1 − p_k) / (N φ(h_j) φ(h_k)), j ≤ k. To first order the spline is then x − ε(x), with ε the cubic
    through the e_k whose slopes at the knots are means of the adjacent secants, and costs
    ½ E[ε² + ε′²] = c/(2N).

    Parameters
    ----------
    n_bins : int
        Bins K of the spline, at least 1.
    n_samples : int
        Rows N it is fitted to.

    Raises
    ------
    InputError
        If ``n_bins`` is below 1 or ``n_samples`` below 2.

    References
    ----------
    Derived in docs/theory.md.

    Examples
    --------
    >>> round(spline_cost(16, 1000), 2), round(spline_cost(4, 100_000), 2)
    (19.42, 23.72)
    """
    check_at_least(1, {"n_bins": n_bins})
    check_at_least(2, {"n_samples": n_samples})
    heights = normal_levels(n_samples, n_bins)
    below, above, density = ndtr(heights), ndtr(-heights), _normal(heights)
    joint = np.minimum.outer(below, below) * np.minimum.outer(above, above)
    x, weights = _quadrature(heights)
    parts = _cardinals(heights, x)
    gram = sum((part * weights[:, None]).T @ part for part in parts)
    return float((gram * joint / np.outer(density, density)).sum())


def sampling_costs(
    dim: int, n_samples: int, n_layers: int, cost: float, n_fitted: int
) -> tuple[np.ndarray, np.ndarray]:
    """Losses that sampling noise of N rows adds, with Haar layers of one marginal.

    With n_j = C(D+j−1, j), the number of polynomials of degree j,

        test  =  D/(2N) [c L − S_L],        S_L = Σ_j [L − (n_j/D) (1 − (1 − D/n_j)^L)],  j = 1 … k,
        train = −D/(2N) [(2k − c) L − S_L].

    Parameters
    ----------
    dim, n_samples, n_layers : int
        D, N and L.
    cost : float
        c, the cost of the first layer: `spline_cost` for `Quantiles`, 2 for `Moments`.
    n_fitted : int
        k, the parameters fitted to a coordinate: K + 1 knots, 2 for `Moments`.

    Returns
    -------
    train, test : array, each shape (L + 1,)
        In nats, with 0, 1, …, L layers.

    References
    ----------
    Derived in docs/theory.md.

    Examples
    --------
    >>> train, test = sampling_costs(8, 1000, 12, spline_cost(16, 1000), 17)
    >>> print((test[[0, 1, 12]] * 2 * 1000 / 8).round(1))
    [  0.   19.4 208. ]
    """
    layers = np.arange(n_layers + 1)
    already_fitted = np.zeros(n_layers + 1)  # S_L
    for degree in range(1, n_fitted + 1):
        share = dim / math.comb(dim + degree - 1, degree)
        # a layer takes its share of the errors that are left; log1p preserves the digits of shares of 1e-20
        log_left = layers * np.log1p(-share) if share < 1 else np.where(layers > 0, -np.inf, 0.0)
        already_fitted += layers + np.expm1(log_left) / share
    unit = dim / (2 * n_samples)
    train = -unit * ((2 * n_fitted - cost) * layers - already_fitted)
    return train, unit * (cost * layers - already_fitted)


def optimal_depth(prefactor: float, dim: int, cost: float) -> float:
    """Number of Haar layers l at which the test loss A ρ^l + l·cost near the identity is least, ρ = D/(D+2).

    log(A log(1/ρ)/cost)/log(1/ρ), or (D+1)/2 · log(2A/((D+1) cost)) to first order; 0 where it never falls.
    At a cost in proportion to 1/N it grows by (D+1)/2 layers for each e-fold of N.

    Parameters
    ----------
    prefactor : float
        A, the loss in nats of the tail, extrapolated to 0 layers.
    dim : int
        D.
    cost : float
        Cost of each layer, in nats.

    References
    ----------
    Derived in docs/theory.md.

    Examples
    --------
    >>> first, last = (optimal_depth(1.0, 8, 16 * 8 / (2 * n)) for n in (10_000, 100_000))
    >>> round(first, 1), round((last - first) / math.log(10), 1)
    (15.9, 4.5)
    """
    decay = math.log1p(2 / dim)
    return max(math.log(prefactor * decay / cost) / decay, 0.0)


def _normal(x: np.ndarray) -> np.ndarray:
    return np.exp(-0.5 * x**2) / math.sqrt(2 * math.pi)


def _quadrature(heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Points and weights for normal expectations of functions that are smooth between knots."""
    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    tail = np.linspace(0, _REACH, 28)[1:]
    edges = np.concatenate([heights[0] - tail[::-1], heights, heights[-1] + tail])
    half, middle = np.diff(edges) / 2, (edges[1:] + edges[:-1]) / 2
    x = (middle[:, None] + half[:, None] * nodes[None]).ravel()
    return x, (half[:, None] * weights[None]).ravel() * _normal(x)


def _cardinals(heights: np.ndarray, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Values and slopes at x (M,) of the cubics that are 1 at one knot and 0 at the others, (M, K+1) each.

    Near the identity a rational-quadratic spline is the cubic of the same heights and derivatives.
    """
    n_bins, width = len(heights) - 1, heights[1] - heights[0]
    y = np.eye(n_bins + 1)
    secants = np.diff(y, axis=0) / width
    mean = (y[-1:] - y[:1]) / (heights[-1] - heights[0])
    derivatives = np.concatenate([mean, (secants[1:] + secants[:-1]) / 2, mean])
    inside = np.clip(x, heights[0], heights[-1])
    k = np.clip(((inside - heights[0]) / width).astype(int), 0, n_bins - 1)
    xi = ((inside - heights[k]) / width)[:, None]
    s, d0, d1 = secants[k], derivatives[k], derivatives[k + 1]
    value = y[k] + width * xi * (s + (1 - xi) * ((d0 - s) * (1 - xi) - (d1 - s) * xi))
    slope = d0 * (1 - xi) * (1 - 3 * xi) + d1 * xi * (3 * xi - 2) + 6 * s * xi * (1 - xi)
    # at the outer knots the slope is that of the tail beyond
    return value + (x - inside)[:, None] * slope, slope
