"""Data sets that are fetched once, each with its card."""

from gscale.data.downloads.image_sets import (
    CIFAR10,
    MNIST,
    EMNISTDigits,
    EMNISTLetters,
    FashionMNIST,
    MNISTTest,
)
from gscale.data.downloads.maf_tables import BSDS300, Gas, Hepmass, Miniboone, Power
from gscale.data.downloads.table_sets import NSLKDD, CaliforniaHousing, Covertype, KDDCup99, NSLKDDTest

__all__ = [
    "BSDS300",
    "CIFAR10",
    "MNIST",
    "NSLKDD",
    "CaliforniaHousing",
    "Covertype",
    "EMNISTDigits",
    "EMNISTLetters",
    "FashionMNIST",
    "Gas",
    "Hepmass",
    "KDDCup99",
    "MNISTTest",
    "Miniboone",
    "NSLKDDTest",
    "Power",
]
