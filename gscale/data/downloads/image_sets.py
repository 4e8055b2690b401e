"""Image sets that are fetched: MNIST and its kin, and CIFAR-10."""

import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gscale.data.cards import read_card
from gscale.data.downloads.archives import read_members
from gscale.data.idx import parse_idx, read_idx
from gscale.data.published import LoadedRows, PublishedImages
from gscale.data.reductions import LUMINANCE
from gscale.errors import InputError


@dataclass(frozen=True)
class MNIST(PublishedImages):
    """70,000 handwritten digits of 28×28 pixels; the published 10,000 are for testing."""

    card = read_card("mnist")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        return _train_and_test(*map(read_idx, paths))


@dataclass(frozen=True)
class MNISTTest(PublishedImages):
    """The 10,000 test digits of MNIST alone, one in five of them for testing: a small download."""

    card = read_card("mnist-test")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        return LoadedRows(read_idx(paths[0]))


@dataclass(frozen=True)
class FashionMNIST(PublishedImages):
    """70,000 photographs of clothes, 28×28 pixels; the published 10,000 are for testing."""

    card = read_card("fashion-mnist")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        return _train_and_test(*map(read_idx, paths))


@dataclass(frozen=True)
class EMNISTDigits(PublishedImages):
    """280,000 handwritten digits of 28×28 pixels; the published 40,000 are for testing."""

    card = read_card("emnist-digits")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        return _emnist(paths[0], "digits")


@dataclass(frozen=True)
class EMNISTLetters(PublishedImages):
    """145,600 handwritten letters of 28×28 pixels; the published 20,800 are for testing."""

    card = read_card("emnist-letters")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        return _emnist(paths[0], "letters")


@dataclass(frozen=True)
class CIFAR10(PublishedImages):
    """60,000 small photographs, 32×32 pixels made grey; the published 10,000 are for testing."""

    card = read_card("cifar-10")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        batches = read_members(paths[0], [*(f"data_batch_{i}.bin" for i in range(1, 6)), "test_batch.bin"])
        records = np.frombuffer(b"".join(batches), np.uint8)
        if not records.size or records.size % 3073:
            raise InputError(
                f"{paths[0]} holds {records.size} bytes of images: no multiple of 3073; get it again"
            )
        colours = records.reshape(-1, 3073)[:, 1:].reshape(-1, 3, 32, 32)
        grey = np.rint(np.einsum("nchw,c->nhw", colours, LUMINANCE)).astype(np.uint8)
        return LoadedRows(grey, len(batches[-1]) // 3073)


def _train_and_test(train: np.ndarray, test: np.ndarray) -> LoadedRows:
    return LoadedRows(np.concatenate([train, test]), len(test))


def _emnist(path: Path, part: str) -> LoadedRows:
    """Upright images: in the archive rows are columns."""
    names = [f"gzip/emnist-{part}-{of}-images-idx3-ubyte.gz" for of in ("train", "test")]
    try:
        with zipfile.ZipFile(path) as archive:
            contents = {name: archive.read(name) for name in names}
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{path} is no EMNIST archive ({error}): get it again") from None
    train, test = (parse_idx(content, f"{path}, {name}") for name, content in contents.items())
    return LoadedRows(np.concatenate([train, test]).transpose(0, 2, 1), len(test))
