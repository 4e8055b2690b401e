"""The user's own data: a file is a source."""

import hashlib
import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np

from gscale.data.arrays import FromImages, FromTable, Size
from gscale.data.readers import read
from gscale.data.reductions import Area, ImageCut, RandomColumns, TableCut
from gscale.data.row_pool import Pool, look_through
from gscale.errors import InputError

_LUMINANCE = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601


@dataclass(frozen=True)
class UserTable(FromTable):
    """A table in a file: rows of numbers. Made by `user_file`; its name and digest are its identity."""

    name: str
    digest: str
    path: Path = field(repr=False, compare=False)
    columns: tuple[str, ...] | None = field(default=None, repr=False)
    encode: bool = field(default=False, repr=False)
    cut: TableCut = field(default_factory=RandomColumns)

    @property
    def size(self) -> Size:
        held = self._held
        return Size(len(held.pool.train), len(held.pool.test), held.pool.low.size - len(held.dropped))

    @property
    def pool(self) -> Pool:
        return self._held.pool

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the columns left out because they are constant."""
        return self._held.dropped

    @property
    def _held(self) -> "_Table":
        return _table(self.path, self.digest, self.columns, self.encode)


@dataclass(frozen=True)
class UserImages(FromImages):
    """Square images in a file, D = k² pixels. Made by `user_file`; its name and digest are its identity."""

    name: str
    digest: str
    path: Path = field(repr=False, compare=False)
    cut: ImageCut = field(default_factory=Area)

    @property
    def size(self) -> Size:
        return Size(len(self.pool.train), len(self.pool.test), self.pool.rows.shape[1])

    @property
    def pool(self) -> Pool:
        return _images(self.path, self.digest)


def user_file(
    path: Path | str, columns: tuple[str, ...] | None = None, encode: bool = False
) -> UserTable | UserImages:
    r"""A source of the rows in a .csv, .parquet, .npy, .npz, .idx or .idx.gz file, looked through at once.

    Arrays (N, k, k), with one or three colours behind or not, and arrays of bytes (N, k²), k ≥ 4, are
    images, averaged down to D pixels. All else is a table, cut to D of its columns, drawn anew for each seed;
    integers get uniform noise, and columns the mean 0 and variance 1 of the training rows. A fifth of the
    rows is for testing, always the same, and equal rows are on the same side.
    ``dataclasses.replace(source, cut=Crop())`` or ``PrincipalAxes()`` cuts otherwise.

    Parameters
    ----------
    path : Path or str
        The file. The source shows its name and a digest of its content, never where it lies.
    columns : tuple of str, optional
        The columns to take, all where absent; those of an array are called 0, 1, ….
    encode : bool
        Turn text into the places of its values in their order, which then are integers like others.

    Returns
    -------
    OwnTable or OwnImages

    Raises
    ------
    InputError
        If the file cannot be read, has fewer than 10 rows, or a value is missing or no number.

    Warns
    -----
    UserWarning
        If columns are left out because they are constant.

    Examples
    --------
    >>> import jax, tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> path = Path(folder.name) / "mine.csv"
    >>> _ = path.write_text("a,b\n" + "".join(f"{i},{i % 7}\n" for i in range(100)))
    >>> source = user_file(path)
    >>> source
    UserTable(name='mine.csv', digest='25a71da67c34', cut=RandomColumns())
    >>> source.max_dim, source.sample(jax.random.key(0), 2, 80, 20, "float32").test.shape
    (2, (20, 2))
    >>> folder.cleanup()
    """
    path = Path(path).absolute()
    digest = _digest(path)
    values = _array(path, digest, columns, encode)[0]
    if columns is None and (values.ndim > 2 or _are_flat_images(values)):
        _images(path, digest)
        return UserImages(path.name, digest, path=path)
    name = path.name + (f"[{','.join(columns)}]" if columns else "") + (" encoded" if encode else "")
    source = UserTable(name, digest, path=path, columns=columns, encode=encode)
    if source.dropped:
        names = ", ".join(source.dropped)
        warnings.warn(f"{path.name}: left out, for they are constant: {names}", stacklevel=2)
    return source


def _digest(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:12]
    except IsADirectoryError:
        raise InputError(f"{path} is a folder: give a file") from None
    except FileNotFoundError:
        raise InputError(f"there is no file {path}") from None
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from None


class _Table(NamedTuple):
    pool: Pool
    dropped: tuple[str, ...]


@lru_cache(maxsize=2)
def _array(
    path: Path, digest: str, columns: tuple[str, ...] | None, encode: bool
) -> tuple[np.ndarray, tuple[str, ...]]:
    found = read(path, columns, encode)
    if _digest(path) != digest:
        raise InputError(f"{path.name} has changed since it was opened: open it again")
    return found


@lru_cache(maxsize=2)
def _table(path: Path, digest: str, columns: tuple[str, ...] | None, encode: bool) -> _Table:
    values, names = _array(path, digest, columns, encode)
    pool = look_through(values, names, path.name)
    varies = pool.low < pool.high
    if not varies.any():
        raise InputError(f"{path.name} has no column that varies")
    dropped = tuple(name for name, kept in zip(names, varies, strict=True) if not kept)
    return _Table(pool, dropped)


@lru_cache(maxsize=2)
def _images(path: Path, digest: str) -> Pool:
    return look_through(_squares(path.name, _array(path, digest, None, False)[0]), (), path.name)


def _are_flat_images(values: np.ndarray) -> bool:
    side = round(values.shape[1] ** 0.5)
    return values.dtype == np.uint8 and side >= 4 and side**2 == values.shape[1]


def _squares(name: str, values: np.ndarray) -> np.ndarray:
    """Grey images (N, k, k)."""
    if values.ndim == 2:
        side = round(values.shape[1] ** 0.5)
        return values.reshape(-1, side, side)
    if values.ndim == 4 and values.shape[3] == 3:
        values = np.rint(values @ _LUMINANCE) if values.dtype == np.uint8 else values @ _LUMINANCE
    elif values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3 or values.shape[1] != values.shape[2]:
        sizes = "×".join(map(str, values.shape))
        raise InputError(f"{name} holds an array of {sizes}: images are N×k×k, N×k×k×1 or N×k×k×3")
    return _bytes(values)


def _bytes(values: np.ndarray) -> np.ndarray:
    """Pixels that are bytes divided by 255 as bytes again, to be dequantised; others as they are."""
    if values.dtype.kind != "f" or not (values.min() >= 0 and values.max() <= 1):
        return values
    steps = values * 255.0
    return np.rint(steps).astype(np.uint8) if np.abs(steps - np.rint(steps)).max() < 1e-3 else values
