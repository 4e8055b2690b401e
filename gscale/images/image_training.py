"""Training a network on rows in epochs, in a way that a kill does not change."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from gscale.errors import InputError
from gscale.flows.end_to_end import Keeper

Rows = tuple[Array, ...]


class Task(Protocol):
    """What a network is trained on."""

    def loss(self, model: Any, key: Array, rows: Rows) -> tuple[Array, Array]:
        """The loss on a batch in training, and (M,) measures of it."""
        ...

    def measures(self, model: Any, key: Array, rows: Rows) -> Array:
        """The measures (M,) of rows held out."""
        ...


class Rate(Protocol):
    """The learning rate at a share of the training, as a multiple of the greatest."""

    def __call__(self, share: Array) -> Array: ...


@dataclass(frozen=True)
class Steady:
    """The same rate throughout."""

    def __call__(self, share: Array) -> Array:
        return jnp.ones_like(share)


@dataclass(frozen=True)
class OneCycle:
    """A rate that rises linearly in a tenth of the training and falls to zero by a cosine.

    References
    ----------
    Smith and Topin, Super-convergence, arXiv:1708.07120 (2017).

    Examples
    --------
    >>> [round(float(OneCycle()(jnp.array(share))), 2) for share in (0.0, 0.05, 0.1, 1.0)]
    [0.0, 0.5, 1.0, 0.0]
    """

    rise: float = 0.1

    def __call__(self, share: Array) -> Array:
        fallen = (share - self.rise) / (1 - self.rise)
        return jnp.where(share < self.rise, share / self.rise, 0.5 + 0.5 * jnp.cos(jnp.pi * fallen))


@dataclass(frozen=True)
class ImageTraining:
    """Adam on random batches.

    Parameters
    ----------
    epochs, batch : int
        Times that each row is seen, and rows a step. A last batch that is short is filled with rows of the
        same epoch.
    learning_rate : float
        The greatest rate, positive.
    rate : Steady or OneCycle
        How the rate goes.
    averaging : float
        Decay a step of a running mean of the weights, which is the result; 0 for the last weights.
    """

    epochs: int = 100
    batch: int = 6
    learning_rate: float = 1e-3
    rate: Rate = field(default_factory=Steady)
    averaging: float = 0.0

    def __post_init__(self) -> None:
        if self.epochs < 1 or self.batch < 1:
            raise InputError(f"{self.epochs} epochs in batches of {self.batch}: both are 1 or above")
        if not self.learning_rate > 0 or not 0 <= self.averaging < 1:
            raise InputError(f"{self}: the learning rate is above 0, averaging from 0 to below 1")

    def steps(self, n: int) -> int:
        """Steps of an epoch over n rows."""
        return -(-n // self.batch)


class EpochProgress(NamedTuple):
    """How far a training has come: epochs done and to do, measures in training and on rows held out."""

    epoch: int
    n_epochs: int
    train: np.ndarray
    held_out: np.ndarray


class Trained(NamedTuple):
    """A network, and its measures after each epoch (E, M) in training and on rows held out (NaN without)."""

    model: Any
    train: np.ndarray
    held_out: np.ndarray


class _State(NamedTuple):
    epoch: int
    weights: Any
    moments: Any
    mean: Any
    train: np.ndarray
    held_out: np.ndarray


def train(
    key: Array,
    model: Any,
    task: Task,
    rows: Rows,
    held_out: Rows,
    training: ImageTraining,
    checkpoint: Keeper | None = None,
    report: Callable[[EpochProgress], None] | None = None,
) -> Trained:
    """Train a network; the key is that of all batches and what is random in the task.

    Raises
    ------
    FloatingPointError
        If a loss is not finite.
    """
    weights, still = eqx.partition(model, eqx.is_inexact_array)
    n_measures = jax.eval_shape(lambda: task.measures(model, key, tuple(part[:1] for part in rows))).shape[0]
    empty = np.full((training.epochs, n_measures), np.nan)
    state = _State(0, weights, optax.scale_by_adam().init(weights), weights, empty, empty)
    setting = _fingerprint(key, rows, held_out, task, training, model) if checkpoint else ""
    if checkpoint is not None:
        state = checkpoint.load(state, setting) or state
    every = max(1, training.epochs // 20)  # a checkpoint writes four times the weights
    while state.epoch < training.epochs:
        state = _further(key, state, still, task, rows, held_out, training)
        if checkpoint is not None and (state.epoch % every == 0 or state.epoch == training.epochs):
            checkpoint.save(state, setting)
        if report is not None:
            last = state.epoch - 1
            report(EpochProgress(state.epoch, training.epochs, state.train[last], state.held_out[last]))
    final = state.mean if training.averaging else state.weights
    return Trained(eqx.combine(final, still), state.train, state.held_out)


def _further(
    key: Array, state: _State, still: Any, task: Task, rows: Rows, held_out: Rows, training: ImageTraining
) -> _State:
    """The state after one more epoch."""
    index = jnp.int32(state.epoch)
    moved, measures = _epoch(
        key, (state.weights, state.moments, state.mean), still, rows, index, task, training
    )
    train, others = state.train.copy(), state.held_out.copy()
    train[state.epoch] = measures
    if not np.isfinite(train[state.epoch]).all():
        raise FloatingPointError(
            f"the loss is not finite in epoch {state.epoch + 1}: try a lower learning rate"
        )
    if len(held_out[0]):
        model = eqx.combine(moved[2] if training.averaging else moved[0], still)
        others[state.epoch] = _measured(jax.random.fold_in(key, index), model, held_out, task)
    return _State(state.epoch + 1, *moved, train, others)


@eqx.filter_jit
def _measured(key: Array, model: Any, rows: Rows, task: Task) -> Array:
    return task.measures(model, key, rows)


@eqx.filter_jit
def _epoch(
    key: Array,
    state: tuple[Any, Any, Any],
    still: Any,
    rows: Rows,
    index: Array,
    task: Task,
    training: ImageTraining,
) -> tuple[tuple[Any, Any, Any], Array]:
    n_rows = rows[0].shape[0]
    n_steps = training.steps(n_rows)
    order_key, step_key = jax.random.split(jax.random.fold_in(key, index))
    order = jnp.resize(jax.random.permutation(order_key, n_rows), (n_steps, training.batch))

    def step(carry: tuple[Any, Any, Any], part: tuple[Array, Array, Array]) -> tuple[Any, Array]:
        chosen, batch_key, done = part
        weights, moments, mean = carry

        def loss(weights: Any) -> tuple[Array, Array]:
            return task.loss(eqx.combine(weights, still), batch_key, tuple(x[chosen] for x in rows))

        gradient, measures = jax.grad(loss, has_aux=True)(weights)
        change, moments = optax.scale_by_adam().update(gradient, moments)
        rate = training.learning_rate * training.rate(done / (training.epochs * n_steps))
        weights = jax.tree.map(lambda w, c: w - rate * c, weights, change)
        return (weights, moments, _averaged(mean, weights, done, training.averaging)), measures

    done = (index * n_steps + jnp.arange(n_steps)).astype(float)
    carry, measures = lax.scan(step, state, (order, jax.random.split(step_key, n_steps), done))
    return carry, measures.mean(0)


def _averaged(mean: Any, weights: Any, done: Array, averaging: float) -> Any:
    """The running mean after a step; it forgets the start sooner than its decay would let it."""
    if not averaging:
        return mean  # it is not asked for, and to write it is a pass over all weights
    decay = jnp.minimum(averaging, (1 + done) / (10 + done))
    return jax.tree.map(lambda m, w: decay * m + (1 - decay) * w, mean, weights)


def _fingerprint(
    key: Array, rows: Rows, held_out: Rows, task: Task, training: ImageTraining, model: Any
) -> str:
    """A name for a training: of all that its result depends on."""
    found = hashlib.sha256(f"{task!r} {training!r} {jax.tree.structure(model)}".encode())
    arrays = (jax.random.key_data(key), *rows, *held_out, *jax.tree.leaves(eqx.filter(model, eqx.is_array)))
    for array in arrays:
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
