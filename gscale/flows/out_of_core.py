"""Fitting and running flows on rows that are larger than memory: a chunk at a time, the images on disk."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bijections.base import Bijection, Spec
from gscale.bijections.batching import PRODUCT_NUMBERS, in_blocks, through_blocks
from gscale.bijections.histogram_quantiles import RowsInMemory, TailSums, check_countable
from gscale.errors import InputError
from gscale.flows.chunks import Chunks, chunk_rows
from gscale.flows.fit_state import layer_key
from gscale.flows.flow import Flow, Layer, LayerSpec
from gscale.flows.layerwise import Losses, fit_layerwise
from gscale.metrics import normal_log_prob
from gscale.validation import check_at_least, check_finite, check_rows


def fit_chunks(
    key: Array,
    rows: Chunks,
    spec: LayerSpec,
    n_layers: int,
    *,
    first: Spec | None = None,
    scratch: Path | None = None,
    n_rows: int | None = None,
) -> tuple[Flow, Losses]:
    """`fit_layerwise` on rows that need not fit into memory: the same flow, but for the dtype's rounding.

    Quantiles are counted, as they are by a jitted `fit_layerwise`; not jitted, it sorts up to 131,072 rows on
    CPUs, and knots differ by less than the standard error of their ranks.

    The images of all rows are in a temporary file of 4 N D bytes. A layer reads it three times or more and
    writes it once.

    Parameters
    ----------
    key : Array
        Random key.
    rows : Chunks
        `ArrayChunks`, `ParquetChunks`, or rows of your own; float32 is fitted to.
    spec : LayerSpec
        Its rotation does not depend on the rows, such as Haar; its marginal is fitted by counting: Quantiles
        or Moments.
    n_layers : int
        Number of layers L, at least 1.
    first : Spec, optional
        A marginal to fit in front of the first layer.
    scratch : Path, optional
        The folder of the file; that of temporary files if not given.
    n_rows : int, optional
        Rows of a chunk; as many as make 32 MB if not given. Rows of a single chunk are fitted in memory.

    Returns
    -------
    flow : Flow
    losses : Losses, each shape (L + 1,)
        Negative log-likelihood of the rows fitted to, in nats, with 0, 1, …, L layers.

    Raises
    ------
    InputError
        If ``n_layers`` is below 1, a row holds NaN or infinity, a column is constant, a part of the layer
        can't be fitted to chunks, or there is no space on the disk.

    Examples
    --------
    >>> from gscale import ArrayChunks, Haar, Quantiles
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(Path(folder) / "rows.npy", np.random.default_rng(0).gamma(2, size=(9000, 2)))
    ...     rows = ArrayChunks(Path(folder) / "rows.npy")
    ...     flow, losses = fit_chunks(jax.random.key(0), rows, LayerSpec(Haar(), Quantiles()), 3)
    >>> losses.train.shape, bool(losses.train[-1] < losses.train[0])
    ((4,), True)
    """
    check_at_least(1, {"n_layers": n_layers})
    n, dim = rows.shape
    size = chunk_rows(dim) if n_rows is None else n_rows
    if n <= size:
        x = jax.device_put(next(rows.chunks(size), np.empty((0, dim), np.float32)))
        return fit_layerwise(key, x, spec, n_layers, first=first)
    check_countable(spec, first, dim)
    with _temporary_file(scratch, n, dim) as file:
        images = _RowsOnDisk(file, dim, size)
        images.write(_checked(rows.chunks(size)))
        check_rows(np.stack([images.last_written.lowest, images.last_written.highest]), "the rows")
        return _fit(key, images, spec, n_layers, first)


def log_prob_chunks(flow: Flow, rows: Chunks, n_rows: int | None = None) -> Iterator[np.ndarray]:
    """Log-densities (m,) in nats of the rows, chunk by chunk.

    Parameters
    ----------
    flow : Flow
    rows : Chunks
    n_rows : int, optional
        Rows of a chunk; as many as make 32 MB if not given.
    """
    for chunk in rows.chunks(n_rows or chunk_rows(flow.dim)):
        yield np.asarray(_log_prob(flow, chunk))


class ColumnMoments(NamedTuple):
    """Number of some rows, and the ends, mean and standard deviation (D,) of their columns."""

    n: int
    lowest: np.ndarray
    highest: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray


def combine_moments(parts: Iterable[ColumnMoments]) -> ColumnMoments:
    """The moments of all rows from those of parts of them, summed in float64.

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37
    (1983).
    """
    parts = list(parts)
    sizes = np.array([part.n for part in parts], float)[:, None]
    means = np.array([part.mean for part in parts], float)
    deviations = np.array([part.deviation for part in parts], float)
    mean = (sizes * means).sum(0) / sizes.sum()
    variance = (sizes * (deviations**2 + (means - mean) ** 2)).sum(0) / sizes.sum()
    lowest, highest = np.min([part.lowest for part in parts], 0), np.max([part.highest for part in parts], 0)
    return ColumnMoments(sum(part.n for part in parts), lowest, highest, mean, np.sqrt(variance))


_NO_ROWS = ColumnMoments(0, *(np.zeros(0) for _ in range(4)))


@dataclass
class _RowsOnDisk:
    """`RowStatistics` of rows (N, D) of float32 in a file, and the moments of those last written."""

    file: BinaryIO
    dim: int
    n_rows: int
    last_written: ColumnMoments = _NO_ROWS

    @property
    def n(self) -> int:
        return self.last_written.n

    def ends(self) -> tuple[Array, Array]:
        return _float32(self.last_written.lowest), _float32(self.last_written.highest)

    def moments(self) -> tuple[Array, Array]:
        return _float32(self.last_written.mean), _float32(self.last_written.deviation)

    def counts(self, edges: Array, n_bins: int, equal: Array) -> Array:
        return self._sum(lambda chunk: _counts(chunk, edges, n_bins, equal))

    def tail_sums(self, lowest: Array, highest: Array) -> TailSums:
        sums: TailSums = self._sum(lambda chunk: _tail_sums(chunk, lowest, highest))
        return sums

    def while_loop(self, unfinished: Callable[[Any], Array], step: Callable[[Any], Any], state: Any) -> Any:
        while unfinished(state):
            state = step(state)
        return state

    def chunks(self) -> Iterator[np.ndarray]:
        """Arrays (n_rows, D); the last may be shorter."""
        for start in range(0, self.n, self.n_rows):
            self.file.seek(4 * start * self.dim)
            size = min(self.n_rows, self.n - start) * self.dim
            yield np.fromfile(self.file, np.float32, size).reshape(-1, self.dim)

    def write(self, chunks: Iterable[Array | np.ndarray]) -> None:
        """Write chunks over those at their offsets, which may be read until then.

        Raises
        ------
        InputError
            If there is no space on the disk.
        """
        parts, start = [], 0
        for chunk in chunks:
            parts.append(ColumnMoments(len(chunk), *(np.asarray(a) for a in _column_moments(chunk))))
            try:
                self.file.seek(4 * start * self.dim)
                self.file.write(np.ascontiguousarray(chunk, np.float32).data)
                self.file.flush()
            except OSError as error:
                raise InputError(
                    f"images cannot be written: {error.strerror}; name a folder with space as scratch"
                ) from None
            start += len(chunk)
        self.last_written = combine_moments(parts)

    def _sum(self, function: Callable[[np.ndarray], Any]) -> Any:
        """Sum over chunks of a function's result for each, real numbers in float64."""
        total = None
        for chunk in self.chunks():
            part = jax.tree.map(_widened, function(chunk))
            total = part if total is None else jax.tree.map(np.add, total, part)
        return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32 if a.dtype == float else jnp.int32), total)


