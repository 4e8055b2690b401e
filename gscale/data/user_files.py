"""The user's own data: a file is a source."""

import warnings
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np

from gscale.data.arrays import ImageSource, TableSource
from gscale.data.cards import Size
from gscale.data.readers import Columns, read, readable
from gscale.data.reductions import LUMINANCE, Area, ImageCut, RandomColumns, TableCut
from gscale.data.row_pool import RowPool, scan_rows
from gscale.errors import InputError
from gscale.flows.serialisation import digest as digest_of


@dataclass(frozen=True)
class UserTable(TableSource):
    """A table in a file: rows of numbers. Made by `user_file`; its name and digest are its identity."""

    name: str
    digest: str
    path: Path = field(repr=False, compare=False)
    columns: tuple[str, ...] | None = field(default=None, repr=False)
    encode: bool = field(default=False, repr=False)
    cut: TableCut = field(default_factory=RandomColumns)

    @property
    def size(self) -> Size:
        return Size(len(self.pool.train), len(self.pool.test), int(self.pool.varies.sum()))

    @property
    def pool(self) -> RowPool:
        return _table(self.path, self.digest, self.columns, self.encode)

    @property
    def dropped(self) -> tuple[str, ...]:
        """Names of the columns left out because they are constant."""
        return tuple(np.array(self.pool.names, object)[~self.pool.varies])


@dataclass(frozen=True)
class UserImages(ImageSource):
    """Square images in a file, D = k² pixels. Made by `user_file`; its name and digest are its identity."""

    name: str
    digest: str
    path: Path = field(repr=False, compare=False)
    cut: ImageCut = field(default_factory=Area)

    @property
    def size(self) -> Size:
        return Size(len(self.pool.train), len(self.pool.test), self.pool.rows.shape[1])

    @property
    def pool(self) -> RowPool:
        return _images(self.path, self.digest)


def user_file(
    path: Path | str, columns: tuple[str, ...] | None = None, encode: bool = False
) -> UserTable | UserImages:
    r"""A source of the rows in a .csv, .parquet, .npy, .npz, .idx or .idx.gz file, which is read at once.

    Arrays (N, k, k), with one or three colours behind or not, and arrays of bytes (N, k²), k ≥ 4, are
    images, averaged down to D pixels. All else is a table, cut to D of its columns, drawn anew for each seed;
    integers get uniform noise, and columns are standardised by the training rows. A fifth of the rows is for
    testing, always the same, and equal rows are on the same side. ``dataclasses.replace(source, cut=Crop())``
    or ``PrincipalAxes()`` cuts otherwise.

    Parameters
    ----------
    path : Path or str
        The file. The source shows its name and a digest of its content, never where it lies.
    columns : tuple of str, optional
        The columns to take, all where absent; those of an array are called 0, 1, ….
    encode : bool
        Ordinal-encode columns of text, by the alphabet; the codes are integers like others.

    Returns
    -------
    UserTable or UserImages

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
    with readable(path):
        digest = digest_of(path)
    values = _array(path, digest, columns, encode).values
    side = round(values.shape[1] ** 0.5)
    flat_images = values.dtype == np.uint8 and side >= 4 and side**2 == values.shape[1]
    if columns is None and (values.ndim > 2 or flat_images):
        _images(path, digest)
        return UserImages(path.name, digest, path=path)
    name = path.name + (f"[{','.join(columns)}]" if columns else "") + (" encoded" if encode else "")
    source = UserTable(name, digest, path=path, columns=columns, encode=encode)
    if source.dropped:
        names = ", ".join(source.dropped)
        warnings.warn(f"{path.name}: left out, for they are constant: {names}", stacklevel=2)
    return source


@lru_cache(maxsize=2)
def _array(path: Path, digest: str, columns: tuple[str, ...] | None, encode: bool) -> Columns:
    array = read(path, columns, encode)
    if digest_of(path) != digest:
        raise InputError(f"{path.name} has changed since it was opened: open it again")
    return array


@lru_cache(maxsize=2)
def _table(path: Path, digest: str, columns: tuple[str, ...] | None, encode: bool) -> RowPool:
    pool = scan_rows(*_array(path, digest, columns, encode), path.name)
    if not pool.varies.any():
        raise InputError(f"{path.name} has no column that varies")
    return pool


@lru_cache(maxsize=2)
def _images(path: Path, digest: str) -> RowPool:
    return scan_rows(_squares(path.name, _array(path, digest, None, False).values), (), path.name)


def _squares(name: str, values: np.ndarray) -> np.ndarray:
    """Grey images (N, k, k)."""
    if values.ndim == 2:
        side = round(values.shape[1] ** 0.5)
        return values.reshape(-1, side, side)
    if values.ndim == 4 and values.shape[3] == 3:
        values = np.rint(values @ LUMINANCE) if values.dtype == np.uint8 else values @ LUMINANCE
    elif values.ndim == 4 and values.shape[3] == 1:
        values = values[..., 0]
    if values.ndim != 3 or values.shape[1] != values.shape[2]:
        sizes = "×".join(map(str, values.shape))
        raise InputError(f"{name} holds an array of {sizes}: images are N×k×k, N×k×k×1 or N×k×k×3")
    return _bytes(values)


def _bytes(values: np.ndarray) -> np.ndarray:
    """Pixels that are bytes divided by 255 as bytes again, to be dequantised; others unchanged."""
    if values.dtype.kind != "f" or not (values.min() >= 0 and values.max() <= 1):
        return values
    steps = values * 255.0
    return np.rint(steps).astype(np.uint8) if np.abs(steps - np.rint(steps)).max() < 1e-3 else values
