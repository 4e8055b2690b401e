"""Rows in a file, chunk by chunk: written over by their images, counted for the marginals of a layer."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO, NamedTuple

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bijections.histogram_quantiles import InMemory
from gscale.errors import InputError


class Look(NamedTuple):
    """Ends, mean and standard deviation (D,) of the columns of n rows."""

    n: int
    lowest: np.ndarray
    highest: np.ndarray
    mean: np.ndarray
    deviation: np.ndarray


_NONE = Look(0, *(np.zeros(0) for _ in range(4)))


@eqx.filter_jit
def look(chunk: Array | np.ndarray) -> tuple[Array, ...]:
    """Ends, mean and standard deviation (D,) of a chunk (n, D)."""
    rows = InMemory(jnp.asarray(chunk))
    return *rows.ends(), *rows.moments()


def together(looks: Iterable[Look]) -> Look:
    """Of chunks, that of all their rows, summed in float64.

    References
    ----------
    Chan, Golub and LeVeque, "Algorithms for computing the sample variance", The American Statistician 37
    (1983).
    """
    looks = list(looks)
    sizes = np.array([a.n for a in looks], float)[:, None]
    means = np.array([a.mean for a in looks], float)
    deviations = np.array([a.deviation for a in looks], float)
    mean = (sizes * means).sum(0) / sizes.sum()
    variance = (sizes * (deviations**2 + (means - mean) ** 2)).sum(0) / sizes.sum()
    lowest, highest = np.min([a.lowest for a in looks], 0), np.max([a.highest for a in looks], 0)
    return Look(sum(a.n for a in looks), lowest, highest, mean, np.sqrt(variance))


@dataclass
class OnDisk:
    """Rows (N, D) of float32 in a file, as `gscale.bijections.histogram_quantiles.Rows`; ``seen`` is what was last written."""

    file: BinaryIO
    dim: int
    n_rows: int
    seen: Look = _NONE

    @property
    def n(self) -> int:
        return self.seen.n

    def ends(self) -> tuple[Array, Array]:
        return _float32(self.seen.lowest), _float32(self.seen.highest)

    def moments(self) -> tuple[Array, Array]:
        return _float32(self.seen.mean), _float32(self.seen.deviation)

    def counts(self, edges: Array, n_bins: int) -> Array:
        return self._sum(lambda chunk: _counted(chunk, edges, n_bins))

    def beyond(self, lowest: Array, highest: Array) -> tuple[tuple[Array, Array], tuple[Array, Array]]:
        found: tuple[tuple[Array, Array], tuple[Array, Array]] = self._sum(
            lambda chunk: _beyond(chunk, lowest, highest)
        )
        return found

    def repeat(self, again: Callable[[Any], Array], step: Callable[[Any], Any], state: Any) -> Any:
        while again(state):
            state = step(state)
        return state

    def chunks(self) -> Iterator[np.ndarray]:
        """Arrays (n_rows, D), the last of what is left."""
        for begin in range(0, self.n, self.n_rows):
            self.file.seek(4 * begin * self.dim)
            size = min(self.n_rows, self.n - begin) * self.dim
            yield np.fromfile(self.file, np.float32, size).reshape(-1, self.dim)

    def replace(self, chunks: Iterable[Array | np.ndarray]) -> None:
        """Write chunks where those in their places were, which may be read until then."""
        looks, begin = [], 0
        for chunk in chunks:
            looks.append(Look(len(chunk), *(np.asarray(a) for a in look(chunk))))
            write(self.file, 4 * begin * self.dim, np.asarray(chunk))
            begin += len(chunk)
        self.seen = together(looks)

    def _sum(self, function: Callable[[np.ndarray], Any]) -> Any:
        """Sum over chunks of what a function finds in one, real numbers in float64."""
        total = None
        for chunk in self.chunks():
            found = jax.tree.map(_exact, function(chunk))
            total = found if total is None else jax.tree.map(np.add, total, found)
        return jax.tree.map(lambda a: jnp.asarray(a, jnp.float32 if a.dtype == float else jnp.int32), total)


def write(file: BinaryIO, offset: int, chunk: np.ndarray) -> None:
    """Write an array to a place of a file.

    Raises
    ------
    InputError
        If there is no room.
    """
    try:
        file.seek(offset)
        file.write(np.ascontiguousarray(chunk, np.float32).data)
        file.flush()
    except OSError as error:
        raise InputError(
            f"images can't be kept: {error.strerror}; name a folder with room as scratch"
        ) from None


def _exact(sums: Array) -> np.ndarray:
    return np.asarray(sums, np.int64 if jnp.issubdtype(sums.dtype, jnp.integer) else float)


def _float32(values: np.ndarray) -> Array:
    return jnp.asarray(values, jnp.float32)


@eqx.filter_jit
def _counted(chunk: Array | np.ndarray, edges: Array, n_bins: int) -> Array:
    return InMemory(jnp.asarray(chunk)).counts(edges, n_bins)


@eqx.filter_jit
def _beyond(chunk: Array | np.ndarray, lowest: Array, highest: Array) -> Any:
    return InMemory(jnp.asarray(chunk)).beyond(lowest, highest)