def _widened(sums: Array) -> np.ndarray:
    return np.asarray(sums, np.int64 if jnp.issubdtype(sums.dtype, jnp.integer) else float)


def _float32(values: np.ndarray) -> Array:
    return jnp.asarray(values, jnp.float32)


@eqx.filter_jit
def _column_moments(chunk: Array | np.ndarray) -> tuple[Array, ...]:
    rows = RowsInMemory(jnp.asarray(chunk))
    return *rows.ends(), *rows.moments()


@eqx.filter_jit
def _counts(chunk: Array | np.ndarray, edges: Array, n_bins: int, equal: Array) -> Array:
    return RowsInMemory(jnp.asarray(chunk)).counts(edges, n_bins, equal)


@eqx.filter_jit
def _tail_sums(chunk: Array | np.ndarray, lowest: Array, highest: Array) -> TailSums:
    return RowsInMemory(jnp.asarray(chunk)).tail_sums(lowest, highest)


@eqx.filter_jit
def _log_prob(flow: Flow, chunk: Array | np.ndarray) -> Array:
    log_prob: Array = in_blocks(flow.log_prob, jnp.asarray(chunk))
    return log_prob


def _checked(chunks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    start = 0
    for chunk in chunks:
        check_finite(chunk, f"the rows from {start}")
        start += len(chunk)
        yield chunk


def _temporary_file(folder: Path | None, n: int, dim: int) -> Any:
    folder = Path(folder or tempfile.gettempdir())
    needed = 4 * n * dim
    try:
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise InputError(
                f"{folder} has {free / 1e9:.1f} GB free, and {n} × {dim} images take {needed / 1e9:.1f} GB: "
                "name a folder with more space as scratch"
            )
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise InputError(
            f"cannot write in {folder}: {error.strerror}; name another folder as scratch"
        ) from None


def _fit(
    key: Array, images: _RowsOnDisk, spec: LayerSpec, n_layers: int, first: Spec | None
) -> tuple[Flow, Losses]:
    first_map = None if first is None else _fitted(first, images)
    marginal, means, layers = first_map, list[np.ndarray](), list[Bijection]()
    for index in range(n_layers):
        rotation_key, _, _ = jax.random.split(layer_key(key, jnp.asarray(index)), 3)
        rotation = _rotation(spec.rotation, rotation_key, images.dim)
        means.append(_rotate(images, marginal, rotation))
        marginal = _fitted(spec.marginal, images)
        layers.append(Layer(rotation, marginal))
    means.append(_mean([(len(chunk), _means_after(marginal, chunk)) for chunk in images.chunks()]))
    log_prob, log_det = np.array(means).T
    curve = jnp.asarray(-log_prob - log_det.cumsum(), jnp.float32)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)
    return Flow(stacked, first_map, images.dim), Losses(curve, curve)


