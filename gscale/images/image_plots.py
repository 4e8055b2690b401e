"""Figures and sheets of small images, of arrays alone."""

import io
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from gscale.runtime import write_output


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Images (N, H, W) from 0 to 1 side by side, row by row, as bytes (H', W') in which 1 is black.

    Examples
    --------
    >>> sheet(np.ones((3, 28, 28)), 2).shape
    (60, 60)
    """
    n, height, width = images.shape
    rows = -(-n // columns)
    page = np.zeros((rows * columns, height + 2, width + 2))
    page[:n, 1:-1, 1:-1] = images
    page = page.reshape(rows, columns, height + 2, width + 2).transpose(0, 2, 1, 3)
    return (255 * (1 - np.clip(page, 0, 1))).astype(np.uint8).reshape(rows * (height + 2), -1)


def write_sheet(path: Path, images: np.ndarray, columns: int) -> None:
    """Write a sheet of images as a PNG, twice as large."""
    content = io.BytesIO()
    page = Image.fromarray(sheet(images, columns))
    page.resize((2 * page.width, 2 * page.height), Image.Resampling.NEAREST).save(content, "PNG")
    write_output(path, content.getvalue())


def write_class_sheet(path: Path, images: np.ndarray, n_classes: int, columns: int = 20) -> None:
    """Write a sheet of images (K · N, H, W) that are ordered by class, a row the first ones of each class."""
    size = images.shape[1:]
    first = images.reshape(n_classes, -1, *size)[:, :columns]
    write_sheet(path, first.reshape(-1, *size), first.shape[1])


def write_curves(path: Path, train: np.ndarray, held_out: np.ndarray, names: tuple[str, str]) -> None:
    """Draw two metrics (E, 2) by epoch, in training and on held-out images, where there are any."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    for i, (axes, name) in enumerate(zip(figure.subplots(1, 2), names, strict=True)):
        epochs = np.arange(1, len(train) + 1)
        axes.plot(epochs, train[:, i], label="training, augmented")
        if not np.isnan(held_out).all():
            axes.plot(epochs, held_out[:, i], label="held out")
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend()
    write_figure(path, figure)


def write_confusion(path: Path, counts: np.ndarray, classes: tuple[str, ...]) -> None:
    """Draw how often (K, K) each class, by row, was taken for another, by column."""
    figure = Figure(figsize=(4, 4), layout="constrained")
    axes = figure.subplots()
    axes.imshow(np.log1p(counts), cmap="Blues")
    for (i, j), count in np.ndenumerate(counts):
        axes.text(j, i, str(count), ha="center", va="center", color="white" if i == j else "black")
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true")
    write_figure(path, figure)


def write_figure(path: Path, figure: Figure) -> None:
    """Write a figure as a PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_output(path, content.getvalue())
