"""Rows at hand, looked through once: which columns vary, which are integers, which rows are for testing."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from gscale.errors import InputError

_EVERY = 5  # one row in five is for testing
_FEWEST = 10  # of which two are for testing
_BLOCK = 2**24  # values looked at in one go: 128 MiB


@dataclass(frozen=True, eq=False)
class Pool:
    """Rows (N, …), what their columns hold, and which of them are for testing.

    ``low``, ``high`` and ``integer`` are (C,), of the rows as tables; ``train`` and ``test`` indices of rows.
    A row that comes twice is on one side with its twin.
    """

    rows: np.ndarray
    low: np.ndarray
    high: np.ndarray
    integer: np.ndarray
    train: np.ndarray
    test: np.ndarray

    def draw(self, rng: np.random.Generator, n_train: int, n_test: int) -> tuple[np.ndarray, np.ndarray]:
        """Indices of so many training rows and test rows, none twice."""
        return rng.choice(self.train, n_train, replace=False), rng.choice(self.test, n_test, replace=False)


def look_through(values: np.ndarray, names: tuple[str, ...], name: str, n_test: int | None = None) -> Pool:
    """Look at every value of rows (N, …) once.

    Parameters
    ----------
    values : np.ndarray
        The rows, or images.
    names : tuple of str
        Of the columns, for errors; empty for images.
    name : str
        Of the data set, for errors.
    n_test : int, optional
        The last so many rows are for testing, as published, and training rows equal to one of them are
        left out; where absent a fifth of the rows, by their content.

    Raises
    ------
    InputError
        If there are fewer than 10 rows, or too few that differ, or a value is not finite.
    """
    if len(values) < _FEWEST:
        raise InputError(
            f"{name} has {len(values)} row(s): at least {_FEWEST} are needed, 2 of them to test on"
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
    return Pool(values, np.asarray(low), np.asarray(high), integer, train, test)


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
    """A number (n,) for each row that is the same for equal rows, and spread as if by chance."""
    bits = (block + 0.0).view(np.uint64)  # -0 is 0
    bits ^= bits >> np.uint64(32)  # small integers differ in the upper half alone
    weights = mixed_bits(np.arange(1, block.shape[1] + 1, dtype=np.uint64)) | np.uint64(1)
    return mixed_bits((bits * weights).sum(1, dtype=np.uint64))


def mixed_bits(x: np.ndarray) -> np.ndarray:
    """SplitMix64's last steps (Steele, Lea and Flood, OOPSLA 2014)."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


def _split(keys: np.ndarray, n_test: int | None) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the training rows and of the test rows."""
    if n_test is None:
        held_out = _lowest_fifth(keys)
        return np.flatnonzero(~held_out), np.flatnonzero(held_out)
    train, test = keys[:-n_test], keys[-n_test:]
    return np.flatnonzero(~np.isin(train, test)), np.arange(len(train), len(keys))


def _lowest_fifth(keys: np.ndarray) -> np.ndarray:
    """A fifth of the rows: those whose keys are lowest, equal ones together."""
    _, group, sizes = np.unique(keys, return_inverse=True, return_counts=True)
    n_test = len(keys) // _EVERY
    small = np.where(sizes <= n_test, sizes, 0)
    chosen = (sizes <= n_test) & (np.cumsum(small) <= n_test)
    return chosen[group]
