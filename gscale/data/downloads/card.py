"""What is told of a data set: where it is from, what may be done with it, whom to cite."""

from dataclasses import dataclass


@dataclass(frozen=True)
class File:
    """A file of a data set on the web.

    Parameters
    ----------
    name : str
        What it is called on disk.
    url : str
        Where it is fetched.
    checksum : str or None
        Such as "md5:…", as published; None where none is, and the first download is taken for true.
    published : str
        Where the checksum is published.
    content : str or None
        The checksum of what a gzip holds: the same file, packed anew, fits by it.
    """

    name: str
    url: str
    checksum: str | None
    published: str = ""
    content: str | None = None


@dataclass(frozen=True)
class Card:
    """A data set in words; ``files`` is empty where it comes with the dependencies."""

    name: str
    about: str
    rows: int
    features: int
    cut: str
    licence: str
    citation: str
    home: str
    folder: str = ""
    files: tuple[File, ...] = ()
