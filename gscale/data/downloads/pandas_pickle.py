"""A table of numbers in a pickle of pandas, of any version, read without running what it asks to run."""

import pickle
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

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


class Frame(NamedTuple):
    """Values (N, C) and the names of the columns."""

    values: np.ndarray
    names: tuple[str, ...]


def read_frame(path: Path) -> Frame:
    """The numbers in a pickled data frame of one type.

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
    fitting = [(table, names) for table in tables for names in lists if len(table) == len(names)]
    if not fitting:
        raise InputError(f"{path} holds no table of numbers with the names of its columns")
    table, names = fitting[0]
    return Frame(table.T, tuple(map(str, names)))


class _Record:
    def __init__(self, *arguments: Any, **named: Any) -> None:
        self.held: list[Any] = [*arguments, *named.values()]

    def __setstate__(self, state: Any) -> None:
        self.held = [*getattr(self, "held", []), state]


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] == "pandas":
            return _Record
        if (module, name) in _ALLOWED:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


def _arrays(held: Any, seen: set[int]) -> Any:
    if id(held) in seen:
        return
    seen.add(id(held))
    if isinstance(held, np.ndarray):
        yield held
    elif isinstance(held, _Record):
        yield from _arrays(held.held, seen)
    elif isinstance(held, list | tuple | dict):
        for part in held.values() if isinstance(held, dict) else held:
            yield from _arrays(part, seen)
