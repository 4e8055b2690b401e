"""Image sets that are fetched: MNIST and its kin, and CIFAR-10."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from gscale.data.arrays import Size
from gscale.data.downloads.archives import members
from gscale.data.downloads.base import FetchedImages, Found
from gscale.data.downloads.card import Card, File
from gscale.data.idx import parse_idx, read_idx
from gscale.data.reductions import Area, ImageCut
from gscale.errors import InputError

_CUT = "area averages of k×k pixels (Area), or the k×k pixels in the middle (Crop); D = k²"
_IN_TORCHVISION = "torchvision, datasets/mnist.py"
_MNIST_URL = "https://ossci-datasets.s3.amazonaws.com/mnist/"
_FASHION_URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"
_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_TRAIN, _TEST = "train-images-idx3-ubyte.gz", "t10k-images-idx3-ubyte.gz"
_MNIST_TEST = File(
    _TEST,
    _MNIST_URL + _TEST,
    "md5:9fb629c4189551a2d022fa330f9573f3",
    _IN_TORCHVISION,
    "md5:2646ac647ad5339dbf082846283269ea",
)
_MNIST = Card(
    name="mnist",
    about="handwritten digits, 28×28 grey; the published test set of 10,000",
    rows=70_000,
    features=28 * 28,
    cut=_CUT,
    licence="CC BY-SA 3.0",
    citation="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, "
    "Proceedings of the IEEE 86 (1998)",
    home="http://yann.lecun.com/exdb/mnist/",
    folder="mnist",
    files=(
        File(
            _TRAIN,
            _MNIST_URL + _TRAIN,
            "md5:f68b3c2dcbeaaa9fbdd348bbdeb94873",
            _IN_TORCHVISION,
            "md5:6bbc9ace898e44ae57da46a324031adb",
        ),
        _MNIST_TEST,
    ),
)
_EMNIST = File(
    "gzip.zip",
    "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    "md5:58c8d27c78d21e728a6bc7b3cc06412e",
    _IN_TORCHVISION,
)


@dataclass(frozen=True)
class MNIST(FetchedImages):
    """70,000 handwritten digits of 28×28 pixels; the published 10,000 are for testing."""

    cut: ImageCut = field(default_factory=Area)
    card = _MNIST

    @property
    def size(self) -> Size:
        return Size(60_000, 10_000, 28)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        return _train_and_test(paths)


@dataclass(frozen=True)
class MNISTTest(FetchedImages):
    """The 10,000 test digits of MNIST alone, one in five of them for testing: a small download."""

    cut: ImageCut = field(default_factory=Area)
    card = Card(
        name="mnist-test",
        about="the 10,000 test digits of MNIST alone; a fifth of them for testing",
        rows=10_000,
        features=28 * 28,
        cut=_CUT,
        licence=_MNIST.licence,
        citation=_MNIST.citation,
        home=_MNIST.home,
        folder="mnist",
        files=(_MNIST_TEST,),
    )

    @property
    def size(self) -> Size:
        return Size(8_000, 2_000, 28)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        return Found(read_idx(paths[0]))


@dataclass(frozen=True)
class FashionMNIST(FetchedImages):
    """70,000 photographs of clothes, 28×28 pixels; the published 10,000 are for testing."""

    cut: ImageCut = field(default_factory=Area)
    card = Card(
        name="fashion-mnist",
        about="photographs of clothes, 28×28 grey; the published test set of 10,000",
        rows=70_000,
        features=28 * 28,
        cut=_CUT,
        licence="MIT",
        citation="Xiao, Rasul and Vollgraf, Fashion-MNIST: a novel image dataset for benchmarking machine "
        "learning algorithms, arXiv:1708.07747 (2017)",
        home="https://github.com/zalandoresearch/fashion-mnist",
        folder="fashion-mnist",
        files=(
            File(_TRAIN, _FASHION_URL + _TRAIN, "md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d", _IN_TORCHVISION),
            File(_TEST, _FASHION_URL + _TEST, "md5:bef4ecab320f06d8554ea6380940ec79", _IN_TORCHVISION),
        ),
    )

    @property
    def size(self) -> Size:
        return Size(60_000, 10_000, 28)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        return _train_and_test(paths)


def _emnist_card(part: str, rows: int, n_test: str) -> Card:
    return Card(
        name=f"emnist-{part}",
        about=f"handwritten {part}, 28×28 grey; the published test set of {n_test}",
        rows=rows,
        features=28 * 28,
        cut=_CUT,
        licence="NIST Special Database 19, of the United States Government: free to use, NIST to be named",
        citation="Cohen, Afshar, Tapson and van Schaik, EMNIST: an extension of MNIST to handwritten "
        "letters, arXiv:1702.05373 (2017)",
        home="https://www.nist.gov/itl/products-and-services/emnist-dataset",
        folder="emnist",
        files=(_EMNIST,),
    )


@dataclass(frozen=True)
class EMNISTDigits(FetchedImages):
    """280,000 handwritten digits of 28×28 pixels; the published 40,000 are for testing."""

    cut: ImageCut = field(default_factory=Area)
    card = _emnist_card("digits", 280_000, "40,000")

    @property
    def size(self) -> Size:
        return Size(240_000, 40_000, 28)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        return _emnist(paths[0], "digits")


@dataclass(frozen=True)
class EMNISTLetters(FetchedImages):
    """145,600 handwritten letters of 28×28 pixels; the published 20,800 are for testing."""

    cut: ImageCut = field(default_factory=Area)
    card = _emnist_card("letters", 145_600, "20,800")

    @property
    def size(self) -> Size:
        return Size(124_800, 20_800, 28)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        return _emnist(paths[0], "letters")


@dataclass(frozen=True)
class CIFAR10(FetchedImages):
    """60,000 small photographs, 32×32 pixels made grey; the published 10,000 are for testing."""

    cut: ImageCut = field(default_factory=Area)
    card = Card(
        name="cifar-10",
        about="small photographs of ten kinds of things, 32×32, made grey; the published test set of 10,000",
        rows=60_000,
        features=32 * 32,
        cut=_CUT,
        licence="none stated; the authors ask to be cited",
        citation="Krizhevsky, Learning multiple layers of features from tiny images, Toronto (2009)",
        home="https://www.cs.toronto.edu/~kriz/cifar.html",
        folder="cifar-10",
        files=(
            File(
                "cifar-10-binary.tar.gz",
                "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
                "md5:c32a1d4ab5d03f1284b67883e8d87530",
                "the page of the data set",
            ),
        ),
    )

    @property
    def size(self) -> Size:
        return Size(50_000, 10_000, 32)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        names = [f"data_batch_{i}.bin" for i in range(1, 6)] + ["test_batch.bin"]
        batches = members(paths[0], names)
        records = np.frombuffer(b"".join(batches), np.uint8)
        if not records.size or records.size % 3073:
            raise InputError(
                f"{paths[0]} holds {records.size} bytes of images: no multiple of 3073; get it again"
            )
        colours = records.reshape(-1, 3073)[:, 1:].reshape(-1, 3, 32, 32)
        grey = np.rint(np.einsum("nchw,c->nhw", colours, _LUMINANCE)).astype(np.uint8)
        return Found(grey, len(batches[-1]) // 3073)


def _train_and_test(paths: list[Path]) -> Found:
    train, test = map(read_idx, paths)
    return Found(np.concatenate([train, test]), len(test))


def _emnist(path: Path, part: str) -> Found:
    """Upright images: in the archive rows are columns."""
    names = [f"emnist-{part}-{of}-images-idx3-ubyte.gz" for of in ("train", "test")]
    try:
        with zipfile.ZipFile(path) as archive:
            contents = [archive.read(f"gzip/{name}") for name in names]
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(f"{path} is no EMNIST archive ({error}): get it again") from None
    train, test = (
        parse_idx(content, f"{path}, {name}") for content, name in zip(contents, names, strict=True)
    )
    return Found(np.concatenate([train, test]).transpose(0, 2, 1), len(test))
