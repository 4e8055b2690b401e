"""Flows of rows that are split over devices: only counts and sums of columns are all-reduced."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array, lax
from jax.sharding import Mesh, NamedSharding, PartitionSpec as P

from gscale.bijections.base import Bijection
from gscale.bijections.batching import in_blocks
from gscale.bijections.histogram_quantiles import RowsInMemory, TailSums, check_countable, deviation
from gscale.errors import InputError
from gscale.flows.flow import Flow, LayerSpec
from gscale.flows.layerwise import Losses, fit_layerwise
from gscale.validation import check_at_least, check_rows

_ROWS = "rows"  # the axis of the mesh


def shard_rows(x: np.ndarray | Array, devices: Sequence[jax.Device] | None = None) -> Array:
    """Rows split evenly over devices.

    Parameters
    ----------
    x : array, shape (N, D)
        On several hosts, the rows of this one; all have as many.
    devices : sequence of jax.Device, optional
        The devices of all hosts, if not given.

    Raises
    ------
    InputError
        If N is no multiple of the devices of this host.

    Examples
    --------
    >>> x = shard_rows(np.ones((6, 2), np.float32), jax.devices()[:1])
    >>> x.shape, len(x.addressable_shards)
    ((6, 2), 1)
    """
    devices = jax.devices() if devices is None else devices
    n_here = sum(device.process_index == jax.process_index() for device in devices)
    if len(x) % n_here:
        raise InputError(
            f"{len(x)} rows on {n_here} devices: leave out {len(x) % n_here}, to split them evenly"
        )
    sharding = NamedSharding(Mesh(np.array(devices), (_ROWS,)), P(_ROWS))
    rows: Array = jax.make_array_from_process_local_data(sharding, np.asarray(x))
    return rows


def fit_sharded(
    key: Array, x: Array, spec: LayerSpec, n_layers: int, *, first: Any = None
) -> tuple[Flow, Losses]:
    """`fit_layerwise` on rows split over devices: the same flow, but for the dtype's rounding.

    Quantiles are counted, as they are by a jitted `fit_layerwise`; not jitted, it sorts up to 131,072 rows on
    CPUs, and knots differ by less than the standard error of their ranks.

    Each device maps its own rows; a few counts and sums of each column are all-reduced. The flow is on all
    devices.

    Parameters
    ----------
    key : Array
        Random key.
    x : Array, shape (N, D)
        Of `shard_rows`.
    spec : LayerSpec
        Its rotation does not depend on the rows, such as Haar; its marginal is fitted by counting: Quantiles
        or Moments.
    n_layers : int
        Number of layers L, at least 1.
    first : Spec, optional
        A marginal to fit in front of the first layer.

    Returns
    -------
    flow : Flow
    losses : Losses, each shape (L + 1,)
        Negative log-likelihood of the rows fitted to, in nats, with 0, 1, …, L layers.

    Raises
    ------
    InputError
        If ``n_layers`` is below 1, x is not split by rows alone, holds NaN, infinity or a constant column, or
        a part of the layer can't be fitted by counting.

    Examples
    --------
    >>> from gscale import Haar, Quantiles
    >>> x = shard_rows(np.random.default_rng(0).gamma(2, size=(8000, 2)))  # on all devices
    >>> flow, losses = fit_sharded(jax.random.key(0), x, LayerSpec(Haar(), Quantiles()), 3)
    >>> in_shards(flow.log_prob, x).shape, bool(losses.train[-1] < losses.train[0])
    ((8000,), True)
    """
    check_at_least(1, {"n_layers": n_layers})
    mesh = _mesh(x)
    check_countable(spec, first, x.shape[1])
    lowest, highest, finite = _column_ranges(mesh, x)
    if not finite.all():
        column = int(np.argmin(finite))
        raise InputError(f"x: column {column} holds NaN or infinity: drop or fill such rows first")
    check_rows(np.stack([lowest, highest]), "x")
    return _fit(mesh, key, x, spec, n_layers, first)


def in_shards(function: Callable[[Array], Any], rows: Array) -> Any:
    """``jax.vmap(function)(rows)`` for rows of `shard_rows`; results stay on the device of their rows.

    Parameters
    ----------
    function : callable
        From a row (D,) to an array or a pytree of arrays, such as a flow's ``log_prob`` or ``inverse``.
    rows : Array, shape (N, D)

    Raises
    ------
    InputError
        If the rows are not split by rows alone.
    """
    return _in_shards(_mesh(rows), eqx.Partial(function), rows)


def _mesh(x: Array) -> Mesh:
    sharding = getattr(x, "sharding", None)
    if not isinstance(sharding, NamedSharding) or sharding.spec != P(_ROWS):
        raise InputError(f"rows are split over devices by shard_rows(x) first; these are on {sharding}")
    return cast(Mesh, sharding.mesh)


@dataclass(frozen=True, eq=False)
class _ShardedRows:
    """Statistics of the rows of all k devices, from the part (N/k, D) of this one."""

    local: RowsInMemory

    @property
    def n(self) -> int:
        return self.local.n * lax.axis_size(_ROWS)

    def ends(self) -> tuple[Array, Array]:
        lowest, highest = self.local.ends()
        return lax.pmin(lowest, _ROWS), lax.pmax(highest, _ROWS)

    def moments(self) -> tuple[Array, Array]:
        lowest, highest = self.ends()
        mean = lax.pmean(self.local.x.mean(0), _ROWS)
        furthest = jnp.maximum(highest - mean, mean - lowest)
        unit = furthest + jnp.finfo(mean.dtype).tiny  # squares of what is far away stay finite
        squares = (deviation(self.local.x, mean, furthest) / unit) ** 2
        return mean, unit * jnp.sqrt(lax.pmean(squares, _ROWS))

    def counts(self, edges: Array, n_bins: int, equal: Array) -> Array:
        return lax.psum(self.local.counts(edges, n_bins, equal), _ROWS)

    def tail_sums(self, lowest: Array, highest: Array) -> TailSums:
        sums: TailSums = lax.psum(self.local.tail_sums(lowest, highest), _ROWS)
        return sums

    def while_loop(self, unfinished: Callable[[Any], Array], step: Callable[[Any], Any], state: Any) -> Any:
        return self.local.while_loop(unfinished, step, state)  # equal counts: all devices end together


@dataclass(frozen=True)
class _ShardedMarginal:
    """A marginal that is fitted to the rows of all devices."""

    marginal: Any

    def fit(self, key: Array, x: Array) -> Bijection:
        fitted: Bijection = self.marginal.fit_counted(_ShardedRows(RowsInMemory(x)))
        return fitted


@eqx.filter_jit
def _fit(mesh: Mesh, key: Array, x: Array, spec: LayerSpec, n_layers: int, first: Any) -> tuple[Flow, Losses]:
    layer = LayerSpec(spec.rotation, _ShardedMarginal(spec.marginal))
    front = None if first is None else _ShardedMarginal(first)

    @partial(jax.shard_map, mesh=mesh, in_specs=(P(), P(_ROWS)), out_specs=P(), check_vma=False)
    def fit(key: Array, local: Array) -> tuple[Flow, Losses]:
        flow, losses = fit_layerwise(key, local, layer, n_layers, first=front)
        return flow, lax.pmean(losses, _ROWS)

    fitted: tuple[Flow, Losses] = fit(key, x)
    return fitted


@eqx.filter_jit
def _in_shards(mesh: Mesh, function: Callable[[Array], Any], rows: Array) -> Any:
    @partial(jax.shard_map, mesh=mesh, in_specs=(P(), P(_ROWS)), out_specs=P(_ROWS), check_vma=False)
    def apply(arrays: Any, local: Array) -> Any:
        return in_blocks(eqx.combine(arrays, static), local)

    arrays, static = eqx.partition(function, eqx.is_array)
    return apply(arrays, rows)


@eqx.filter_jit
def _column_ranges(mesh: Mesh, x: Array) -> tuple[Array, Array, Array]:
    """Least and greatest value (D,) of the columns, and which of them have finite values only."""

    @partial(jax.shard_map, mesh=mesh, in_specs=P(_ROWS), out_specs=P(), check_vma=False)
    def ranges(local: Array) -> tuple[Array, Array, Array]:
        n_not_finite = lax.psum((~jnp.isfinite(local)).sum(0), _ROWS)
        return lax.pmin(local.min(0), _ROWS), lax.pmax(local.max(0), _ROWS), n_not_finite == 0

    result: tuple[Array, Array, Array] = ranges(x)
    return result
