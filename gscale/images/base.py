"""Small images with and without labels."""

from typing import NamedTuple

import numpy as np

SIDE = 28
PIXELS = SIDE * SIDE


class LabelledImages(NamedTuple):
    """Images of K classes.

    Attributes
    ----------
    images : ndarray, shape (N, 28, 28)
        From 0 to 1.
    labels : ndarray of int, shape (N,)
        Indices of classes.
    classes : tuple of str
        Names (K,).
    note : str
        What there is to say of the file they are from.
    confidence : ndarray, shape (N,), or None
        Probabilities that labels are right, where some of them are predicted.
    """

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    note: str = ""
    confidence: np.ndarray | None = None

    def take(self, index: np.ndarray) -> "LabelledImages":
        """The images at some indices, or where a mask (N,) is true."""
        confidence = None if self.confidence is None else self.confidence[index]
        return self._replace(images=self.images[index], labels=self.labels[index], confidence=confidence)

    @property
    def certainty(self) -> np.ndarray:
        """Probabilities (N,) that labels are right: 1 where all are known."""
        return np.ones(len(self.labels)) if self.confidence is None else self.confidence

    @property
    def counts(self) -> np.ndarray:
        """How many images (K,) each class has."""
        return np.bincount(self.labels, minlength=len(self.classes))


class UnlabelledImages(NamedTuple):
    """Images (N, 28, 28) from 0 to 1, an identifier (N,) of each, and a note on the file they are from."""

    images: np.ndarray
    names: np.ndarray
    note: str = ""
