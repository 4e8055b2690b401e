"""Curves computed on covariances alone: one function for each way of training."""

from collections.abc import Callable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bench.measure.timing import Curves, Step, Tick, timed_call, walk
from gscale.bench.sweep import Cell, EndToEndScales
from gscale.flows.flow import LayerSpec
from gscale.theory import expected_gain, loss_lower_bound, whitening_couplings
from gscale.theory.population import deviation, losses_from_gains, remaining_loss, whiten_layer
from gscale.theory.scales import best_scales


def seed_keys(seeds: tuple[int, ...]) -> tuple[Array, Array]:
    """The keys (S,) of the seeds' data and of their layers; the same whatever cell, order or worker."""
    return _seed_keys(np.array(seeds, np.uint32))


@jax.jit
def _seed_keys(seeds: Array) -> tuple[Array, Array]:
    keys = jax.vmap(lambda seed: jax.random.split(jax.random.key(seed)))(seeds)
    return keys[:, 0], keys[:, 1]


def population_curves(cell: Cell, tick: Tick) -> Curves:
    """Exact losses layer by layer."""
    keys, begin = _keys_and_deviations(cell)
    walked = walk(_population_step(cell.layer), keys, begin, cell.n_layers, tick)
    last = _remaining_losses(walked.state)
    losses = np.asarray(losses_from_gains(jnp.stack(walked.outputs), last))
    return Curves("kl", None, losses.T, walked.seconds, walked.seconds_compile)


@cache
def _population_step(layer: LayerSpec) -> Step:
    def one(key: Array, carried: Array, index: Array) -> tuple[Array, Array]:
        return whiten_layer(key, carried, layer, index)

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)


Factor = Callable[[Array, Array], Array]


def factor_curves(cell: Cell, factor: Factor, tick: Tick) -> Curves:
    """The first loss times a factor for each layer, of the covariances that Haar layers pass through."""
    keys, begin = _keys_and_deviations(cell)
    first = np.asarray(_remaining_losses(begin))
    walked = walk(_factor_step(cell.layer, factor), keys, begin, cell.n_layers, tick)
    losses = np.cumprod([first, *walked.outputs], 0)
    return Curves("kl", None, losses.T, walked.seconds, walked.seconds_compile)


@cache
def _factor_step(layer: LayerSpec, factor: Factor) -> Step:
    def one(key: Array, carried: Array, index: Array) -> tuple[Array, Array]:
        eigenvalues = 1 + jnp.linalg.eigvalsh(carried)
        carried, _ = whiten_layer(key, carried, layer, index)
        return carried, factor(eigenvalues, -0.5 * jnp.log(eigenvalues).sum())

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)


def expected_factor(eigenvalues: Array, loss: Array) -> Array:
    """Exact expectation of a Haar layer's factor of the loss."""
    return 1 - expected_gain(eigenvalues) / jnp.where(loss > 0, loss, 1)  # D = 1 has nothing to lose


def lowest_factor(eigenvalues: Array, loss: Array) -> Array:
    """Bound that the expectation is never below."""
    return loss_lower_bound(eigenvalues) / jnp.where(loss > 0, loss, 1)


def scales_curves(cell: Cell, training: EndToEndScales, tick: Tick) -> Curves:
    """For each depth, the best scales trained together; the seconds are those of that depth alone."""
    keys, deviations = _keys_and_deviations(cell)
    first = np.asarray(_remaining_losses(deviations))
    step = _scales_step(cell.n_layers, training.n_restarts)
    walked = walk(step, keys, deviations, cell.n_layers, tick)
    seconds = np.diff(walked.seconds, prepend=0.0)
    return Curves("kl", None, np.array([first, *walked.outputs]).T, seconds, walked.seconds_compile)


@cache
def _scales_step(most: int, n_restarts: int) -> Step:
    def one(key: Array, carried: Array, index: Array) -> tuple[Array, Array]:
        covariance = carried + jnp.eye(carried.shape[0])
        return carried, best_scales(key, covariance, index + 1, most, n_restarts).loss

    return jax.jit(jax.vmap(one, (0, 0, None)), donate_argnums=1)


def whitening_curves(cell: Cell, tick: Tick) -> Curves:
    """Losses with none, the first and both of the couplings that whiten each seed's covariance."""
    _, deviations = _keys_and_deviations(cell)
    covariances = deviations + jnp.eye(cell.dim)[None]
    compiling = timed_call(whitening_couplings, covariances[0])
    runs = [timed_call(whitening_couplings, covariance) for covariance in covariances]
    losses = [
        [_loss_behind(covariance, run.result[:n]) for n in range(3)]
        for covariance, run in zip(covariances, runs, strict=True)
    ]
    tick(cell.n_layers)
    seconds = sum(run.seconds for run in runs)
    compile_seconds = max(compiling.seconds - runs[0].seconds, 0.0)
    return Curves("kl", None, np.array(losses), np.array([0.0, seconds, seconds]), compile_seconds)


@jax.jit
def _loss_behind(covariance: Array, maps: Any) -> Array:
    """KL () to N(0, I) of N(0, Σ) sent through maps, whatever its variances."""
    root = jnp.linalg.cholesky(covariance)
    columns = root.T
    for bijection in maps:
        columns, _ = jax.vmap(bijection.forward)(columns)
    carried = columns.T @ columns - jnp.eye(covariance.shape[0])
    return remaining_loss((carried + carried.T) / 2)


_remaining_losses = jax.jit(jax.vmap(remaining_loss))


def _keys_and_deviations(cell: Cell) -> tuple[Array, Array]:
    """The layers' keys (S,) and E = Σ − I (S, D, D) of the seeds."""
    data_keys, keys = seed_keys(cell.seeds)
    dataset: Any = cell.dataset  # with a covariance: the cell has made sure of it
    return keys, jax.jit(jax.vmap(lambda key: deviation(dataset.matrix(key, cell.dim))))(data_keys)
