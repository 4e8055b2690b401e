"""Training a network on images in epochs; a training that was killed goes on and ends in the same weights."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from gscale.flows.checkpoint import Checkpoint
from gscale.validation import check_at_least, check_positive, check_share

Batch = tuple[Array, ...]
Weights = tuple[Any, Any, Any]  # the latest, Adam's moments, and the running mean


class TrainingTask(Protocol):
    """What a network is trained to do, how, and M metrics of how well it does it."""

    @property
    def training(self) -> "ImageTraining":
        """Epochs, batches and rates."""
        ...

    @property
    def metric_names(self) -> tuple[str, ...]:
        """Names (M,) of the metrics."""
        ...

    def loss(self, model: Any, key: Array, batch: Batch) -> tuple[Array, Array]:
        """The loss on a batch in training, and its metrics (M,)."""
        ...

    def metrics(self, model: Any, key: Array, batch: Batch) -> Array:
        """The metrics (M,) of held-out rows."""
        ...


@dataclass(frozen=True)
class OneCycle:
    """A learning rate that rises linearly in a tenth of the training and falls to zero by a cosine.

    Called with a share of the training, it returns the rate as a multiple of the greatest.

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
        falling = (share - self.rise) / (1 - self.rise)
        return jnp.where(share < self.rise, share / self.rise, 0.5 + 0.5 * jnp.cos(jnp.pi * falling))


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
    schedule : OneCycle, optional
        How the rate changes; constant where absent.
    averaging : float
        Decay a step of a running mean of the weights, which is the result; 0 for the last weights.

    Raises
    ------
    InputError
        If one of them is out of range.
    """

    epochs: int = 100
    batch: int = 6
    learning_rate: float = 1e-3
    schedule: OneCycle | None = None
    averaging: float = 0.0

    def __post_init__(self) -> None:
        check_at_least(1, {"epochs": self.epochs, "batch": self.batch})
        check_positive({"learning_rate": self.learning_rate})
        check_share({"averaging": self.averaging})


class EpochProgress(NamedTuple):
    """How far a training has come: epochs done and to do, and the metrics of the last one, by name."""

    epoch: int
    n_epochs: int
    metrics: dict[str, float]


class TrainedNetwork(NamedTuple):
    """A network, and its metrics (E, M) after each epoch, in training and on held-out rows (NaN without)."""

    model: Any
    train: np.ndarray
    held_out: np.ndarray


class _State(NamedTuple):
    epoch: int
    weights: Weights
    metrics: np.ndarray  # (2, E, M), in training and held out


def train(
    key: Array,
    model: Any,
    task: TrainingTask,
    rows: Batch,
    held_out: Batch,
    checkpoint: Checkpoint | None = None,
    on_progress: Callable[[EpochProgress], None] = lambda _: None,
) -> TrainedNetwork:
    """Train a network.

    Parameters
    ----------
    key : Array
        Random key of all batches and of what is random in the task.
    model : eqx.Module
        The network with its first weights.
    task : TrainingTask
    rows, held_out : tuple of Array
        Arrays (N, …) to train on, and to measure after each epoch; the latter may be empty.
    checkpoint : Checkpoint, optional
        Where the state is saved, twenty times in a training.
    on_progress : callable, optional
        Called after each epoch.

    Raises
    ------
    FloatingPointError
        If a loss is not finite.
    """
    training = task.training
    weights, static = eqx.partition(model, eqx.is_inexact_array)
    metrics = np.full((2, training.epochs, len(task.metric_names)), np.nan)
    state = _State(0, (weights, optax.scale_by_adam().init(weights), weights), metrics)
    setting = _fingerprint(key, rows, held_out, task, model) if checkpoint else ""
    if checkpoint is not None:
        state = checkpoint.load(state, setting) or state
    every = max(1, training.epochs // 20)  # a checkpoint writes four times the weights
    result = 2 if training.averaging else 0
    measure = eqx.filter_jit(type(task).metrics)
    metrics = state.metrics
    for epoch in range(state.epoch, training.epochs):
        index = jnp.int32(epoch)
        weights, metrics[0, epoch] = _run_epoch(key, state.weights, static, rows, index, task)
        if not np.isfinite(metrics[0, epoch]).all():
            raise FloatingPointError(f"epoch {epoch + 1}: the loss is not finite: try a lower learning rate")
        if len(held_out[0]):
            model = eqx.combine(weights[result], static)
            metrics[1, epoch] = measure(task, model, jax.random.fold_in(key, index), held_out)
        state = _State(epoch + 1, weights, metrics)
        if checkpoint is not None and (state.epoch % every == 0 or state.epoch == training.epochs):
            checkpoint.save(state, setting)
        named = dict(zip(task.metric_names, metrics[0, epoch].tolist(), strict=True))
        on_progress(EpochProgress(state.epoch, training.epochs, named))
    return TrainedNetwork(eqx.combine(state.weights[result], static), *state.metrics)


@eqx.filter_jit
def _run_epoch(
    key: Array, state: Weights, static: Any, rows: Batch, index: Array, task: TrainingTask
) -> tuple[Weights, Array]:
    training, n_rows = task.training, rows[0].shape[0]
    n_steps = -(-n_rows // training.batch)
    order_key, step_key = jax.random.split(jax.random.fold_in(key, index))
    order = jnp.resize(jax.random.permutation(order_key, n_rows), (n_steps, training.batch))

    def step(carry: Weights, part: tuple[Array, Array, Array]) -> tuple[Weights, Array]:
        selected, batch_key, done = part
        weights, moments, mean = carry

        def loss(weights: Any) -> tuple[Array, Array]:
            return task.loss(eqx.combine(weights, static), batch_key, tuple(x[selected] for x in rows))

        gradient, metrics = jax.grad(loss, has_aux=True)(weights)
        change, moments = optax.scale_by_adam().update(gradient, moments)
        share = done / (training.epochs * n_steps)
        rate = training.learning_rate * (training.schedule(share) if training.schedule else 1.0)
        weights = jax.tree.map(lambda w, c: w - rate * c, weights, change)
        if training.averaging:  # a mean that nobody asks for would cost a pass over all weights
            # The running mean forgets the start sooner than its decay would let it.
            decay = jnp.minimum(training.averaging, (1 + done) / (10 + done))
            mean = jax.tree.map(lambda m, w: decay * m + (1 - decay) * w, mean, weights)
        return (weights, moments, mean), metrics

    done = (index * n_steps + jnp.arange(n_steps)).astype(float)
    carry, metrics = lax.scan(step, state, (order, jax.random.split(step_key, n_steps), done))
    return carry, metrics.mean(0)


def _fingerprint(key: Array, rows: Batch, held_out: Batch, task: TrainingTask, model: Any) -> str:
    """A name for a training: a digest of all that its result depends on."""
    digest = hashlib.sha256(f"{task!r} {jax.tree.structure(model)}".encode())
    arrays = (jax.random.key_data(key), *rows, *held_out, *jax.tree.leaves(eqx.filter(model, eqx.is_array)))
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
