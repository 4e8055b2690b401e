"""The five tables of the flow literature, with its preprocessing and its test rows.

Papamakarios, Pavlakou and Murray, "Masked autoregressive flow for density estimation", NeurIPS 2017,
appendix D, and https://github.com/gpapamak/maf. Their validation rows are training rows here, and what
`TableSource` does to every table comes on top: columns are standardised by the training rows drawn.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from gscale.data.cards import read_card
from gscale.data.downloads.archives import unpack_member
from gscale.data.downloads.pandas_pickle import read_frame
from gscale.data.published import LoadedRows, PublishedTable
from gscale.errors import InputError


@dataclass(frozen=True)
class Power(PublishedTable):
    """POWER: electric power of a household by the minute, 6 columns."""

    card = read_card("power")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        rng = np.random.RandomState(42)
        values = _array(unpack_member(paths[0], "power/data.npy"))
        rng.shuffle(values)
        n = len(values)
        values = np.delete(values, [1, 3], axis=1)
        voltage, active, meters = 0.01 * rng.rand(n, 1), 0.001 * rng.rand(n, 1), rng.rand(n, 3)
        return LoadedRows(values + np.hstack([active, voltage, meters, np.zeros((n, 1))]), n // 10)


@dataclass(frozen=True)
class Gas(PublishedTable):
    """GAS: sensors in a mixture of ethylene and carbon monoxide, 8 columns."""

    card = read_card("gas")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        values, names = read_frame(unpack_member(paths[0], "gas/ethylene_CO.pickle"))
        values = values[:, [name not in ("Meth", "Eth", "Time") for name in names]]
        high = np.corrcoef(values.T) > 0.98
        while (high.sum(1) > 1).any():
            first = int(np.argmax(high.sum(1) > 1))
            high = np.delete(np.delete(high, first, 0), first, 1)
            values = np.delete(values, first, 1)
        return LoadedRows(values, len(values) // 10)


@dataclass(frozen=True)
class Hepmass(PublishedTable):
    """HEPMASS: simulated collisions with a new particle of mass 1000, 21 columns."""

    card = read_card("hepmass")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        train = _signal(unpack_member(paths[0], "hepmass/1000_train.csv"))
        test = _signal(unpack_member(paths[0], "hepmass/1000_test.csv"))[:, :-1]  # a column too many
        # what the literature counts: how often a column has its lowest value
        continuous = (train == train.min(0)).sum(0) <= 5
        return LoadedRows(np.concatenate([train[:, continuous], test[:, continuous]]), len(test))


@dataclass(frozen=True)
class Miniboone(PublishedTable):
    """MINIBOONE: electron neutrinos and background, 43 columns."""

    card = read_card("miniboone")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        values = _array(unpack_member(paths[0], "miniboone/data.npy"))
        return LoadedRows(values, len(values) // 10)


@dataclass(frozen=True)
class BSDS300(PublishedTable):
    """BSDS300: 8×8 patches of photographs, their means subtracted and the last pixel dropped, 63 columns."""

    card = read_card("bsds300")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        try:
            import h5py
        except ImportError:
            raise InputError("bsds300 is in HDF5: install h5py, or gscale[hdf5]") from None
        path = unpack_member(paths[0], "BSDS300/BSDS300.hdf5")
        try:
            with h5py.File(path) as file:
                parts = [np.asarray(file[part]) for part in ("train", "validation", "test")]
        except (OSError, KeyError) as error:
            raise InputError(f"{path} is no HDF5 file with train, validation and test ({error})") from None
        return LoadedRows(np.concatenate(parts), len(parts[2]))


def _array(path: Path) -> np.ndarray:
    try:
        values: np.ndarray = np.load(path, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is no readable array ({error}): delete it") from None
    return values


def _signal(path: Path) -> np.ndarray:
    """Rows of class 1, without their class."""
    rows = pd.read_csv(path, index_col=False).to_numpy(float)
    return rows[rows[:, 0] == 1][:, 1:]
