"""Data cards: where a data set is from, how large it is, what may be done with it, whom to cite."""

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple


class Size(NamedTuple):
    """Rows for training and for testing, and the columns or the side of the images; known without a file."""

    train: int
    test: int
    width: int


@dataclass(frozen=True)
class File:
    """A file of a data set on the web.

    Attributes
    ----------
    name : str
        What it is called on disk.
    url : str
        Where it is fetched.
    checksum : str or None
        Such as "md5:…", as published; None where none is: that of the first download then holds.
    published : str
        Where the checksum is published.
    content : str or None
        The checksum of what a gzip holds: the same file compressed anew passes by it.
    """

    name: str
    url: str
    checksum: str | None = None
    published: str = ""
    content: str | None = None


@dataclass(frozen=True)
class Card:
    """A data set in words.

    Attributes
    ----------
    name, about : str
        What it is called on the command line, and what it holds.
    rows, features : int
        All rows, and the values of each.
    size : Size
        Rows for training and for testing, at most.
    cut : str
        How it is cut to D.
    licence, citation, home : str
    folder : str
        Of its files, within the cache.
    files : tuple of File
        Empty where the data set comes with the dependencies.
    """

    name: str
    about: str
    rows: int
    features: int
    size: Size
    cut: str
    licence: str
    citation: str
    home: str
    folder: str = ""
    files: tuple[File, ...] = ()


def read_card(name: str) -> Card:
    """The card of a data set, from ``cards.toml``."""
    return _cards()[name]


@cache
def _cards() -> dict[str, Card]:
    content = tomllib.loads(Path(__file__).with_name("cards.toml").read_text(encoding="utf-8"))
    files = {key: File(**fields) for key, fields in content["files"].items()}
    entries = {**content["groups"], **content["cards"]}

    def fields(name: str) -> Iterator[tuple[str, Any]]:
        entry = entries[name]
        if "like" in entry:
            yield from fields(entry["like"])
        yield from entry.items()

    cards = {}
    for name in content["cards"]:
        entry = {key: value for key, value in fields(name) if key != "like"}
        entry["size"] = Size(*entry["size"])
        entry["files"] = tuple(files[key] for key in entry.get("files", ()))
        cards[name] = Card(name, **entry)
    return cards
