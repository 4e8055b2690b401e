"""Images of 28×28 pixels from files, with labels or identifiers in front."""

import importlib
import zipfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gscale.data.idx import read_idx
from gscale.data.readers import read_table
from gscale.errors import InputError

SIDE = 28
PIXELS = SIDE * SIDE


class Labelled(NamedTuple):
    """Images (N, 28, 28) from 0 to 1, places (N,) of labels among K class names, a note on the file."""

    images: np.ndarray
    labels: np.ndarray
    classes: tuple[str, ...]
    note: str = ""


class Unlabelled(NamedTuple):
    """Images (N, 28, 28) from 0 to 1, an identifier (N,) of each, and a note on the file."""

    images: np.ndarray
    names: np.ndarray
    note: str = ""


def read_train(path: Path) -> Labelled:
    """Labelled images: a table of a label and 784 pixels, x and y of an .npz, or IDX with labels beside it.

    Raises
    ------
    InputError
        If pixels or labels are missing, out of range or too few.
    """
    values, labels, headed = _without_numbers(*_parts(path))
    if labels is None:
        raise InputError(f"{path} has {PIXELS} columns and no labels: the first of {PIXELS + 1} is the label")
    images, note = as_images(path, values)
    return Labelled(images, *as_labels(path, labels), note + headed)


def read_test(path: Path, classes: tuple[str, ...]) -> Unlabelled:
    """Images without labels: a table of an identifier and 784 pixels, or of pixels alone.

    Raises
    ------
    InputError
        If pixels are missing or out of range, or what should be identifiers are labels.
    """
    values, names, headed = _without_numbers(*_parts(path, labelled=False))
    images, note = as_images(path, values)
    if names is None:
        return Unlabelled(images, np.arange(len(images)), note + headed)
    if len(set(names.tolist())) < len(names) and set(map(_text, names)) <= set(classes):
        raise InputError(
            f"{path}: the first column holds labels such as {_text(names[0])}, not identifiers: "
            "a test file has none; put identifiers there or leave the column out"
        )
    return Unlabelled(images, names, note + headed)


def as_images(path: Any, values: np.ndarray) -> tuple[np.ndarray, str]:
    """Images from 0 to 1 of rows of 784 pixels, from 0 to 255 or 0 to 1, and a note on which of both.

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
        raise InputError(f"{path}: pixel {bad[0, 1] + 1} of image {bad[0, 0] + 1} is no number: mend it")
    low, high = values.min(), values.max()
    if low < 0 or high > 255:
        raise InputError(f"{path}: pixels go from {low:g} to {high:g}: they must be in 0–255, or in 0–1")
    scale = 1.0 if high <= 1 else 255.0
    return (values / scale).reshape(-1, SIDE, SIDE), f"pixels 0–{scale:g}"


def as_labels(path: Any, labels: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """Places of labels among the names of classes, and these names.

    Raises
    ------
    InputError
        If a label is missing, there is one class alone, or a class has one image.
    """
    missing = [i for i, label in enumerate(labels) if label is None or label != label]
    if missing:
        raise InputError(f"{path}: image {missing[0] + 1} has no label: give it one or leave the image out")
    found, places, counts = np.unique(labels, return_inverse=True, return_counts=True)
    classes = tuple(map(_text, found))
    if len(found) > len(labels) / 2:
        raise InputError(
            f"{path}: {len(labels)} images of {len(found)} classes: 2 of each are needed; "
            "is the first column the label?"
        )
    if len(found) < 2:
        raise InputError(f"{path}: all labels are {classes[0]}: 2 classes or more are needed")
    if counts.min() < 2:
        raise InputError(f"{path}: class {classes[int(counts.argmin())]} has 1 image: 2 are needed")
    return places.reshape(-1), classes


def _without_numbers(
    values: np.ndarray, front: np.ndarray | None
) -> tuple[np.ndarray, np.ndarray | None, str]:
    """The rows without a first one that numbers the columns, as pandas writes it; and a note if there was."""
    flat = values.reshape(len(values), -1)
    if not len(flat) or flat.shape[1] < 2 or not (np.diff(flat[0]) == 1).all():
        return values, front, ""
    return flat[1:], None if front is None else front[1:], ", without a first line of column numbers"


def _parts(path: Path, labelled: bool = True) -> tuple[np.ndarray, np.ndarray | None]:
    """Pixels, and what stands in front of them, if anything does."""
    name = path.name.lower()
    if name.endswith((".rdata", ".rda")):
        return _split(path, _read_r(path))
    if name.endswith(".npz") and (found := _named(path)) is not None:
        return found
    if name.endswith((".idx", ".idx.gz", "-ubyte", "-ubyte.gz")):
        return _idx(path, labelled)
    if name.endswith((".npy", ".npz")):
        return _split(path, _array(path))
    frame = read_table(path).to_pandas()
    return _split(path, frame)


def _split(path: Path, table: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """A table's pixels and its first column, where it has one more than pixels."""
    array = table.to_numpy() if hasattr(table, "to_numpy") else np.asarray(table)
    array = array.reshape(len(array), -1)
    if array.shape[1] not in (PIXELS, PIXELS + 1):
        raise InputError(
            f"{path} has {array.shape[1]} columns: {PIXELS + 1} are due, "
            "a label or identifier and 28×28 pixels"
        )
    front = None if array.shape[1] == PIXELS else array[:, 0]
    if front is not None and hasattr(table, "iloc"):
        front = table.iloc[:, 0].to_numpy()
    try:
        return array[:, -PIXELS:].astype(np.float32), front
    except (TypeError, ValueError) as error:
        raise InputError(f"{path}: a pixel is no number ({error}): mend it") from None


def _array(path: Path) -> np.ndarray:
    from gscale.data.readers import read

    return np.asarray(read(path).values)


def _named(path: Path) -> tuple[np.ndarray, np.ndarray | None] | None:
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


def _idx(path: Path, labelled: bool) -> tuple[np.ndarray, np.ndarray | None]:
    try:
        images = read_idx(path)
        beside = path.with_name(path.name.replace("images", "labels").replace("idx3", "idx1"))
        if not labelled or beside == path:
            return images, None
        labels = read_idx(beside)
    except OSError as error:
        raise InputError(f"cannot read {error.filename}: {error.strerror}") from None
    if len(images) != len(labels):
        raise InputError(f"{path} has {len(images)} images, {beside.name} {len(labels)} labels")
    return images, labels


def _read_r(path: Path) -> Any:
    try:
        rdata: Any = importlib.import_module("rdata")
    except ImportError:
        raise InputError(f"{path}: files of R are read with pip install 'gscale[r]'") from None
    try:
        held = rdata.read_rda(path)
    except Exception as error:  # its readers raise what they come across
        raise InputError(f"{path} is no readable file of R: {' '.join(str(error).split())[:99]}") from None
    tables = [part for part in held.values() if getattr(part, "ndim", 0) == 2]
    if len(tables) != 1:
        raise InputError(f"{path} holds {len(tables)} tables, among {', '.join(held) or 'nothing'}: keep one")
    return tables[0]


def _text(label: Any) -> str:
    """A label as it is written: whole numbers without a point."""
    if isinstance(label, float | np.floating) and float(label).is_integer():
        return str(int(label))
    return str(label)
