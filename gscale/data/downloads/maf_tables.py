"""The five tables of the flow literature, with its preprocessing and its test rows.

Papamakarios, Pavlakou and Murray, "Masked autoregressive flow for density estimation", NeurIPS 2017,
appendix D, and https://github.com/gpapamak/maf. Their validation rows are training rows here, and what
`FromTable` does to every table comes on top: columns are standardised by the training rows drawn.
"""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd

from gscale.data.arrays import Size
from gscale.data.downloads.archives import unpacked
from gscale.data.downloads.base import FetchedTable, Found
from gscale.data.downloads.card import Card, File
from gscale.data.downloads.pandas_pickle import read_frame
from gscale.data.reductions import RandomColumns, TableCut
from gscale.errors import InputError

_ARCHIVE = File(
    "data.tar.gz",
    "https://zenodo.org/records/1161203/files/data.tar.gz",
    "md5:9b9c9b0375315ad270eba4ce80c093ab",
    "the record 1161203 of Zenodo",
)
_CITATION = (
    "Papamakarios, Pavlakou and Murray, Masked autoregressive flow for density estimation, NeurIPS 2017; "
)
_CUT = "random columns (RandomColumns), or principal axes (PrincipalAxes)"
_UCI = "CC BY 4.0, as all of the UCI repository"


def _card(name: str, about: str, rows: int, features: int, licence: str, citation: str, home: str) -> Card:
    return Card(name, about, rows, features, _CUT, licence, _CITATION + citation, home, "maf", (_ARCHIVE,))


@dataclass(frozen=True)
class Power(FetchedTable):
    """POWER: electric power of a household by the minute, 6 columns."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = _card(
        "power",
        "electric power of a household by the minute; two columns dropped, noise below the meters' steps",
        2_049_280,
        6,
        _UCI,
        "Hebrail and Berard, Individual household electric power consumption, UCI (2012)",
        "https://archive.ics.uci.edu/dataset/235",
    )

    @property
    def size(self) -> Size:
        return Size(1_844_352, 204_928, 6)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        rng = np.random.RandomState(42)
        values = _array(unpacked(paths[0], "power/data.npy"))
        rng.shuffle(values)
        n = len(values)
        values = np.delete(values, [1, 3], axis=1)
        voltage, active, meters = 0.01 * rng.rand(n, 1), 0.001 * rng.rand(n, 1), rng.rand(n, 3)
        return Found(values + np.hstack([active, voltage, meters, np.zeros((n, 1))]), n // 10)


@dataclass(frozen=True)
class Gas(FetchedTable):
    """GAS: sensors in a mixture of ethylene and carbon monoxide, 8 columns."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = _card(
        "gas",
        "sixteen gas sensors; of any two correlated above 0.98 the earlier one dropped",
        1_052_065,
        8,
        _UCI,
        "Fonollosa et al., Gas sensor array under dynamic gas mixtures, UCI (2015)",
        "https://archive.ics.uci.edu/dataset/322",
    )

    @property
    def size(self) -> Size:
        return Size(946_859, 105_206, 8)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        values, names = read_frame(unpacked(paths[0], "gas/ethylene_CO.pickle"))
        values = values[:, [name not in ("Meth", "Eth", "Time") for name in names]]
        high = np.corrcoef(values.T) > 0.98
        while (high.sum(1) > 1).any():
            first = int(np.argmax(high.sum(1) > 1))
            high = np.delete(np.delete(high, first, 0), first, 1)
            values = np.delete(values, first, 1)
        return Found(values, len(values) // 10)


@dataclass(frozen=True)
class Hepmass(FetchedTable):
    """HEPMASS: simulated collisions with a new particle of mass 1000, 21 columns."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = _card(
        "hepmass",
        "simulated collisions with a new particle; columns with a value that comes back dropped",
        525_123,
        21,
        _UCI,
        "Baldi et al., Parameterized neural networks for high-energy physics, Eur. Phys. J. C 76 (2016)",
        "https://archive.ics.uci.edu/dataset/347",
    )

    @property
    def size(self) -> Size:
        return Size(350_136, 174_987, 21)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        train, test = (
            _signal(unpacked(paths[0], f"hepmass/1000_{part}.csv"), part == "test")
            for part in ("train", "test")
        )
        lowest = (train == train.min(0)).sum(0)  # what the literature counts: the lowest value of a column
        kept = lowest <= 5
        return Found(np.concatenate([train[:, kept], test[:, kept]]), len(test))


@dataclass(frozen=True)
class Miniboone(FetchedTable):
    """MINIBOONE: electron neutrinos and background, 43 columns."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = _card(
        "miniboone",
        "neutrinos; outliers and columns with values that come back dropped by the literature",
        36_488,
        43,
        _UCI,
        "Roe, MiniBooNE particle identification, UCI (2005)",
        "https://archive.ics.uci.edu/dataset/199",
    )

    @property
    def size(self) -> Size:
        return Size(32_840, 3_648, 43)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        values = _array(unpacked(paths[0], "miniboone/data.npy"))
        return Found(values, len(values) // 10)


@dataclass(frozen=True)
class BSDS300(FetchedTable):
    """BSDS300: 8×8 patches of photographs, their means subtracted and the last pixel dropped, 63 columns."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = _card(
        "bsds300",
        "8×8 patches of photographs less their mean, without the last pixel; tested on other photographs",
        1_300_000,
        63,
        "for research and education that is not commercial",
        "Martin, Fowlkes, Tal and Malik, A database of human segmented natural images, ICCV 2001",
        "https://www2.eecs.berkeley.edu/Research/Projects/CS/vision/bsds/",
    )

    @property
    def size(self) -> Size:
        return Size(1_050_000, 250_000, 63)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        try:
            import h5py
        except ImportError:
            raise InputError("bsds300 is in HDF5: install h5py, or gscale[hdf5]") from None
        path = unpacked(paths[0], "BSDS300/BSDS300.hdf5")
        try:
            with h5py.File(path) as file:
                parts = [np.asarray(file[part]) for part in ("train", "validation", "test")]
        except (OSError, KeyError) as error:
            raise InputError(f"{path} is no HDF5 file with train, validation and test ({error})") from None
        return Found(np.concatenate(parts), len(parts[2]))


def _array(path: Path) -> np.ndarray:
    try:
        values: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is no readable array ({error}): delete it") from None
    return values


def _signal(path: Path, with_tail: bool) -> np.ndarray:
    """Rows of class 1 without their class; the test file has a column too many."""
    frame = pd.read_csv(path, index_col=False).to_numpy(float)
    return frame[frame[:, 0] == 1][:, 1 : -1 if with_tail else None]
