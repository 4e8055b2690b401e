"""Labelled images by name: digits that come along, MNIST and its kin that are fetched."""

import gzip
import zipfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from gscale.data.downloads import MNIST, EMNISTLetters, FashionMNIST, MNISTTest
from gscale.data.downloads.cache import ready
from gscale.data.downloads.card import Card, File
from gscale.data.idx import parse_idx, read_idx
from gscale.errors import InputError
from gscale.images.image_files import Labelled, as_images

_MD5 = {
    "mnist": ("d53e105ee54ea40749a09fcbcd1e9432", "ec29112dd5afa0611ce80d1b7f02629c"),
    "fashion-mnist": ("25c81989df183df01b3e8a0aad5dffbe", "bb300cfdad3c16e7a12a480ee83cd310"),
}
NAMES = ("digits", "mnist-test", "mnist", "emnist-letters", "fashion-mnist")


@dataclass(frozen=True)
class Split:
    """Images with labels for training, and others with labels that are only for measuring."""

    train: Labelled
    test: Labelled


def named(name: str, n_classes: int) -> Labelled:
    """The images of the first classes of a set.

    Raises
    ------
    InputError
        If there is no such set, it has fewer classes, or cannot be had.

    Examples
    --------
    >>> found = named("digits", 6)
    >>> found.images.shape, found.classes
    ((1083, 28, 28), ('0', '1', '2', '3', '4', '5'))
    """
    if name not in NAMES:
        raise InputError(f"no images are called {name!r}: choose {', '.join(NAMES)}, or give --train")
    images, labels = _digits() if name == "digits" else _fetched(name)
    classes = np.unique(labels)
    if not 2 <= n_classes <= len(classes):
        raise InputError(f"{n_classes} classes of {name}: choose 2 to {len(classes)}")
    chosen = labels < classes[n_classes - 1] + 1
    labels = labels[chosen].astype(int) - int(classes[0])
    names = [chr(96 + c) if name == "emnist-letters" else str(c) for c in classes[:n_classes]]
    return Labelled(as_images(name, images[chosen])[0], labels, tuple(names))


def split(found: Labelled, n_train: int, seed: int) -> Split:
    """Random images for training, at least two of each class, and the others.

    Raises
    ------
    InputError
        If there are too few for that.
    """
    n = len(found.labels)
    if not 2 * len(found.classes) <= n_train < n:
        raise InputError(f"{n_train} labelled images of {n:,}: choose {2 * len(found.classes)} to {n - 1}")
    order = np.random.default_rng(seed).permutation(n)
    train, test = order[:n_train], order[n_train:]
    if np.bincount(found.labels[train], minlength=len(found.classes)).min() < 2:
        raise InputError(f"{n_train} labelled images leave a class with fewer than 2: take more")
    return Split(*(found._replace(images=found.images[i], labels=found.labels[i]) for i in (train, test)))


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Digits of 8×8 pixels with values to 16, brought to the frame of MNIST: 20×20 within 28×28."""
    import jax

    data = load_digits()
    large = np.asarray(jax.image.resize(data.images.astype(np.float32), (len(data.images), 20, 20), "cubic"))
    return np.pad(np.clip(large / 16, 0, 1), ((0, 0), (4, 4), (4, 4))), data.target


def _fetched(name: str) -> tuple[np.ndarray, np.ndarray]:
    if name == "emnist-letters":
        return _letters()
    source = {"mnist": MNIST, "mnist-test": MNISTTest, "fashion-mnist": FashionMNIST}[name]
    card = source.card
    parts = [read_idx(path) for path in ready(card)]
    labels = [read_idx(path) for path in ready(_labels_of(card))]
    return np.concatenate(parts), np.concatenate(labels)


def _labels_of(card: Card) -> Card:
    """A card of the files of labels that belong to those of images."""
    checksums = dict(zip(("train", "t10k"), _MD5[card.folder], strict=True))
    files = tuple(_label_file(file, checksums[file.name.split("-")[0]]) for file in card.files)
    return replace(card, files=files)


def _label_file(file: File, md5: str) -> File:
    name, url = (text.replace("images-idx3", "labels-idx1") for text in (file.name, file.url))
    return File(name, url, f"md5:{md5}", file.published)


def _letters() -> tuple[np.ndarray, np.ndarray]:
    images = EMNISTLetters.read(paths := ready(EMNISTLetters.card)).values
    return images, np.concatenate([_zipped_labels(paths[0], of) for of in ("train", "test")])


def _zipped_labels(path: Path, of: str) -> np.ndarray:
    name = f"gzip/emnist-letters-{of}-labels-idx1-ubyte.gz"
    try:
        with zipfile.ZipFile(path) as archive:
            return parse_idx(gzip.decompress(archive.read(name)), f"{path}, {name}")
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{path} is no EMNIST archive ({error}): get it again") from None
