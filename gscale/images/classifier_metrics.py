"""How good predictions are: accuracy, calibration, confusion."""

import numpy as np


def calibration_error(probabilities: np.ndarray, labels: np.ndarray, n_bins: int = 15) -> float:
    """Expected calibration error: mean distance of confidence and accuracy over bins of confidence.

    Parameters
    ----------
    probabilities : ndarray, shape (N, K)
    labels : ndarray of int, shape (N,)
    n_bins : int
        Bins of equal width.

    References
    ----------
    Naeini, Cooper and Hauskrecht, AAAI 2015; Guo et al., ICML 2017.

    Examples
    --------
    >>> calibration_error(np.array([[0.75, 0.25]] * 4), np.array([0, 0, 0, 1]))
    0.0
    """
    confidence, right = probabilities.max(1), probabilities.argmax(1) == labels
    bins = np.minimum((confidence * n_bins).astype(int), n_bins - 1)
    gaps = np.bincount(bins, right.astype(float) - confidence, minlength=n_bins)
    return float(np.abs(gaps).sum() / len(labels))


def confusion(predicted: np.ndarray, labels: np.ndarray, n_classes: int) -> np.ndarray:
    """How often (K, K) a class, by row, was taken for another, by column.

    Examples
    --------
    >>> confusion(np.array([0, 1, 1]), np.array([0, 0, 1]), 2).tolist()
    [[1, 1], [0, 1]]
    """
    found = np.zeros((n_classes, n_classes), int)
    np.add.at(found, (labels, predicted), 1)
    return found
