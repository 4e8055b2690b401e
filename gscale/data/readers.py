"""Arrays and tables from files: what cannot be used is refused with its row and column."""

import csv
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from gscale.data.idx import read_idx
from gscale.errors import InputError


class Columns(NamedTuple):
    """Values (N, C), or images (N, k, k) or more axes, and the names of columns where a file has them."""

    values: np.ndarray
    names: tuple[str, ...]


def read(path: Path, columns: tuple[str, ...] | None = None, encode: bool = False) -> Columns:
    """Read a .csv, .parquet, .npy, .npz, .idx or .idx.gz file; arrays in .npy are mapped, not read.

    Parameters
    ----------
    path : Path
        The file.
    columns : tuple of str, optional
        The columns to take, all where absent; those of an array are called 0, 1, ….
    encode : bool
        Turn a column of text into the places of its values in their order; otherwise it is refused.

    Raises
    ------
    InputError
        If there is no such file, it is empty or damaged, lacks a column, or a value is missing or no number.
    """
    found = _read(path)
    if isinstance(found, pa.Table):
        return from_table(str(path), _chosen(path, found, columns), encode)
    return _from_array(path, found, columns)


def read_table(path: Path, columns: tuple[str, ...] | None = None) -> pa.Table:
    """Read a file as `read` does, as a table in which text and missing values are what they are.

    Raises
    ------
    InputError
        If there is no such file, it is empty or damaged, lacks a column, or is one of images.
    """
    found = _read(path)
    if isinstance(found, pa.Table):
        return _chosen(path, found, columns)
    array = _from_array(path, found, columns)
    if not array.names:
        raise InputError(f"{path} holds images: a table of rows and columns is needed")
    return pa.table(dict(zip(array.names, np.asarray(array.values).T, strict=True)))


def _read(path: Path) -> np.ndarray | pa.Table:
    reader = _reader(path)
    try:
        if path.is_dir():
            raise InputError(f"{path} is a folder: give a file")
        if not path.stat().st_size:
            raise InputError(f"{path} is empty")
        return reader(path)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _reader(path: Path) -> Callable[[Path], np.ndarray | pa.Table]:
    name = path.name.lower()
    readers: dict[str, Callable[[Path], np.ndarray | pa.Table]] = {
        ".csv": _read_csv,
        ".parquet": _read_parquet,
        ".npy": _read_npy,
        ".npz": _read_npz,
        ".idx": read_idx,
        ".idx.gz": read_idx,
        "-ubyte": read_idx,
        "-ubyte.gz": read_idx,
    }
    for ending, reader in readers.items():
        if name.endswith(ending):
            return reader
    raise InputError(f"{path} is none of .csv, .parquet, .npy, .npz, .idx, .idx.gz")


def _read_csv(path: Path) -> pa.Table:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            line = file.readline()
            delimiter = max(",;\t", key=line.count)
            first = next(csv.reader([line], delimiter=delimiter), [])
        titled = not all(map(_is_number, first))
        return pyarrow.csv.read_csv(
            path,
            pyarrow.csv.ReadOptions(
                # one block, so that a column's type is told from all of it
                block_size=min(path.stat().st_size + 1, 2**31 - 1),
                column_names=None if titled else [str(i) for i in range(len(first))],
            ),
            pyarrow.csv.ParseOptions(delimiter=delimiter),
        )
    except (pa.ArrowInvalid, UnicodeDecodeError) as error:
        raise InputError(f"{path} is no readable CSV: {_one_line(error)}") from None


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except (pa.ArrowException, OSError) as error:
        raise InputError(f"{path} is no readable parquet file: {_one_line(error)}") from None


def _read_npy(path: Path) -> np.ndarray:
    try:
        array: np.ndarray = np.lib.format.open_memmap(path, mode="r")
    except (ValueError, EOFError) as error:
        raise InputError(f"{path} is no readable array: {_one_line(error)}") from None
    return array


