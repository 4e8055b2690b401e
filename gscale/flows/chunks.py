"""Rows of files that are larger than memory, in chunks."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from gscale.errors import InputError

_CHUNK_NUMBERS = 2**23  # in a chunk: 32 MB of float32
_MIN_CHUNK_ROWS = 4096


class Chunks(Protocol):
    """Rows (N, D) that are read in chunks, as often as ``chunks`` is called."""

    @property
    def shape(self) -> tuple[int, int]:
        """N and D."""
        ...

    def chunks(self, n_rows: int) -> Iterator[np.ndarray]:
        """Arrays (n_rows, D) of float32 in their order; the last may be shorter."""
        ...


def chunk_rows(dim: int) -> int:
    """Number of rows (…, D) of a chunk."""
    return max(_CHUNK_NUMBERS // dim, _MIN_CHUNK_ROWS)


@dataclass(frozen=True)
class ArrayChunks:
    """The rows of an array (N, D) in a .npy file; it is read, not mapped into memory.

    Parameters
    ----------
    path : Path
        Numbers of any kind, in C order.

    Raises
    ------
    InputError
        If there is no such file, or it holds something else.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "rows.npy", np.arange(10.0).reshape(5, 2))
    ...     rows = ArrayChunks(Path(folder) / "rows.npy")
    ...     rows.shape, [chunk.shape for chunk in rows.chunks(3)]
    ((5, 2), [(3, 2), (2, 2)])
    """

    path: Path

    def __post_init__(self) -> None:
        self._open()

    @property
    def shape(self) -> tuple[int, int]:
        array = self._open()
        return array.shape[0], array.shape[1]

    def chunks(self, n_rows: int) -> Iterator[np.ndarray]:
        array = self._open()
        n, dim = array.shape
        with self.path.open("rb") as file:
            file.seek(array.offset)
            for start in range(0, n, n_rows):
                size = min(n_rows, n - start)
                chunk = np.fromfile(file, array.dtype, size * dim)
                if chunk.size < size * dim:
                    raise InputError(f"{self.path} ends before row {start + size} of {n}: get the file again")
                yield chunk.reshape(size, dim).astype(np.float32)

    def _open(self) -> np.memmap:
        try:
            array = np.lib.format.open_memmap(self.path, mode="r")
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from None
        except (ValueError, EOFError) as error:
            raise InputError(f"{self.path} is no readable array: {error}") from None
        if array.ndim != 2 or array.dtype.kind not in "biuf":
            raise InputError(
                f"{self.path} holds {array.dtype} of shape {array.shape}: numbers (N, D) are needed"
            )
        if not array.flags.c_contiguous:
            raise InputError(
                f"{self.path} is in Fortran order: write it row by row, np.save(np.ascontiguousarray(x))"
            )
        return array


@dataclass(frozen=True)
class ParquetChunks:
    """The rows of the numeric columns of a parquet file.

    Parameters
    ----------
    path : Path
    columns : tuple of str, optional
        Some of them; all if not given.

    Raises
    ------
    InputError
        If there is no such file or column, or a column holds something else than numbers.
    """

    path: Path
    columns: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        with self._open() as file:
            types = {field.name: field.type for field in file.schema_arrow}
        for name in self._names():
            if name not in types:
                raise InputError(f"{self.path} has no column {name!r}: it has {', '.join(list(types)[:8])}")
            kind = types[name]
            if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
                raise InputError(f"{self.path}: column {name!r} holds {kind}: leave it out by columns")

    @property
    def shape(self) -> tuple[int, int]:
        with self._open() as file:
            return file.metadata.num_rows, len(self._names())

    def chunks(self, n_rows: int) -> Iterator[np.ndarray]:
        names, n_filled = self._names(), 0
        chunk = np.empty((n_rows, len(names)), np.float32)
        with self._open() as file:
            for batch in file.iter_batches(n_rows, columns=names):
                for part in self._split(batch, n_rows - n_filled, n_rows):
                    chunk[n_filled : n_filled + len(part)] = part
                    n_filled += len(part)
                    if n_filled == n_rows:
                        yield chunk
                        chunk, n_filled = np.empty_like(chunk), 0
        if n_filled:
            yield chunk[:n_filled]

    def _split(self, batch: pa.RecordBatch, n_first: int, n_rows: int) -> Iterator[np.ndarray]:
        """A batch's numbers in two parts, where a chunk ends within it."""
        for start, stop in ((0, n_first), (n_first, n_rows)):
            part = batch.slice(start, stop - start)
            if part.num_rows:
                yield np.stack([self._numbers(part, name) for name in part.schema.names], 1)

    def _numbers(self, part: pa.RecordBatch, name: str) -> np.ndarray:
        column = part.column(name)
        if column.null_count:
            raise InputError(f"{self.path}: column {name!r} has missing values: fill them or leave it out")
        numbers: np.ndarray = column.to_numpy(zero_copy_only=False).astype(np.float32)
        return numbers

    def _names(self) -> list[str]:
        if self.columns is not None:
            return list(self.columns)
        with self._open() as file:
            return list(file.schema_arrow.names)

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(self.path)
        except OSError as error:
            raise InputError(f"cannot read {self.path}: {error.strerror or error}") from None
        except pa.ArrowException as error:
            raise InputError(f"{self.path} is no readable parquet file: {error}") from None
