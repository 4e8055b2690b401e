"""Fitting and running flows on rows that are larger than memory: a chunk at a time, the images on disk."""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bijections.base import Bijection, Spec
from gscale.bijections.batching import PRODUCT, in_blocks, through_blocks
from gscale.bijections.histogram_quantiles import check_counted
from gscale.errors import InputError
from gscale.flows.chunks import Chunks, chunk_rows
from gscale.flows.disk_rows import OnDisk
from gscale.flows.flow import Flow, Layer, LayerSpec
from gscale.flows.layerwise import Losses, fit_layerwise, layer_key
from gscale.metrics import normal_log_prob
from gscale.validation import check_finite, check_rows


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
    """`fit_layerwise` on rows that need not fit into memory: the same flow, to within the dtype's rounding.

    The images of all rows are kept in a file, of 4 N D bytes, that is gone in the end. A layer reads it three
    times or more and writes it once.

    Parameters
    ----------
    key : Array
        Random key.
    rows : Chunks
        `ArrayChunks`, `ParquetChunks`, or rows of your own; float32 is fitted to.
    spec : LayerSpec
        Its rotation doesn't look at rows, as Haar's; its marginal counts them: Quantiles or Moments.
    n_layers : int
        Number of layers L, at least 1.
    first : Spec, optional
        A marginal to fit in front of the first layer.
    scratch : Path, optional
        The folder of that file, that of temporary files if not given.
    n_rows : int, optional
        Rows of a chunk, so many as make 32 MB if not given. Rows of a single chunk are fitted in memory.

    Returns
    -------
    flow : Flow
    losses : Losses, each shape (L + 1,)
        Negative log-likelihood of the rows fitted to, in nats, with 0, 1, …, L layers.

    Raises
    ------
    InputError
        If ``n_layers`` is below 1, a row holds NaN or infinity, a column is constant, a part of the layer
        can't be fitted to chunks, or the disk has no room.

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
    if n_layers < 1:
        raise InputError(f"n_layers is {n_layers}: a flow needs at least 1 layer")
    n, dim = rows.shape
    size = chunk_rows(dim) if n_rows is None else n_rows
    if n <= size:
        x = jax.device_put(next(rows.chunks(size), np.empty((0, dim), np.float32)))
        return fit_layerwise(key, x, spec, n_layers, first=first)
    check_counted(spec, first, dim)
    with _scratch(scratch, n, dim) as file:
        images = OnDisk(file, dim, size)
        images.replace(_finite(rows.chunks(size)))
        check_rows(np.stack([images.seen.lowest, images.seen.highest]), "the rows")
        return _fit(key, images, spec, n_layers, first)


def log_prob_chunks(flow: Flow, rows: Chunks, n_rows: int | None = None) -> Iterator[np.ndarray]:
    """Log-densities (m,) in nats of the rows, chunk by chunk.

    Parameters
    ----------
    flow : Flow
    rows : Chunks
    n_rows : int, optional
        Rows of a chunk, so many as make 32 MB if not given.
    """
    for chunk in rows.chunks(n_rows or chunk_rows(flow.dim)):
        yield np.asarray(_log_prob(flow, chunk))


def _finite(chunks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    begin = 0
    for chunk in chunks:
        check_finite(chunk, f"the rows from {begin}")
        begin += len(chunk)
        yield chunk


@eqx.filter_jit
def _log_prob(flow: Flow, chunk: Array | np.ndarray) -> Array:
    log_prob: Array = in_blocks(flow.log_prob, jnp.asarray(chunk))
    return log_prob


def _scratch(folder: Path | None, n: int, dim: int) -> Any:
    folder = Path(folder or tempfile.gettempdir())
    needed = 4 * n * dim
    try:
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise InputError(
                f"{folder} has {free / 1e9:.1f} GB left, of {needed / 1e9:.1f} GB for {n} × {dim} images: "
                "name a folder with room as scratch"
            )
        return tempfile.TemporaryFile(dir=folder)
    except OSError as error:
        raise InputError(
            f"cannot write in {folder}: {error.strerror}; name another folder as scratch"
        ) from None


def _fit(
    key: Array, images: OnDisk, spec: LayerSpec, n_layers: int, first: Spec | None
) -> tuple[Flow, Losses]:
    first_map = None if first is None else _fitted(first, images)
    marginal, means, layers = first_map, list[np.ndarray](), list[Bijection]()
    for index in range(n_layers):
        rotation_key, _, _ = jax.random.split(layer_key(key, jnp.asarray(index)), 3)
        rotation = _rotation(spec.rotation, rotation_key, images.dim)
        means.append(_turn(images, marginal, rotation))
        marginal = _fitted(spec.marginal, images)
        layers.append(Layer(rotation, marginal))
    means.append(_mean([(len(chunk), _ended(marginal, chunk)) for chunk in images.chunks()]))
    log_prob, log_det = np.array(means).T
    curve = jnp.asarray(-log_prob - log_det.cumsum(), jnp.float32)
    stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *layers)
    return Flow(stacked, first_map, images.dim), Losses(curve, curve)


def _fitted(marginal: Any, images: OnDisk) -> Bijection:
    fitted: Bijection = marginal.fit_counted(images)
    return fitted


@eqx.filter_jit
def _rotation(spec: Spec, key: Array, dim: int) -> Bijection:
    return spec.fit(key, jnp.zeros((2, dim), jnp.float32))


def _turn(images: OnDisk, marginal: Bijection | None, rotation: Bijection) -> np.ndarray:
    """Send all images through a marginal and a rotation; the means in between that `_through` gives."""
    found = []

    def turned() -> Iterator[Array]:
        for chunk in images.chunks():
            moved, values = _turned(marginal, rotation, chunk)
            found.append((len(chunk), values))
            yield moved

    images.replace(turned())
    return _mean(found)


def _mean(parts: list[tuple[int, Array]]) -> np.ndarray:
    """Mean of values (2,) of parts of the rows, weighted by how many they are, in float64."""
    sizes, values = zip(*parts, strict=True)
    return np.average(np.array(values, float), 0, weights=sizes)


@eqx.filter_jit
def _turned(
    marginal: Bijection | None, rotation: Bijection, chunk: Array | np.ndarray
) -> tuple[Array, Array]:
    z, values = _through(marginal, chunk)
    return through_blocks(rotation.forward, z, PRODUCT)[0], values


@eqx.filter_jit
def _ended(marginal: Bijection | None, chunk: Array | np.ndarray) -> Array:
    return _through(marginal, chunk)[1]


def _through(marginal: Bijection | None, chunk: Array | np.ndarray) -> tuple[Array, Array]:
    """Images z of a chunk, and means of their log N(z; 0, I) and of log|det J|."""
    z, log_det = jnp.asarray(chunk), jnp.zeros(len(chunk))
    if marginal is not None:
        z, log_det = through_blocks(marginal.forward, z)
    return z, jnp.stack([in_blocks(normal_log_prob, z).mean(), log_det.mean()])
