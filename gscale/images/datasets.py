"""Labelled images by name: digits that come with scikit-learn, MNIST and its kin that are fetched."""

import zipfile
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.datasets import load_digits

from gscale.data import MNIST, EMNISTLetters, FashionMNIST, MNISTTest
from gscale.data.cards import File
from gscale.data.downloads.cache import fetch_files
from gscale.data.idx import parse_idx, read_idx
from gscale.data.published import PublishedImages
from gscale.errors import InputError
from gscale.images.base import LabelledImages
from gscale.images.image_files import as_images

_MD5_OF_LABELS = {
    "mnist/train": "d53e105ee54ea40749a09fcbcd1e9432",
    "mnist/t10k": "ec29112dd5afa0611ce80d1b7f02629c",
    "fashion-mnist/train": "25c81989df183df01b3e8a0aad5dffbe",
    "fashion-mnist/t10k": "bb300cfdad3c16e7a12a480ee83cd310",
}
_FETCHED = {source.card.name: source for source in (MNISTTest, MNIST, EMNISTLetters, FashionMNIST)}


class ImageSplit(NamedTuple):
    """Images with labels for training, and others with labels that are only for measuring."""

    train: LabelledImages
    test: LabelledImages


def load_images(name: str, n_classes: int) -> LabelledImages:
    """The images of the first classes of a data set.

    Raises
    ------
    InputError
        If there is no such data set, it has fewer classes, or cannot be fetched.

    Examples
    --------
    >>> digits = load_images("digits", 6)
    >>> digits.images.shape, digits.classes
    ((1083, 28, 28), ('0', '1', '2', '3', '4', '5'))
    """
    if name != "digits" and name not in _FETCHED:
        choices = ", ".join(["digits", *_FETCHED])
        raise InputError(f"no images are called {name!r}: choose {choices}, or give --train")
    images, labels = _digits() if name == "digits" else _fetched(_FETCHED[name])
    classes = np.unique(labels)
    if not 2 <= n_classes <= len(classes):
        raise InputError(f"{n_classes} classes of {name}: choose 2 to {len(classes)}")
    selected = labels < classes[n_classes - 1] + 1
    labels = labels[selected].astype(int) - int(classes[0])
    names = [chr(96 + c) if name == "emnist-letters" else str(c) for c in classes[:n_classes]]
    return LabelledImages(as_images(name, images[selected])[0], labels, tuple(names))


def split_images(labelled: LabelledImages, n_train: int, seed: int) -> ImageSplit:
    """Random images for training, at least two of each class, and the others.

    Raises
    ------
    InputError
        If there are too few for that.
    """
    n, least = len(labelled.labels), 2 * len(labelled.classes)
    if not least <= n_train < n:
        raise InputError(f"{n_train} labelled images of {n:,}: choose {least} to {n - 1}")
    order = np.random.default_rng(seed).permutation(n)
    parts = ImageSplit(labelled.take(order[:n_train]), labelled.take(order[n_train:]))
    if parts.train.counts.min() < 2:
        raise InputError(f"{n_train} labelled images leave a class with fewer than 2: take more")
    return parts


def _digits() -> tuple[np.ndarray, np.ndarray]:
    """Digits of 8×8 pixels with values to 16, brought to the frame of MNIST: 20×20 within 28×28."""
    import jax

    data = load_digits()
    large = np.asarray(jax.image.resize(data.images.astype(np.float32), (len(data.images), 20, 20), "cubic"))
    return np.pad(np.clip(large / 16, 0, 1), ((0, 0), (4, 4), (4, 4))), data.target


def _fetched(source: type[PublishedImages]) -> tuple[np.ndarray, np.ndarray]:
    paths = fetch_files(source.card)
    if source is EMNISTLetters:
        labels = [_zipped_labels(paths[0], part) for part in ("train", "test")]
    else:
        card = source.card
        files = []
        for file in card.files:  # the file of labels that belongs to one of images
            name, url = (text.replace("images-idx3", "labels-idx1") for text in (file.name, file.url))
            md5 = _MD5_OF_LABELS[f"{card.folder}/{name.split('-')[0]}"]
            files.append(File(name, url, f"md5:{md5}", file.published))
        labels = [read_idx(path) for path in fetch_files(replace(card, files=tuple(files)))]
    return source.read(paths).values, np.concatenate(labels)


def _zipped_labels(path: Path, part: str) -> np.ndarray:
    name = f"gzip/emnist-letters-{part}-labels-idx1-ubyte.gz"
    try:
        with zipfile.ZipFile(path) as archive:
            return parse_idx(archive.read(name), f"{path}, {name}")
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{path} is no EMNIST archive ({error}): get it again") from None
