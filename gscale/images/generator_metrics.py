"""How good new images are: labels, Fréchet distance, diversity, and whether they are copies."""

from typing import Any, NamedTuple

import numpy as np


class Verdict(NamedTuple):
    """What is measured of new images.

    ``label_accuracy``: share whose class the judge sees. ``frechet``: distance of means and covariances in
    the judge's features. ``diversity``: mean variance within a class over that of real images. ``nearest``:
    median distance to the nearest training image over that of real images held out. ``copies``: share of new
    images nearer to a training image than all but one in a hundred real ones are.
    """

    label_accuracy: float
    frechet: float
    diversity: float
    nearest: float
    copies: float


def frechet_distance(x: np.ndarray, y: np.ndarray) -> float:
    """Squared Fréchet distance of normal distributions with the moments of rows x (N, F) and y (M, F).

    References
    ----------
    Heusel et al., GANs trained by a two time-scale update rule, NeurIPS 2017.

    Examples
    --------
    >>> x = np.random.default_rng(0).normal(size=(500, 3))
    >>> round(frechet_distance(x, x + 2), 6)
    12.0
    """
    a, b = np.cov(x.T), np.cov(y.T)
    values, vectors = np.linalg.eigh(a)
    root = (vectors * np.sqrt(np.clip(values, 0, None))) @ vectors.T
    cross = np.sqrt(np.clip(np.linalg.eigvalsh(root @ b @ root), 0, None)).sum()
    return float(((x.mean(0) - y.mean(0)) ** 2).sum() + np.trace(a) + np.trace(b) - 2 * cross)


def diversity(images: np.ndarray, labels: np.ndarray, real: np.ndarray, real_labels: np.ndarray) -> float:
    """Variance of features (N, F) within a class over that of real ones, mean over classes.

    Examples
    --------
    >>> x, y = np.random.default_rng(0).normal(size=(40, 3)), np.repeat([0, 1], 20)
    >>> round(diversity(x / 2, y, x, y), 6)
    0.25
    """
    shares = [
        images[labels == k].var(0).sum() / real[real_labels == k].var(0).sum() for k in np.unique(real_labels)
    ]
    return float(np.mean(shares))


def nearest(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Distance (N,) from each image to the nearest of others, over pixels.

    Examples
    --------
    >>> nearest(np.zeros((1, 28, 28)), np.ones((2, 28, 28)))
    array([28.])
    """
    x, y = (part.reshape(len(part), -1).astype(float) for part in (images, others))
    # As a matrix product, with which thousands of images take a second: float64 leaves 1e-6 of a pixel.
    squares = (y**2).sum(1)
    found = [(squares - 2 * part @ y.T).min(1) for part in np.split(x, range(500, len(x), 500))]
    distances: np.ndarray = np.sqrt(np.clip(np.concatenate(found) + (x**2).sum(1), 0, None))
    return distances


def judged(
    judge: Any,
    images: np.ndarray,
    labels: np.ndarray,
    seen: np.ndarray,
    real: np.ndarray,
    real_labels: np.ndarray,
) -> Verdict:
    """Measure new images against those seen in training and real ones that nobody has seen.

    Parameters
    ----------
    judge : Classifier
        Trained on still other real images.
    images, labels : ndarray
        New images (N, 28, 28) and the classes they were made as.
    seen : ndarray
        Images the generator was trained on.
    real, real_labels : ndarray
        Real images with their labels that neither generator nor judge has seen.
    """
    features, real_features = judge.features(images), judge.features(real)
    of_new, of_real = nearest(images, seen), nearest(real, seen)
    right = judge.probabilities(images).argmax(1) == labels
    return Verdict(
        float(right.mean()),
        frechet_distance(features, real_features),
        diversity(features, labels, real_features, real_labels),
        float(np.median(of_new) / np.median(of_real)),
        float((of_new < np.quantile(of_real, 0.01)).mean()),
    )
