"""Rates near the identity and least numbers of layers: plain numbers, without JAX."""

import math


def haar_rate(dim: int) -> float:
    """Factor of the expected loss by one Haar layer near the identity: D/(D+2).

    References
    ----------
    Derived here (docs/theory.md); `layers_per_efold` of it is (D+1)/2 to first order.

    Examples
    --------
    >>> round(layers_per_efold(haar_rate(64)), 3)
    32.497
    """
    return dim / (dim + 2)


def mixing_rate(dim: int, fourth_moment: float) -> float:
    """Factor of the loss near the identity by an orthogonal Q, its columns in random order and sign.

    1 − 2 (D − f)/(D (D−1)) with f = Σ_ij Q_ij⁴, which lies between 1 (all entries alike) and D (a
    permutation). Haar rotations have 3D/(D+2) in the mean. At D = 1 the rate is 0.

    References
    ----------
    Derived here (docs/theory.md).

    Examples
    --------
    >>> dim = 64
    >>> round(mixing_rate(dim, 3 * dim / (dim + 2)) - haar_rate(dim), 12), mixing_rate(dim, dim)
    (0.0, 1.0)
    """
    return max(1 - 2 * (dim - fourth_moment) / (dim * (dim - 1)), 0.0) if dim > 1 else 0.0


def flat_rate(dim: int) -> float:
    """Factor of the loss near the identity with the rotations of `gscale.Hadamard`.

    1 − 2/D where D is a power of two: all |Q_ij| = D^−½, so that the unit diagonal gets no weight and the
    off-diagonal all of it. At D = 2 one layer is exact. For D = 2^k m with m odd it is `mixing_rate` at
    f = 3/2 − 1/(2m).

    References
    ----------
    Derived here (docs/theory.md).

    Examples
    --------
    >>> round(layers_per_efold(flat_rate(64)), 3), round(layers_per_efold(flat_rate(63)), 3)
    (31.497, 31.249)
    """
    odd = dim // (dim & -dim)
    return mixing_rate(dim, 1.5 - 0.5 / odd)


def coupling_rate(active: int, passive: int) -> float:
    """Factor of the loss near the identity by a randomly rotated coupling block with a linear conditioner.

    (D_a (D_a−1) + D_p (D_p−1)) / ((D−1)(D+2)): what is left is the off-diagonal within either part. It tends
    to ½ for equal parts, whatever D.

    References
    ----------
    Derived here (docs/theory.md); Draxler et al., "Whitening convergence rate of coupling-based
    normalizing flows", NeurIPS 2022, for the setting.

    Examples
    --------
    >>> round(coupling_rate(8, 8), 4), round(coupling_rate(256, 256), 4)
    (0.4148, 0.4971)
    """
    dim = active + passive
    return (active * (active - 1) + passive * (passive - 1)) / ((dim - 1) * (dim + 2))


def layers_per_efold(rate: float) -> float:
    """Layers that lower the loss e-fold at a factor ``rate`` a layer: 1/log(1/rate); 0 if one is exact."""
    return 0.0 if rate == 0 else -1 / math.log(rate)


def min_layers(dim: int) -> int:
    """Fewest layers of random rotations and scales that can be exact on a Gaussian: ⌈(D+1)/2⌉.

    L layers have L·D scales, a covariance has D(D+1)/2 degrees of freedom.

    References
    ----------
    Draxler et al., ICML 2023, Theorem 1.

    Examples
    --------
    >>> [min_layers(dim) for dim in (1, 2, 3, 4, 5)]
    [1, 2, 2, 3, 3]
    """
    return (dim + 2) // 2


def spurious_distance(dim: int, n_samples: int) -> float:
    """W2 distance to N(0, 1) of the most non-normal projection of N rows of N(0, I_D): √(D/N).

    For N, D → ∞. In few dimensions it is larger by some 1/(2√D) of itself. The gain of a layer fitted on such
    a projection is spurious: there is none on new rows.

    References
    ----------
    Bickel, Kur and Nadler, "Projection pursuit in high dimensions", PNAS 115 (2018); Montanari and Zhou,
    "Overparametrized linear dimensionality reductions: from projection pursuit to two-layer neural
    networks", 2022.

    Examples
    --------
    >>> round(spurious_distance(200, 2000), 3)
    0.316
    """
    return math.sqrt(dim / n_samples)
