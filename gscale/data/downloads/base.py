"""What fetched sets share: a card says where the files are, a function reads them."""

import math
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gscale.data.arrays import FromImages, FromTable
from gscale.data.downloads.cache import ready
from gscale.data.downloads.card import Card
from gscale.data.row_pool import Pool, look_through
from gscale.errors import InputError


class Found(NamedTuple):
    """Rows (N, C) or images (N, k, k), and how many of the last are for testing; None: a fifth of all."""

    values: np.ndarray
    n_test: int | None = None
    names: tuple[str, ...] = ()


class _Fetched:
    card: Card

    @property
    def pool(self) -> Pool:
        """The rows, fetched and read where they are not yet."""
        return _pool(self.card, type(self).read)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        """Read the files of the card, in its order."""
        raise NotImplementedError


class FetchedTable(_Fetched, FromTable):
    """A table that a card tells where to fetch."""


class FetchedImages(_Fetched, FromImages):
    """Images that a card tells where to fetch."""


@lru_cache(maxsize=2)
def _pool(card: Card, read: Callable[[list[Path]], Found]) -> Pool:
    values, n_test, names = read(ready(card))
    if values.ndim < 2 or math.prod(values.shape[1:]) != card.features:
        shape = "×".join(map(str, values.shape))
        raise InputError(f"{card.name} is an array of {shape}: {card.features} values a row are due")
    return look_through(values, names, card.name, n_test)
