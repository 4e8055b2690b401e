"""Arrays and tables from files: what cannot be used is refused with its row and column."""

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet as pq

from gscale.data.idx import read_idx
from gscale.errors import InputError, one_line

# What the readers of other libraries raise where a file is damaged or of another format.
_DAMAGES = (
    *(pa.ArrowException, csv.Error, ValueError, EOFError, zipfile.BadZipFile, zlib.error),
    *(AttributeError, TypeError),  # of NumPy, on a header that is none
)
_BLOCK = 2**31 - 1  # bytes of a block of CSV at most; the type of a column is inferred from the first


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
        Ordinal-encode a column of text, by the alphabet; otherwise it is refused.

    Raises
    ------
    InputError
        If there is no such file, it is empty or damaged, lacks a column, or a value is missing or no number.
    """
    content = _read(path)
    if isinstance(content, pa.Table):
        return to_numbers(str(path), _select(path, content, columns), encode)
    return _select_of_array(path, content, columns)


def read_table(path: Path, columns: tuple[str, ...] | None = None) -> pa.Table:
    """Read a file as `read` does, as a table in which text and missing values are what they are.

    Raises
    ------
    InputError
        If there is no such file, it is empty or damaged, lacks a column, or is one of images.
    """
    content = _read(path)
    if isinstance(content, pa.Table):
        return _select(path, content, columns)
    array = _select_of_array(path, content, columns)
    if not array.names:
        raise InputError(f"{path} holds images: a table of rows and columns is needed")
    return pa.table(dict(zip(array.names, np.asarray(array.values).T, strict=True)))


def read_bytes(path: Path) -> bytes:
    """The content of a file, decompressed if it ends in .gz.

    Raises
    ------
    InputError
        If it cannot be read.
    """
    with readable(path), pa.input_stream(path, "detect") as stream:
        return stream.read()


def parse_csv(path: Path, content: bytes, names: Sequence[str], text: Sequence[str] = ()) -> pa.Table:
    """A CSV without a header, or with one that begins with the first of the names.

    Parameters
    ----------
    path : Path
        For errors.
    content : bytes
    names : sequence of str
        Of the columns.
    text : sequence of str
        Names of columns that are text, whatever is in them.

    Raises
    ------
    InputError
        If it is no CSV of so many columns.
    """
    try:
        return pyarrow.csv.read_csv(
            io.BytesIO(content),
            pyarrow.csv.ReadOptions(
                column_names=names,
                skip_rows=int(content.startswith(f"{names[0]},".encode())),
                block_size=min(len(content) + 1, _BLOCK),
            ),
            convert_options=pyarrow.csv.ConvertOptions(column_types=dict.fromkeys(text, pa.string())),
        )
    except pa.ArrowException as error:
        raise InputError(f"{path} is no readable CSV: {one_line(error)}") from None


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """Errors of one line where a file cannot be read.

    Raises
    ------
    InputError
        If there is no such file, it is a folder, or it cannot be opened.
    """
    try:
        yield
    except IsADirectoryError:
        raise InputError(f"{path} is a folder: give a file") from None
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None


def _read(path: Path) -> np.ndarray | pa.Table:
    kind, reader = _reader(path)
    with readable(path):
        with path.open("rb") as file:
            if not file.read(1):
                raise InputError(f"{path} is empty")
        try:
            return reader(path)
        except InputError:
            raise
        except _DAMAGES as error:
            raise InputError(f"{path} is no readable {kind}: {one_line(error)}") from None


def _reader(path: Path) -> tuple[str, Callable[[Path], np.ndarray | pa.Table]]:
    readers: dict[str, tuple[str, Callable[[Path], np.ndarray | pa.Table]]] = {
        ".csv": ("CSV", _read_csv),
        ".parquet": ("parquet file", _read_parquet),
        ".npy": ("array", lambda path: np.lib.format.open_memmap(path, mode="r")),
        ".npz": ("file of arrays", _read_npz),
        **dict.fromkeys((".idx", ".idx.gz", "-ubyte", "-ubyte.gz"), ("IDX file", read_idx)),
    }
    for ending, reader in readers.items():
        if path.name.lower().endswith(ending):
            return reader
    raise InputError(f"{path} is none of .csv, .parquet, .npy, .npz, .idx, .idx.gz")


def _read_csv(path: Path) -> pa.Table:
    with path.open(newline="", encoding="utf-8-sig") as file:
        line = file.readline()
    delimiter = max(",;\t", key=line.count)
    first = next(csv.reader([line], delimiter=delimiter), [])
    titled = not all(map(_is_number, first))
    return pyarrow.csv.read_csv(
        path,
        pyarrow.csv.ReadOptions(
            block_size=min(path.stat().st_size + 1, _BLOCK),
            column_names=None if titled else [str(i) for i in range(len(first))],
        ),
        pyarrow.csv.ParseOptions(delimiter=delimiter),
    )


def _read_parquet(path: Path) -> pa.Table:
    try:
        return pq.read_table(path)
    except OSError as error:  # of a damaged file too
        raise ValueError(error) from None


def _read_npz(path: Path) -> np.ndarray:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        names = file.files
        if "x" not in names and len(names) != 1:
            raise InputError(
                f"{path} holds the arrays {', '.join(names) or 'none'}: keep one, or call the rows x"
            )
        array: np.ndarray = file["x" if "x" in names else names[0]]
    return array


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _select(path: Path, table: pa.Table, columns: tuple[str, ...] | None) -> pa.Table:
    names = table.column_names
    repeated = {name for name in names if names.count(name) > 1}
    if repeated:
        raise InputError(f"{path} has two columns called {min(repeated)!r}: rename one")
    return table if columns is None else table.select(_checked_names(path, columns, names))


def _checked_names(path: Path, columns: tuple[str, ...], names: Sequence[str]) -> list[str]:
    some = ", ".join(names[:8]) + (", …" if len(names) > 8 else "")
    if not columns:
        raise InputError(f"no columns of {path} are chosen: name some of {some}")
    for column in columns:
        if column not in names:
            raise InputError(f"{path} has no column {column!r}: it has {some}")
    return list(dict.fromkeys(columns))


def _select_of_array(path: Path, array: np.ndarray, columns: tuple[str, ...] | None) -> Columns:
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
    names = [str(i) for i in range(array.shape[1])]
    if columns is not None:
        names = _checked_names(path, columns, names)
        array = array[:, [int(name) for name in names]]
    return Columns(array, tuple(names))


def to_numbers(path: str, table: pa.Table, encode: bool = False) -> Columns:
    """The values (N, C) of a table as floats.

    Parameters
    ----------
    path : str
        For errors.
    table : pyarrow.Table
    encode : bool
        Ordinal-encode columns of text, by the alphabet; otherwise they are refused.

    Raises
    ------
    InputError
        If there are no rows, or a value is missing or no number.
    """
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
    kind = column.type
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return _codes(path, name, column.to_pylist(), encode)
    if pa.types.is_boolean(kind):
        column = column.cast(pa.int8())
    elif not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise InputError(f"{path}: column {name!r} holds {kind} values: leave it out, or make it numbers")
    return column.to_numpy().astype(float)


def _codes(path: str, name: str, texts: list[str], encode: bool) -> np.ndarray:
    """The indices (N,) of texts among all that occur, sorted."""
    numbers = sum(map(_is_number, texts))
    if numbers == len(texts):
        raise InputError(f"{path}: column {name!r} holds numbers written as text: make them numbers")
    mostly_numbers = numbers > len(texts) / 2
    if mostly_numbers or not encode:
        row = next(i for i, text in enumerate(texts, 1) if not _is_number(text))
        remedy = "correct it" if mostly_numbers else "leave it out, or encode text (encode=True, --encode)"
        raise InputError(f"{path}: column {name!r} holds text, {texts[row - 1]!r} in row {row}: {remedy}")
    return np.unique(np.array(texts), return_inverse=True)[1].astype(float)
