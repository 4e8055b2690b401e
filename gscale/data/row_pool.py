"""A pool of rows, scanned once: which columns vary, which are integers, which rows are for testing."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gscale.errors import InputError

_EVERY = 5  # one row in five is for testing
_LEAST_ROWS = 10  # of which two are for testing
_BLOCK = 2**24  # values scanned at once: 128 MiB


@dataclass(frozen=True, eq=False)
class RowPool:
    """Rows, what their columns hold, and which of them are for testing; equal rows are on the same side.

    Attributes
    ----------
    rows : np.ndarray
        Rows (N, C) or images (N, k, k).
    low, high : np.ndarray
        Least and greatest value (C,) of each column or pixel.
    integer : np.ndarray
        Whether all values of a column are integers (C,).
    train, test : np.ndarray
        Indices of the rows for training and for testing.
    names : tuple of str
        Of the columns; empty for images.
    """

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    integer: np.ndarray
    train: np.ndarray
    test: np.ndarray
    names: tuple[str, ...]

    @property
    def varies(self) -> np.ndarray:
        """Whether a column has more than one value (C,)."""
        return self.low < self.high

    def draw(self, rng: np.random.Generator, n_train: int, n_test: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of that many training rows and test rows, without replacement."""
        return rng.choice(self.train, n_train, replace=False), rng.choice(self.test, n_test, replace=False)


def scan_rows(values: np.ndarray, names: tuple[str, ...], name: str, n_test: int | None = None) -> RowPool:
    """Scan every value of rows (N, …) once.

    Parameters
    ----------
    values : np.ndarray
        Rows (N, C) or images (N, k, k).
    names : tuple of str
        Of the columns; empty for images.
    name : str
        Of the data set, for errors.
    n_test : int, optional
        The last ``n_test`` rows are for testing, as published, and training rows equal to one of them are
        left out; where absent a fifth of the rows, by their content.

    Raises
    ------
    InputError
        If there are fewer than 10 rows, or too few that differ, or a value is not finite.
    """
    if len(values) < _LEAST_ROWS:
        raise InputError(
            f"{name} has {len(values)} row(s): at least {_LEAST_ROWS} are needed, 2 of them to test on"
        )
    low, high, integer, keys = np.inf, -np.inf, np.array(True), []
    for start, block in _blocks(values):
        _check_finite(block, start, names, name)
        low, high = np.minimum(low, block.min(0)), np.maximum(high, block.max(0))
        integer = integer & (block == np.rint(block)).all(0)
        keys.append(row_keys(block))
    train, test = _split(np.concatenate(keys), n_test)
    if len(test) < 2:
        raise InputError(f"{name} has too few rows that differ: {len(test)} of {len(values)} can be held out")
    return RowPool(values, np.asarray(low), np.asarray(high), integer, train, test, names)


def _blocks(values: np.ndarray) -> Iterator[tuple[int, np.ndarray]]:
    n_columns = max(1, int(np.prod(values.shape[1:])))
    step = max(1, _BLOCK // n_columns)
    for start in range(0, len(values), step):
        yield start, np.asarray(values[start : start + step], float).reshape(-1, n_columns)


def _check_finite(block: np.ndarray, start: int, names: tuple[str, ...], name: str) -> None:
    finite = np.isfinite(block)
    if finite.all():
        return
    row, column = np.argwhere(~finite)[0]
    where = f"column {names[column]!r}" if names else f"pixel {column}"
    what = "a missing value" if np.isnan(block[row, column]) else f"{block[row, column]}"
    raise InputError(f"{name}: {where} has {what} in row {start + row + 1}: drop or fill such rows first")


def row_keys(block: np.ndarray) -> np.ndarray:
    """A hash (n,) of each row of a block (n, C)."""
    bits = (block + 0.0).view(np.uint64)  # -0 is 0
    bits ^= bits >> np.uint64(32)  # small integers differ in the upper half alone
    weights = mixed_bits(np.arange(1, block.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    return mixed_bits((bits * weights).sum(1, dtype=np.uint64))


def mixed_bits(x: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 on integers x, elementwise.

    References
    ----------
    Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
    """
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _split(keys: np.ndarray, n_test: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training rows and of the test rows, from the rows' hashes (N,)."""
    if n_test is None:
        held_out = _lowest_fifth(keys)
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)
    train, test = keys[:-n_test], keys[-n_test:]
    return np.flatnonzero(~np.isin(train, test)), np.arange(len(train), len(keys))


def _lowest_fifth(keys: np.ndarray) -> np.ndarray:
    """A fifth of the rows: those with the lowest hashes, equal rows together."""
    _, group, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    n_test = len(keys) // _EVERY
    small = np.where(sizes <= n_test, sizes, 0)
    held_out = (sizes <= n_test) & (np.cumsum(small) <= n_test)
    return held_out[group]
