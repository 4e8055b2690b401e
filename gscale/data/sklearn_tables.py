"""Tables that ship with scikit-learn; small, for a first look and for tests."""

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from gscale.data.arrays import FromTable, Size
from gscale.data.reductions import RandomColumns, TableCut
from gscale.data.row_pool import Pool, look_through


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
        return _pool("breast_cancer")


@dataclass(frozen=True)
class Wine(FromTable):
    """178 wines of one region, 13 chemical measures."""

    cut: TableCut = field(default_factory=RandomColumns)

    @property
    def size(self) -> Size:
        return Size(143, 35, 13)

    @property
    def pool(self) -> Pool:
        return _pool("wine")


@dataclass(frozen=True)
class Diabetes(FromTable):
    """442 patients, 10 measures; sex, which takes two values, among them."""

    cut: TableCut = field(default_factory=RandomColumns)

    @property
    def size(self) -> Size:
        return Size(354, 88, 10)

    @property
    def pool(self) -> Pool:
        return _pool("diabetes", scaled=False)  # as measured: integers are seen to be integers


@cache
def _pool(name: str, **settings: Any) -> Pool:
    from sklearn import datasets  # takes a second

    found = getattr(datasets, f"load_{name}")(**settings)
    return look_through(found.data, tuple(found.feature_names), name)
