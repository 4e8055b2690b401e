"""Tables that ship with scikit-learn; small, for a first look and for tests."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from sklearn.datasets import load_breast_cancer, load_diabetes, load_wine

from gscale.data.cuts import RandomColumns, TableCut
from gscale.data.rows import Pool, look_through
from gscale.data.tables import FromTable, Size


@dataclass(frozen=True)
class BreastCancer(FromTable):
    """Wisconsin diagnostic breast cancer: 569 biopsies, 30 measures of cell nuclei.

    Examples
    --------
    >>> import jax
    >>> BreastCancer().sample(jax.random.key(0), 10, 400, 100, "float32").train.shape
    (400, 10)
    """

    cut: TableCut = field(default_factory=RandomColumns)

    @property
    def size(self) -> Size:
        return Size(456, 113, 30)

    @property
    def pool(self) -> Pool:
        return _pool(load_breast_cancer)


@dataclass(frozen=True)
class Wine(FromTable):
    """178 wines of one region, 13 chemical measures."""

    cut: TableCut = field(default_factory=RandomColumns)

    @property
    def size(self) -> Size:
        return Size(143, 35, 13)

    @property
    def pool(self) -> Pool:
        return _pool(load_wine)


@dataclass(frozen=True)
class Diabetes(FromTable):
    """442 patients, 10 measures; sex, which takes two values, among them."""

    cut: TableCut = field(default_factory=RandomColumns)

    @property
    def size(self) -> Size:
        return Size(354, 88, 10)

    @property
    def pool(self) -> Pool:
        return _pool(_unscaled_diabetes)


def _unscaled_diabetes() -> Any:
    return load_diabetes(scaled=False)  # as measured: integers are seen to be integers


@cache
def _pool(load: Callable[[], Any]) -> Pool:
    found = load()
    return look_through(found.data, tuple(found.feature_names), load.__name__.removeprefix("load_"))
