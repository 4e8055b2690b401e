"""How a data set is cut to D: images by their area, tables by their columns."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Area:
    """Images of k×k pixels averaged down to √D × √D: each larger pixel is the mean over its area."""

    def apply(self, pixels: np.ndarray, side: int) -> np.ndarray:
        """Cut images (n, k, k) to (n, side²)."""
        shrink = area_average(pixels.shape[1], side)
        return (shrink @ pixels @ shrink.T).reshape(len(pixels), side * side)


@dataclass(frozen=True)
class RandomColumns:
    """D of a table's columns, drawn anew for each seed, in the order of the table."""

    def columns(self, rng: np.random.Generator, n_columns: int, dim: int) -> np.ndarray:
        """Indices (D,) of the columns that are read."""
        return np.sort(rng.choice(n_columns, dim, replace=False))


def area_average(size: int, smaller: int) -> np.ndarray:
    """Matrix (smaller, size) that averages ``size`` pixels over the areas of ``smaller`` larger ones."""
    edges = np.arange(smaller + 1) * (size / smaller)
    left, right = edges[:-1, None], edges[1:, None]
    pixels = np.arange(size)[None]
    return np.clip(np.minimum(right, pixels + 1) - np.maximum(left, pixels), 0, None) * (smaller / size)