def _read_npz(path: Path) -> np.ndarray:
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            array: np.ndarray = file[_name_of_rows(path, file.files)]
    except InputError:
        raise
    except (ValueError, EOFError, zipfile.BadZipFile, zlib.error, AttributeError, TypeError) as error:
        raise InputError(f"{path} is no readable file of arrays: {_one_line(error)}") from None
    return array


def _name_of_rows(path: Path, names: list[str]) -> str:
    if "x" not in names and len(names) != 1:
        held = ", ".join(names) or "none"
        raise InputError(f"{path} holds the arrays {held}: keep one, or call the rows x")
    return "x" if "x" in names else names[0]


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]


def _chosen(path: Path, table: pa.Table, columns: tuple[str, ...] | None) -> pa.Table:
    names = table.column_names
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise InputError(f"{path} has two columns called {min(twice)!r}: rename one")
    if columns is None:
        return table
    return table.select(_known(path, columns, tuple(names)))


def _known(path: Path, columns: tuple[str, ...], names: tuple[str, ...]) -> list[str]:
    if not columns:
        raise InputError(f"no columns of {path} are chosen: name some of {_some(names)}")
    for column in columns:
        if column not in names:
            raise InputError(f"{path} has no column {column!r}: it has {_some(names)}")
    return list(dict.fromkeys(columns))


def _some(names: tuple[str, ...]) -> str:
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")


def _from_array(path: Path, array: np.ndarray, columns: tuple[str, ...] | None) -> Columns:
    if array.dtype.kind not in "biuf":
        raise InputError(f"{path} holds {array.dtype} values: they must be numbers")
    if array.ndim == 0:
        raise InputError(f"{path} holds a single number: rows are needed")
    if array.ndim == 1:
        array = array[:, None]
    if array.ndim > 2:
        if columns is not None:
            raise InputError(f"{path} holds images, which have no columns to choose")
        return Columns(array, ())
    names = tuple(str(i) for i in range(array.shape[1]))
    if columns is None:
        return Columns(array, names)
    chosen = _known(path, columns, names)
    return Columns(array[:, [int(name) for name in chosen]], tuple(chosen))


def from_table(path: str, table: pa.Table, encode: bool) -> Columns:
    """Numbers from a table; the path is for errors."""
    if not table.num_rows:
        raise InputError(f"{path} has 0 rows")
    values = np.empty((table.num_rows, table.num_columns))
    for i, name in enumerate(table.column_names):
        values[:, i] = _numbers(path, name, table.column(i), encode)
    return Columns(values, tuple(table.column_names))


def _numbers(path: str, name: str, column: pa.ChunkedArray, encode: bool) -> np.ndarray:
    if column.null_count:
        row = column.is_null().index(True).as_py() + 1
        raise InputError(
            f"{path}: column {name!r} has {column.null_count} missing value(s), the first in row {row}: "
            "fill them or leave the column out"
        )
    if pa.types.is_dictionary(column.type):
        column = column.cast(column.type.value_type)
    if pa.types.is_string(column.type) or pa.types.is_large_string(column.type):
        return _codes(path, name, column.to_pylist(), encode)
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_boolean(kind) or _is_real(kind)):
        raise InputError(f"{path}: column {name!r} holds {kind} values: leave it out, or make it numbers")
    return column.cast(pa.int8() if pa.types.is_boolean(kind) else kind).to_numpy().astype(float)


def _is_real(kind: pa.DataType) -> bool:
    return pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def _codes(path: str, name: str, texts: list[str], encode: bool) -> np.ndarray:
    numbers = sum(map(_is_number, texts))
    if numbers == len(texts):
        raise InputError(f"{path}: column {name!r} holds numbers written as text: make them numbers")
    row = next(i for i, text in enumerate(texts, 1) if not _is_number(text))
    if numbers > len(texts) / 2 or not encode:
        what = "mend it" if numbers > len(texts) / 2 else "leave the column out, or have text encoded"
        raise InputError(f"{path}: column {name!r} holds text, {texts[row - 1]!r} in row {row}: {what}")
    return np.unique(np.array(texts), return_inverse=True)[1].astype(float)
