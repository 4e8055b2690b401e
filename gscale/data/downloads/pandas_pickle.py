"""A table of numbers in a pickle of pandas, of any version, read without running what it asks to run."""

import pickle
from pathlib import Path
from typing import Any

import numpy as np

from gscale.data.readers import Columns
from gscale.errors import InputError

# What arrays are rebuilt with; everything of pandas becomes a record of its arguments, all else is refused.
_ALLOWED = {
    ("numpy", "dtype"),
    ("numpy", "ndarray"),
    ("_codecs", "encode"),
    ("builtins", "slice"),
    ("__builtin__", "slice"),
} | {
    (f"numpy.{core}.{module}", name)
    for core in ("core", "_core")
    for module, name in (("multiarray", "_reconstruct"), ("numeric", "_frombuffer"))
}


def read_frame(path: Path) -> Columns:
    """The numbers (N, C) in a pickled data frame of one type, and the names of its columns.

    Raises
    ------
    InputError
        If it is no such pickle, or asks for anything but arrays and pandas.
    """
    try:
        with path.open("rb") as file:
            parts = list(_arrays(_Unpickler(file, encoding="latin1").load(), set()))
    except (pickle.UnpicklingError, EOFError, AttributeError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{path} is no readable pickle of a table ({error}): get it again") from None
    tables = [part for part in parts if part.ndim == 2 and part.dtype.kind == "f"]
    lists = [part for part in parts if part.ndim == 1 and part.dtype == object]
    matches = [(table, names) for table in tables for names in lists if len(table) == len(names)]
    if not matches:
        raise InputError(f"{path} holds no table of numbers with the names of its columns")
    table, names = matches[0]
    return Columns(table.T, tuple(map(str, names)))


class _Record:
    """What takes the place of a class of pandas: the arguments it would have been built with."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.parts: list[Any] = [*arguments, *named.values()]

    def __setstate__(self, state: Any) -> None:
        self.parts = [*getattr(self, "parts", []), state]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "pandas":
            return _Record
        if (module, name) in _ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _arrays(content: Any, seen: set[int]) -> Any:
    if id(content) in seen:
        return
    seen.add(id(content))
    if isinstance(content, np.ndarray):
        yield content
    elif isinstance(content, _Record):
        yield from _arrays(content.parts, seen)
    elif isinstance(content, list | tuple | dict):
        for part in content.values() if isinstance(content, dict) else content:
            yield from _arrays(part, seen)
