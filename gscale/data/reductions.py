"""How data are reduced: colours to grey, images to D pixels, tables to D columns or principal axes."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from gscale.errors import InputError

LUMINANCE = np.array([0.299, 0.587, 0.114])  # of red, green and blue in grey: ITU-R BT.601
_LEAST = 1e-9  # an axis along which rows vary less, as a share of all variance, is rounding


class ImageCut(Protocol):
    """From k×k pixels to side×side of them."""

    def apply(self, pixels: np.ndarray, side: int) -> np.ndarray:
        """Cut images (n, k, k) to (n, side²)."""
        ...


class TableCut(Protocol):
    """From C columns to D coordinates."""

    def columns(self, rng: np.random.Generator, n_columns: int, dim: int) -> np.ndarray:
        """Indices of the columns that are read."""
        ...

    def project(self, train: np.ndarray, test: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (N, D) and (M, D) of standardised columns; fitted to ``train`` alone."""
        ...


@dataclass(frozen=True)
class Area:
    """Images of k×k pixels averaged down to √D × √D: each larger pixel is the mean over its area."""

    def apply(self, pixels: np.ndarray, side: int) -> np.ndarray:
        shrink = area_average(pixels.shape[1], side)
        return (shrink @ pixels @ shrink.T).reshape(len(pixels), side * side)


@dataclass(frozen=True)
class Crop:
    """The √D × √D pixels in the middle of an image, as they are."""

    def apply(self, pixels: np.ndarray, side: int) -> np.ndarray:
        start = (pixels.shape[1] - side) // 2
        window = slice(start, start + side)
        return pixels[:, window, window].reshape(len(pixels), side * side)


@dataclass(frozen=True)
class RandomColumns:
    """D of a table's columns, drawn anew for each seed, in the order of the table."""

    def columns(self, rng: np.random.Generator, n_columns: int, dim: int) -> np.ndarray:
        return np.sort(rng.choice(n_columns, dim, replace=False))

    def project(self, train: np.ndarray, test: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        return train, test


@dataclass(frozen=True)
class PrincipalAxes:
    """The D axes along which the standardised training rows vary most, in that order, not scaled anew."""

    def columns(self, rng: np.random.Generator, n_columns: int, dim: int) -> np.ndarray:
        return np.arange(n_columns)

    def project(self, train: np.ndarray, test: np.ndarray, dim: int) -> tuple[np.ndarray, np.ndarray]:
        variances, axes = np.linalg.eigh(train.T @ train / len(train))
        n_axes = int((variances > _LEAST * variances.sum()).sum())
        if dim > n_axes:
            raise InputError(f"dim is {dim}: the {len(train)} training rows vary along {n_axes} axes only")
        axes = axes[:, ::-1][:, :dim]
        axes = axes * np.sign(axes[np.abs(axes).argmax(0), np.arange(dim)])  # eigenvectors have either sign
        return train @ axes, test @ axes


def area_average(size: int, smaller: int) -> np.ndarray:
    """Matrix (smaller, size) that averages ``size`` pixels over the areas of ``smaller`` larger ones."""
    edges = np.arange(smaller + 1) * (size / smaller)
    left, right = edges[:-1, None], edges[1:, None]
    pixels = np.arange(size)[None]
    return np.clip(np.minimum(right, pixels + 1) - np.maximum(left, pixels), 0, None) * (smaller / size)
