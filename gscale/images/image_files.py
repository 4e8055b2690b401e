"""Images of 28×28 pixels from files, with labels or identifiers in the first column."""

import importlib
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gscale.data.readers import read, read_table
from gscale.errors import InputError, one_line
from gscale.images.base import PIXELS, SIDE, LabelledImages, UnlabelledImages

Column = np.ndarray | None


def read_train(path: Path) -> LabelledImages:
    """Labelled images: a table of a label and 784 pixels, x and y of an .npz, or IDX with labels beside it.

    Raises
    ------
    InputError
        If pixels or labels are missing, out of range or too few.
    """
    values, labels, headed = _without_numbering(*_read_rows(path))
    if labels is None:
        raise InputError(f"{path} has {PIXELS} columns and no labels: the first of {PIXELS + 1} is the label")
    images, note = as_images(path, values)
    return LabelledImages(images, *as_labels(path, labels), note + headed)


def read_test(path: Path, classes: tuple[str, ...]) -> UnlabelledImages:
    """Images without labels: a table of an identifier and 784 pixels, or of pixels alone.

    Raises
    ------
    InputError
        If pixels are missing or out of range, or what should be identifiers are labels.
    """
    values, names, headed = _without_numbering(*_read_rows(path, labelled=False))
    images, note = as_images(path, values)
    if names is None:
        return UnlabelledImages(images, np.arange(len(images)), note + headed)
    if len(set(names.tolist())) < len(names) and set(map(_text, names)) <= set(classes):
        raise InputError(
            f"{path}: the first column holds labels such as {_text(names[0])}, not identifiers: "
            "a test file has none; put identifiers there or leave the column out"
        )
    return UnlabelledImages(images, names, note + headed)


def as_images(path: Any, values: np.ndarray) -> tuple[np.ndarray, str]:
    """Images (N, 28, 28) from 0 to 1 of N rows of 784 pixels, and a note on their range: 0–255 or 0–1.

    Raises
    ------
    InputError
        If a row has other than 784 pixels, or one is NaN or out of range.
    """
    values = np.asarray(values, np.float32).reshape(len(values), -1)
    if not len(values):
        raise InputError(f"{path} has no images")
    if values.shape[1] != PIXELS:
        raise InputError(f"{path} has {values.shape[1]} pixels an image: {PIXELS} are due, 28×28")
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        raise InputError(f"{path}: pixel {bad[0, 1] + 1} of image {bad[0, 0] + 1} is no number: correct it")
    low, high = values.min(), values.max()
    if low < 0 or high > 255:
        raise InputError(f"{path}: pixels go from {low:g} to {high:g}: they must be in 0–255, or in 0–1")
    scale = 1.0 if high <= 1 else 255.0
    return (values / scale).reshape(-1, SIDE, SIDE), f"pixels 0–{scale:g}"


def as_labels(path: Any, labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Labels (N,) as indices of the names of classes, and these names.

    Raises
    ------
    InputError
        If a label is missing, there is one class alone, or a class has one image.
    """
    missing = [i for i, label in enumerate(labels) if label is None or label != label]
    if missing:
        raise InputError(f"{path}: image {missing[0] + 1} has no label: give it one or leave the image out")
    values, indices, counts = np.unique(labels, return_inverse=True, return_counts=True)
    classes = tuple(map(_text, values))
    if len(classes) > len(labels) / 2:
        raise InputError(
            f"{path}: {len(labels)} images of {len(classes)} classes: 2 of each are needed; "
            "is the first column the label?"
        )
    if len(classes) < 2:
        raise InputError(f"{path}: all labels are {classes[0]}: 2 classes or more are needed")
    if counts.min() < 2:
        raise InputError(f"{path}: class {classes[int(counts.argmin())]} has 1 image: 2 are needed")
    return indices.reshape(-1), classes


def _without_numbering(values: np.ndarray, first: Column) -> tuple[np.ndarray, Column, str]:
    """The rows without a first one that numbers the columns, as pandas writes it; and a note if there was."""
    flat = values.reshape(len(values), -1)
    if not len(flat) or flat.shape[1] < 2 or not (np.diff(flat[0]) == 1).all():
        return values, first, ""
    return flat[1:], None if first is None else first[1:], ", without a first line of column numbers"


def _read_rows(path: Path, labelled: bool = True) -> tuple[np.ndarray, Column]:
    """Pixels (N, 784), and the labels or identifiers (N,) in front of them, if there are any."""
    name = path.name.lower()
    if name.endswith((".rdata", ".rda")):
        return _split_columns(path, _read_r(path))
    if name.endswith(".npz") and (arrays := _named_arrays(path)) is not None:
        return arrays
    if name.endswith((".idx", ".idx.gz", "-ubyte", "-ubyte.gz")):
        return _read_idx(path, labelled)
    if name.endswith((".npy", ".npz")):
        return _split_columns(path, read(path)[0])
    return _split_columns(path, read_table(path).to_pandas())


def _split_columns(path: Path, rows: Any) -> tuple[np.ndarray, Column]:
    """The pixels of a table or array of rows, and its first column where it has one more than pixels."""
    if not isinstance(rows, pd.DataFrame):
        rows = pd.DataFrame(np.asarray(rows).reshape(len(rows), -1))
    if rows.shape[1] not in (PIXELS, PIXELS + 1):
        expected = f"{PIXELS + 1} are due, a label or identifier and 28×28 pixels"
        raise InputError(f"{path} has {rows.shape[1]} columns: {expected}")
    first = None if rows.shape[1] == PIXELS else rows.iloc[:, 0].to_numpy()
    try:
        return rows.iloc[:, -PIXELS:].to_numpy().astype(np.float32), first
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: a pixel is no number ({error}): correct it") from None


def _named_arrays(path: Path) -> tuple[np.ndarray, Column] | None:
    """The arrays x and y of an .npz; None without y, and where the file cannot be opened."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if not {"x", "y"} <= set(file.files):
                return None
            x, y = file["x"], file["y"]
    except (OSError, ValueError, EOFError, zipfile.BadZipFile):
        return None
    if len(x) != len(y):
        raise InputError(f"{path}: {len(x)} images in x and {len(y)} labels in y: there is one for each")
    return x, y


def _read_idx(path: Path, labelled: bool) -> tuple[np.ndarray, Column]:
    images, _ = read(path)
    beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
    if not labelled or beside == path:
        return images, None
    labels = read(beside)[0].ravel()
    if len(images) != len(labels):
        raise InputError(f"{path} has {len(images)} images, {beside.name} {len(labels)} labels")
    return images, labels


def _read_r(path: Path) -> Any:
    try:
        rdata: Any = importlib.import_module("rdata")
    except ImportError:
        raise InputError(f"{path}: reading files of R needs pip install 'gscale[r]'") from None
    try:
        variables = rdata.read_rda(path)
    except Exception as error:  # its readers raise errors of any kind
        raise InputError(f"{path} is no readable file of R: {one_line(error)}") from None
    tables = [part for part in variables.values() if getattr(part, "ndim", 0) == 2]
    if len(tables) != 1:
        names = ", ".join(variables) or "nothing"
        raise InputError(f"{path} holds {len(tables)} tables, among {names}: keep one")
    return tables[0]


def _text(label: Any) -> str:
    """A label as it is written: whole numbers without a point."""
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)
