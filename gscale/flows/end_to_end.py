"""Training on the loss: one layer at a time, or a whole flow end to end."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from gscale.bijections.base import Bijection, Spec
from gscale.bijections.constraints import AllParameters, Parts, constrain, split, unconstrain
from gscale.bijections.optimizer import Loss, Training, TrainState
from gscale.errors import InputError
from gscale.flows.flow import Flow
from gscale.metrics import negative_log_likelihood
from gscale.validation import check_rows


class TrainingCurve(NamedTuple):
    """Negative log-likelihood in nats during a training with C checks.

    Attributes
    ----------
    steps : ndarray, shape (C + 1,)
        Steps taken before each check; the first is at the start.
    train : ndarray, shape (C,)
        Means over the batches between two checks.
    held_out : ndarray, shape (C + 1,)
        Means over the rows held out, zero where there are none.
    """

    steps: np.ndarray
    train: np.ndarray
    held_out: np.ndarray


class TrainingProgress(NamedTuple):
    """A training at a check.

    Attributes
    ----------
    step, n_steps : int
        Steps taken, and to take in all.
    train : float
        Mean loss over the batches since the check before, in nats.
    held_out : float or None
        Mean loss over the rows held out, in nats; None where there are none.
    """

    step: int
    n_steps: int
    train: float
    held_out: float | None


class CheckpointStore(Protocol):
    """A store for the state of a training, such as a `Checkpoint`."""

    def load(self, like: Any, setting: str) -> Any | None:
        """The saved state of the training called ``setting``, structured as ``like``; None without one."""
        ...

    def save(self, state: Any, setting: str) -> None:
        """Save the state of the training called ``setting``."""
        ...


@dataclass(frozen=True)
class TrainedLayer:
    """A layer that is trained on its own loss after it is fitted: layer-wise training.

    Parameters
    ----------
    layer : Spec
        The layer that is fitted first.
    training : Training
        How it is trained.
    parts : callable
        Which parameters are trained: `AllParameters`, `MarginalParameters`, or a function that selects them
        from the layer.

    Examples
    --------
    >>> from gscale import Haar, LayerSpec, TrainableRotation, Quantiles, fit_layerwise
    >>> x = jax.random.laplace(jax.random.key(0), (2000, 2)) @ jnp.array([[0.6, -0.8], [0.8, 0.6]])
    >>> def loss(spec):
    ...     return fit_layerwise(jax.random.key(1), x, spec, n_layers=1)[1].train[-1]
    >>> layer = LayerSpec(TrainableRotation(), Quantiles(n_bins=4))
    >>> bool(loss(TrainedLayer(layer, Training(n_steps=100))) < loss(layer) - 0.02)
    True
    """

    layer: Spec
    training: Training = field(default_factory=Training)
    parts: Parts = field(default_factory=AllParameters)

    @property
    def marginal(self) -> Spec:
        """The spec of the layer's marginal."""
        return getattr(self.layer, "marginal", self.layer)

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse dimensions and numbers of rows that the layer refuses."""
        check = getattr(self.layer, "check", None)
        if check is not None:
            check(dim, n_samples)

    def fit(self, key: Array, x: Array) -> Bijection:
        """Fit the layer to the rows of x (N, D), then train it on them."""
        layer_key, training_key = jax.random.split(key)
        return trained(training_key, x, self.layer.fit(layer_key, x), self.training, self.parts)


def trained(key: Array, x: Array, bijection: Any, training: Training, parts: Parts) -> Any:
    """A layer or a flow trained on the rows x (N, D) without checks of its losses: for jit and vmap."""
    trainable, fixed = split(unconstrain(bijection), parts)
    best = training.minimise(key, _loss_with(fixed), trainable, x)
    return constrain(eqx.combine(best, fixed))


def fit_end_to_end(
    key: Array,
    x: Array,
    flow: Flow,
    training: Training | None = None,
    *,
    parts: Parts | None = None,
    checkpoint: CheckpointStore | None = None,
    on_progress: Callable[[TrainingProgress], None] | None = None,
) -> tuple[Flow, TrainingCurve]:
    """Train all layers of a flow together on the negative log-likelihood.

    The initial flow comes from `fit_layerwise`: fitted in full, it is a warm start; with untrained couplings
    and rotations, ``Coupling(training=Training(n_steps=0))`` and ``TrainableRotation()``, a cold one that is
    scaled to the data. The rotations of `TrainableRotation`, `LearnedRotation` and `Householder` are trained,
    and stay orthogonal; others (`Haar`, `PCA`, …) are fixed.

    Parameters
    ----------
    key : Array
        Random key of the batches.
    x : Array, shape (N, D)
        Training rows, at least 2, finite, no constant column; a share of them is held out to choose the best
        parameters by, see `Training`.
    flow : Flow
        The flow before training.
    training : Training, optional
        Steps, rate, batches, rows held out, patience.
    parts : callable, optional
        Which parameters are trained: `AllParameters`, the default, `MarginalParameters`, or a function that
        selects them from the flow.
    checkpoint : CheckpointStore, optional
        A `Checkpoint`, to which the state is saved at each check. A training that was killed is resumed from
        there, with the same result; a finished one is only read.
    on_progress : callable, optional
        Called with a `TrainingProgress` at each check, such as a `TrainingBar`.

    Returns
    -------
    flow : Flow
        With the parameters of the check with the least loss on rows held out.
    curve : TrainingCurve

    Raises
    ------
    InputError
        If x has fewer than 2 rows, other than D columns, NaN, infinity or a constant column; if nothing can
        be trained; if the checkpoint is of another training.
    FloatingPointError
        If a loss is not finite, or an interval's mean lies more than D nats above that of the first batch.

    References
    ----------
    Draxler et al., ICML 2023, compare it with fitting layer by layer.

    Examples
    --------
    >>> from gscale import LayerSpec, TrainableRotation, Quantiles, fit_layerwise
    >>> mix = jax.random.normal(jax.random.key(1), (4, 4))
    >>> x = jax.random.laplace(jax.random.key(0), (2_000, 4)) @ mix
    >>> spec = LayerSpec(TrainableRotation(), Quantiles(n_bins=4))
    >>> flow, losses = fit_layerwise(jax.random.key(2), x, spec, n_layers=2)
    >>> flow, curve = fit_end_to_end(jax.random.key(3), x, flow, Training(n_steps=200, patience=5))
    >>> curve.steps.tolist()[:3], bool(curve.held_out.min() < curve.held_out[0] - 0.02)
    ([0, 10, 20], True)
    """
    training, parts = training or Training(), parts or AllParameters()
    x = jnp.asarray(x)
    check_rows(x, "x")
    if x.shape[1] != flow.dim:
        raise InputError(f"x has {x.shape[1]} columns: the flow has D = {flow.dim}")
    trainable, fixed = split(unconstrain(flow), parts)
    if not jax.tree.leaves(trainable):
        raise InputError(f"{parts!r} leaves nothing to train in this flow")
    if training.n_steps == 0:
        return flow, TrainingCurve(np.zeros(1, int), np.zeros(0), np.zeros(1))
    run = _Run(key, training, fixed, *training.split(x), flow.dim, checkpoint)
    setting = _fingerprint(key, x, flow, trainable, training) if checkpoint else ""
    state = run.resume(run.initial_state(trainable), setting)
    while state.check < training.checks and not bool(training.out_of_patience(state.train_state)):
        state = run.advance(state)
        if checkpoint is not None:
            checkpoint.save(state, setting)
        if on_progress is not None:
            on_progress(run.progress(state))
    return constrain(eqx.combine(state.train_state.best, fixed)), run.curve(state)


class _State(NamedTuple):
    """The state from which a training is resumed."""

    check: int
    train_state: TrainState[Any]
    first: np.ndarray  # loss of the first batch
    train: np.ndarray
    held_out: np.ndarray


class _Run(NamedTuple):
    """The constants of a training."""

    key: Array
    training: Training
    fixed: Any
    fitted: Array
    held_out: Array
    dim: int
    checkpoint: CheckpointStore | None

    def initial_state(self, trainable: Any) -> _State:
        state = _initial_state(trainable, self.fixed, self.held_out, self.training)
        train, held_out = np.full(self.training.checks, np.nan), np.full(self.training.checks + 1, np.nan)
        held_out[0] = state.loss
        return _State(0, state, np.array(np.nan), train, held_out)

    def resume(self, state: _State, setting: str) -> _State:
        """The saved state, or the initial one where none is saved."""
        if self.checkpoint is None:
            return state
        return self.checkpoint.load(state, setting) or state

    def advance(self, state: _State) -> _State:
        """The state after the next check.

        Raises
        ------
        FloatingPointError
            If the steps up to it diverge.
        """
        index = jnp.int32(state.check)
        train_state, batches, finite = _advance(
            self.key, state.train_state, self.fixed, self.fitted, self.held_out, index, self.training
        )
        losses = np.asarray(batches, float)
        first = losses[:1].reshape(()) if state.check == 0 else state.first
        self._check_losses(state, losses, float(train_state.loss), bool(finite), float(first))
        train, held_out = state.train.copy(), state.held_out.copy()
        train[state.check], held_out[state.check + 1] = losses.mean(), float(train_state.loss)
        return _State(state.check + 1, train_state, np.asarray(first), train, held_out)

    def _check_losses(
        self, state: _State, losses: np.ndarray, held_out: float, finite: bool, first: float
    ) -> None:
        before = state.check * self.training.steps_per_check
        after = before + len(losses)
        bad = np.flatnonzero(~np.isfinite(losses))
        if bad.size:
            problem = f"loss is {losses[bad[0]]} at step {before + bad[0] + 1}"
        elif not np.isfinite(held_out):
            problem = f"loss on rows held out is {held_out} after step {after}"
        elif not finite:
            problem = f"loss is {losses[-1]:.6g} at step {after}, after which parameters are not finite"
        elif losses.mean() > first + self.dim:
            problem = (
                f"loss diverges: {losses.mean():.6g} nats, the mean of steps {before + 1} to {after}, is "
                f"more than D = {self.dim} above {first:.6g} at the first"
            )
        else:
            return
        last = "there is no checkpoint"
        if self.checkpoint is not None:
            last = f"last good checkpoint: {f'step {before}, {self.checkpoint!r}' if before else 'none yet'}"
        raise FloatingPointError(f"{problem}; {last}; try a lower learning_rate")

    def progress(self, state: _State) -> TrainingProgress:
        step, n_steps = (n * self.training.steps_per_check for n in (state.check, self.training.checks))
        held_out = float(state.held_out[state.check]) if len(self.held_out) else None
        return TrainingProgress(step, n_steps, float(state.train[state.check - 1]), held_out)

    def curve(self, state: _State) -> TrainingCurve:
        steps = np.arange(state.check + 1) * self.training.steps_per_check
        return TrainingCurve(steps, state.train[: state.check], state.held_out[: state.check + 1])


def _loss_with(fixed: Any) -> Loss[Any]:
    def loss(trainable: Any, rows: Array) -> Array:
        bijection = constrain(eqx.combine(trainable, fixed))
        return negative_log_likelihood(*jax.vmap(bijection.forward)(rows))

    return loss


@eqx.filter_jit
def _initial_state(trainable: Any, fixed: Any, held_out: Array, training: Training) -> TrainState[Any]:
    return training.initial_state(_loss_with(fixed), trainable, held_out)


@eqx.filter_jit
def _advance(
    key: Array, state: Any, fixed: Any, fitted: Array, held_out: Array, index: Array, training: Training
) -> tuple[TrainState[Any], Array, Array]:
    state, losses = training.advance(key, _loss_with(fixed), state, fitted, held_out, index)
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(state.parameters)]
    return state, losses, jnp.stack(finite).all()


def _fingerprint(key: Array, x: Array, flow: Flow, trainable: Any, training: Training) -> str:
    """A name for a training: a digest of all that its result depends on."""
    text = f"{training!r} {jax.tree.structure(trainable)} {jax.tree.structure(flow)}"
    # the text of a function has its address, which is another one in each process
    digest = hashlib.sha256(re.sub(r"0x[0-9a-f]+", "", text).encode())
    for array in (jax.random.key_data(key), x, *jax.tree.leaves(eqx.filter(flow, eqx.is_array))):
        digest.update(f"{array.dtype}{array.shape}".encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()
