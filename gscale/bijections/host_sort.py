"""Columns sorted by NumPy, a few at a time, on the threads of the process."""

import os
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import NamedTuple

import numpy as np

_COLUMNS = 16  # sorted at once: their part of a row is a line of the cache
_ROWS = 512  # copied at once: rows a power of two apart share few sets of the cache
_MIN_NUMBERS = 2**19  # below, threads take longer to start than they save


class SortedRows(NamedTuple):
    """What is kept of sorted columns: values at ranks (K, C), and the outer rows (2 T, C)."""

    at_ranks: np.ndarray
    tails: np.ndarray


def sorted_rows(x: np.ndarray, ranks: np.ndarray, n_tail: int) -> SortedRows:
    """Values of columns at fractional ranks, linear between rows, and their outer values.

    Parameters
    ----------
    x : ndarray, shape (…, N, D)
        The columns of each (N, D) are sorted: C of them in all.
    ranks : ndarray, shape (K,)
        From 0 to N − 1.
    n_tail : int
        Number T of rows on either side that are kept.

    Examples
    --------
    >>> kept = sorted_rows(np.array([[3.0], [1.0], [2.0]]), np.array([0.5]), 1)
    >>> kept.at_ranks.tolist(), kept.tails.tolist()
    ([[1.5]], [[1.0], [3.0]])
    """
    n, dim = x.shape[-2:]
    batch = x.reshape(-1, n, dim)
    below = np.clip(ranks.astype(int), 0, n - 2)
    share = (ranks - below).astype(x.dtype)
    at_ranks = np.empty((len(batch) * dim, len(ranks)), x.dtype)
    tails = np.empty((len(batch) * dim, 2 * n_tail), x.dtype)

    def sort(part: tuple[int, int]) -> None:
        index, start = part
        rows = batch[index, :, start : start + _COLUMNS]
        columns = np.empty(rows.shape[::-1], x.dtype)
        for first in range(0, n, _ROWS):
            columns[:, first : first + _ROWS] = rows[first : first + _ROWS].T
        columns.sort(axis=1)
        place = slice(index * dim + start, index * dim + start + len(columns))
        at_ranks[place] = columns[:, below] * (1 - share) + columns[:, below + 1] * share
        tails[place, :n_tail], tails[place, n_tail:] = columns[:, :n_tail], columns[:, n - n_tail :]

    parts = [(index, start) for index in range(len(batch)) for start in range(0, dim, _COLUMNS)]
    if batch.size < _MIN_NUMBERS:
        for part in parts:
            sort(part)
    else:
        list(_threads(os.getpid()).map(sort, parts))
    return SortedRows(at_ranks.T, tails.T)


@cache
def _threads(_process: int) -> ThreadPoolExecutor:
    """Threads of this process, which a fork of it does not have."""
    n_cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return ThreadPoolExecutor(n_cores, "gscale-sort")
