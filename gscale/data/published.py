"""Published data sets: a card says where the files are, a function reads them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from gscale.data.arrays import ImageSource, PooledSource, TableSource
from gscale.data.cards import Card, Size
from gscale.data.downloads.cache import fetch_files
from gscale.data.reductions import Area, ImageCut, RandomColumns, TableCut
from gscale.data.row_pool import RowPool, scan_rows
from gscale.errors import InputError


class LoadedRows(NamedTuple):
    """What the files of a data set hold.

    Attributes
    ----------
    values : np.ndarray
        Rows (N, C) or images (N, k, k).
    n_test : int or None
        How many of the last rows are for testing; None for a fifth of all.
    names : tuple of str
        Of the columns, where they have names.
    """

    values: np.ndarray
    n_test: int | None = None
    names: tuple[str, ...] = ()


class PublishedSource(PooledSource):
    """A source whose card says how large it is and where its files are fetched."""

    card: ClassVar[Card]

    @property
    def size(self) -> Size:
        return self.card.size

    @property
    def pool(self) -> RowPool:
        """All rows; the files are fetched and read at the first call."""
        return _pool(self.card, type(self).read)

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        """Read the files of the card, in its order."""
        raise NotImplementedError


@dataclass(frozen=True)
class PublishedTable(PublishedSource, TableSource):
    """A published table."""

    cut: TableCut = field(default_factory=RandomColumns)


@dataclass(frozen=True)
class PublishedImages(PublishedSource, ImageSource):
    """Published square images."""

    cut: ImageCut = field(default_factory=Area)


@lru_cache(maxsize=2)
def _pool(card: Card, read: Callable[[list[Path]], LoadedRows]) -> RowPool:
    values, n_test, names = read(fetch_files(card))
    if values.ndim < 2 or math.prod(values.shape[1:]) != card.features:
        shape = "×".join(map(str, values.shape))
        raise InputError(f"{card.name} is an array of {shape}: {card.features} values a row are due")
    return scan_rows(values, names, card.name, n_test)
