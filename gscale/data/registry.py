"""The published data sets by name."""

from functools import cache
from typing import Protocol

from gscale import data
from gscale.data.base import Source
from gscale.data.cards import Card
from gscale.errors import InputError


class CardedSource(Source, Protocol):
    """A data set with a card."""

    @property
    def card(self) -> Card: ...


@cache
def sources() -> dict[str, CardedSource]:
    """All published data sets by name, those that come with the dependencies first."""
    known: tuple[CardedSource, ...] = (
        *(data.Patches(), data.Digits(), data.BreastCancer(), data.Wine(), data.Diabetes()),
        *(data.MNIST(), data.MNISTTest(), data.FashionMNIST()),
        *(data.EMNISTDigits(), data.EMNISTLetters(), data.CIFAR10()),
        *(data.Power(), data.Gas(), data.Hepmass(), data.Miniboone(), data.BSDS300()),
        *(data.KDDCup99(), data.NSLKDD(), data.NSLKDDTest(), data.Covertype(), data.CaliforniaHousing()),
    )
    return {source.card.name: source for source in known}


def source_named(name: str) -> CardedSource:
    """The published data set of that name.

    Raises
    ------
    InputError
        If there is none.

    Examples
    --------
    >>> source_named("wine")
    Wine(cut=RandomColumns())
    """
    known = sources()
    if name not in known:
        raise InputError(f"there is no data set {name!r}: it is one of {', '.join(known)}")
    return known[name]