def _fitted(marginal: Any, images: _RowsOnDisk) -> Bijection:
    fitted: Bijection = marginal.fit_counted(images)
    return fitted


@eqx.filter_jit
def _rotation(spec: Spec, key: Array, dim: int) -> Bijection:
    return spec.fit(key, jnp.zeros((2, dim), jnp.float32))


def _rotate(images: _RowsOnDisk, marginal: Bijection | None, rotation: Bijection) -> np.ndarray:
    """Map all images by a marginal, then by a rotation; return the means between the two of `_through`."""
    means = []

    def rotated() -> Iterator[Array]:
        for chunk in images.chunks():
            images_of_chunk, values = _rotated(marginal, rotation, chunk)
            means.append((len(chunk), values))
            yield images_of_chunk

    images.write(rotated())
    return _mean(means)


def _mean(parts: list[tuple[int, Array]]) -> np.ndarray:
    """Mean of values (2,) of parts of the rows, weighted by their numbers of rows, in float64."""
    sizes, values = zip(*parts, strict=True)
    return np.average(np.array(values, float), 0, weights=sizes)


@eqx.filter_jit
def _rotated(
    marginal: Bijection | None, rotation: Bijection, chunk: Array | np.ndarray
) -> tuple[Array, Array]:
    z, values = _through(marginal, chunk)
    return through_blocks(rotation.forward, z, PRODUCT_NUMBERS)[0], values


@eqx.filter_jit
def _means_after(marginal: Bijection | None, chunk: Array | np.ndarray) -> Array:
    return _through(marginal, chunk)[1]


def _through(marginal: Bijection | None, chunk: Array | np.ndarray) -> tuple[Array, Array]:
    """Images z of a chunk, and means of their log N(z; 0, I) and of log|det J|."""
    z, log_det = jnp.asarray(chunk), jnp.zeros(len(chunk))
    if marginal is not None:
        z, log_det = through_blocks(marginal.forward, z)
    return z, jnp.stack([in_blocks(normal_log_prob, z).mean(), log_det.mean()])
