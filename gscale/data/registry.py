"""The real data sets by name, with their cards."""

from typing import NamedTuple

from gscale.data.base import Source
from gscale.data.downloads import (
    BSDS300,
    CIFAR10,
    MNIST,
    NSLKDD,
    CaliforniaHousing,
    Covertype,
    EMNISTDigits,
    EMNISTLetters,
    FashionMNIST,
    Gas,
    Hepmass,
    KDDCup99,
    Miniboone,
    MNISTTest,
    NSLKDDTest,
    Power,
)
from gscale.data.downloads.card import Card
from gscale.data.sklearn_images import Digits, Patches
from gscale.data.sklearn_tables import BreastCancer, Diabetes, Wine
from gscale.errors import InputError

_FETCHED = (
    *(MNIST(), MNISTTest(), FashionMNIST(), EMNISTDigits(), EMNISTLetters(), CIFAR10()),
    *(Power(), Gas(), Hepmass(), Miniboone(), BSDS300()),
    *(KDDCup99(), NSLKDD(), NSLKDDTest(), Covertype(), CaliforniaHousing()),
)
_UCI = "CC BY 4.0, as all of the UCI repository"
_COLUMNS = "random columns (RandomColumns), or principal axes (PrincipalAxes)"
_SKLEARN = "https://scikit-learn.org/stable/datasets"


class Entry(NamedTuple):
    """A data set by name: its card and its source."""

    card: Card
    source: Source


def entries() -> dict[str, Entry]:
    """All real data sets, those that come with the dependencies first."""
    fetched = [Entry(source.card, source) for source in _FETCHED]
    return {entry.card.name: entry for entry in (*_shipped(), *fetched)}


def entry(name: str) -> Entry:
    """The data set of that name.

    Raises
    ------
    InputError
        If there is none.
    """
    known = entries()
    if name not in known:
        raise InputError(f"there is no data set {name!r}: it is one of {', '.join(known)}")
    return known[name]


def _shipped() -> tuple[Entry, ...]:
    return (
        Entry(
            Card(
                "patches",
                "2×2 … 28×28 grey patches of two photographs; test patches from blocks of their own",
                529_200,
                28 * 28,
                "the size k×k of the patches, D = k²: 529,200 of them at k = 2, fewer of larger ones",
                "CC BY 2.0, danielbuechele and vultilion on Flickr",
                "Pedregosa et al., Scikit-learn: machine learning in Python, JMLR 12 (2011)",
                _SKLEARN,
            ),
            Patches(),
        ),
        Entry(
            Card(
                "digits",
                "handwritten digits, 8×8 grey; every fifth for testing",
                1797,
                64,
                "area averages of k×k pixels, D = k²",
                _UCI,
                "Alpaydin and Kaynak, Optical recognition of handwritten digits, UCI (1998)",
                "https://archive.ics.uci.edu/dataset/80",
            ),
            Digits(),
        ),
        Entry(
            Card(
                "breast-cancer",
                "measures of cell nuclei in biopsies",
                569,
                30,
                _COLUMNS,
                _UCI,
                "Street, Wolberg and Mangasarian, Nuclear feature extraction for breast tumor diagnosis, "
                "SPIE 1905 (1993)",
                "https://archive.ics.uci.edu/dataset/17",
            ),
            BreastCancer(),
        ),
        Entry(
            Card(
                "wine",
                "chemical measures of wines",
                178,
                13,
                _COLUMNS,
                _UCI,
                "Aeberhard and Forina, Wine, UCI (1992)",
                "https://archive.ics.uci.edu/dataset/109",
            ),
            Wine(),
        ),
        Entry(
            Card(
                "diabetes",
                "measures of patients",
                442,
                10,
                _COLUMNS,
                "none stated",
                "Efron, Hastie, Johnstone and Tibshirani, Least angle regression, "
                "Annals of Statistics 32 (2004)",
                "https://www4.stat.ncsu.edu/~boos/var.select/diabetes.html",
            ),
            Diabetes(),
        ),
    )
