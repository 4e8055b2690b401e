"""Tables that ship with scikit-learn; small, for a first look and for tests."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gscale.data.cards import read_card
from gscale.data.published import LoadedRows, PublishedTable


@dataclass(frozen=True)
class BreastCancer(PublishedTable):
    """Wisconsin diagnostic breast cancer: 569 biopsies, 30 measures of cell nuclei.

    Examples
    --------
    >>> import jax
    >>> BreastCancer().sample(jax.random.key(0), 10, 400, 100, "float32").train.shape
    (400, 10)
    """

    card = read_card("breast-cancer")

    @staticmethod
    def read(_: list[Path]) -> LoadedRows:
        return _load("breast_cancer")


@dataclass(frozen=True)
class Wine(PublishedTable):
    """178 wines of one region, 13 chemical measures."""

    card = read_card("wine")

    @staticmethod
    def read(_: list[Path]) -> LoadedRows:
        return _load("wine")


@dataclass(frozen=True)
class Diabetes(PublishedTable):
    """442 patients, 10 measures; sex, which takes two values, among them."""

    card = read_card("diabetes")

    @staticmethod
    def read(_: list[Path]) -> LoadedRows:
        return _load("diabetes", scaled=False)  # as measured, so that integers are recognised


def _load(name: str, **settings: Any) -> LoadedRows:
    from sklearn import datasets  # takes a second

    table = getattr(datasets, f"load_{name}")(**settings)
    return LoadedRows(table.data, None, tuple(table.feature_names))
