"""Figures and sheets of small images; they read arrays, and know of no model."""

import io
from pathlib import Path

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from PIL import Image

from gscale.runtime import write_output


def sheet(images: np.ndarray, columns: int) -> np.ndarray:
    """Images (N, H, W) from 0 to 1 row by row beside each other, ink black, as bytes.

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


def write_curves(path: Path, train: np.ndarray, held_out: np.ndarray, names: tuple[str, str]) -> None:
    """Draw two measures (E, 2) by epoch, in training and on images held out, where there are any."""
    figure = Figure(figsize=(8, 3), layout="constrained")
    FigureCanvasAgg(figure)
    for i, (axes, name) in enumerate(zip(figure.subplots(1, 2), names, strict=True)):
        epochs = np.arange(1, len(train) + 1)
        axes.plot(epochs, train[:, i], label="training, augmented")
        if not np.isnan(held_out).all():
            axes.plot(epochs, held_out[:, i], label="held out")
        axes.set(xlabel="epoch", ylabel=name)
        axes.legend()
    _write(path, figure)


def write_confusion(path: Path, counts: np.ndarray, classes: tuple[str, ...]) -> None:
    """Draw how often each class was taken for another."""
    figure = Figure(figsize=(4, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    axes.imshow(np.log1p(counts), cmap="Blues")
    for (i, j), count in np.ndenumerate(counts):
        axes.text(j, i, str(count), ha="center", va="center", color="white" if i == j else "black")
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true")
    _write(path, figure)


def _write(path: Path, figure: Figure) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_output(path, content.getvalue())
