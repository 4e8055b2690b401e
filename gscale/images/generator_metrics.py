"""How good new images are: labels, Fréchet distance, diversity, and whether they are copies."""

from typing import NamedTuple

import numpy as np

from gscale.images.base import LabelledImages
from gscale.images.classifier import Classifier


class GeneratorMetrics(NamedTuple):
    """Measures of new images.

    Attributes
    ----------
    label_accuracy : float
        Share of images that the evaluator, a classifier, sees as the class they were made as.
    frechet : float
        Squared Fréchet distance from real images in the evaluator's features.
    diversity : float
        Mean variance within a class over that of real images.
    nearest : float
        Median distance to the nearest training image over that of real images held out.
    copies : float
        Share of new images nearer to a training image than all but one in a hundred real ones are.
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


def diversity(features: np.ndarray, labels: np.ndarray, real: np.ndarray, real_labels: np.ndarray) -> float:
    """Variance of features (N, F) within a class over that of real ones (M, F), mean over classes.

    Examples
    --------
    >>> x, y = np.random.default_rng(0).normal(size=(40, 3)), np.repeat([0, 1], 20)
    >>> round(diversity(x / 2, y, x, y), 6)
    0.25
    """
    classes = np.unique(real_labels)
    shares = [features[labels == k].var(0).sum() / real[real_labels == k].var(0).sum() for k in classes]
    return float(np.mean(shares))


def nearest_distances(images: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Euclidean distance (N,) over pixels from each image to the nearest of others.

    Examples
    --------
    >>> nearest_distances(np.zeros((1, 28, 28)), np.ones((2, 28, 28)))
    array([28.])
    """
    x, y = (part.reshape(len(part), -1).astype(float) for part in (images, others))
    # As a matrix product, with which thousands of images take a second: float64 leaves 1e-6 of a pixel.
    squares = (y**2).sum(1)
    least = [(squares - 2 * part @ y.T).min(1) for part in np.split(x, range(500, len(x), 500))]
    return np.asarray(np.sqrt(np.clip(np.concatenate(least) + (x**2).sum(1), 0, None)))


def evaluate_images(
    evaluator: Classifier, images: np.ndarray, train: LabelledImages, real: LabelledImages
) -> GeneratorMetrics:
    """Measure new images against those seen in training and real ones that are new to all models.

    Parameters
    ----------
    evaluator : Classifier
        Trained on still other real images.
    images : ndarray, shape (K · M, 28, 28)
        New images, M of each class in their order.
    train : LabelledImages
        Images that the generator was trained on.
    real : LabelledImages
        Real images that neither the generator nor the evaluator has seen.
    """
    labels = np.repeat(np.arange(len(real.classes)), len(images) // len(real.classes))
    features, real_features = evaluator.features(images), evaluator.features(real.images)
    distances, real_distances = (nearest_distances(x, train.images) for x in (images, real.images))
    return GeneratorMetrics(
        float((evaluator.predict(images) == labels).mean()),
        frechet_distance(features, real_features),
        diversity(features, labels, real_features, real.labels),
        float(np.median(distances) / np.median(real_distances)),
        float((distances < np.quantile(real_distances, 0.01)).mean()),
    )
