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

    ``steps`` (C + 1,) are the steps taken by each check, the start among them; ``train`` (C,) the means over
    the batches since the check before; ``held_out`` (C + 1,) the means over the rows held out, zero without
    any.
    """

    steps: np.ndarray
    train: np.ndarray
    held_out: np.ndarray


class Report(NamedTuple):
    """What is told at each check: steps done and to do, and losses in nats, None without rows held out."""

    step: int
    n_steps: int
    train: float
    held_out: float | None


class Keeper(Protocol):
    """Where a training is kept, such as a `Checkpoint`."""

    def load(self, like: Any, setting: str) -> Any | None:
        """What was kept, of the structure of ``like``; None if nothing was."""
        ...

    def save(self, state: Any, setting: str) -> None:
        """Keep the state of the training called ``setting``."""
        ...


@dataclass(frozen=True)
class TrainedLayer:
    """A layer that is trained on its own loss after it is fitted: layer-wise training.

    Parameters
    ----------
    layer : Spec
        The layer to begin with.
    training : Adam
        How it is trained.
    parts : callable
        What of it is trained: `AllParameters` or `MarginalParameters`, or a function that takes it from the layer.

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
        """What the layer makes each coordinate normal by."""
        return getattr(self.layer, "marginal", self.layer)

    def check(self, dim: int, n_samples: int) -> None:
        """Refuse what the layer refuses."""
        check = getattr(self.layer, "check", None)
        if check is not None:
            check(dim, n_samples)

    def fit(self, key: Array, x: Array) -> Bijection:
        """Fit the layer to the rows of x (N, D), then train it on them."""
        layer_key, training_key = jax.random.split(key)
        return trained(training_key, x, self.layer.fit(layer_key, x), self.training, self.parts)


def trained(key: Array, x: Array, bijection: Any, training: Training, parts: Parts) -> Any:
    """A layer or a flow trained on the rows x (N, D), with no look at how it goes: for jit and vmap."""
    moving, still = split(unconstrain(bijection), parts)
    best = training.minimise(key, _loss_with(still), moving, x)
    return constrain(eqx.combine(best, still))


def fit_end_to_end(
    key: Array,
    x: Array,
    flow: Flow,
    training: Training | None = None,
    *,
    parts: Parts | None = None,
    checkpoint: Keeper | None = None,
    report: Callable[[Report], None] | None = None,
) -> tuple[Flow, TrainingCurve]:
    """Train all layers of a flow together on the negative log-likelihood.

    The flow to begin with comes from `fit_layerwise`: fitted in full, it is a warm start; with couplings and
    rotations of zero steps, ``Coupling(training=Training(n_steps=0))`` and ``TrainableRotation()``, a cold one
    that is scaled to the data. Rotations that are not made for training (`Haar`, `PCA`, …) stay as they
    are; those of `LearnedRotation` and `Householder` turn, and stay orthogonal.

    Parameters
    ----------
    key : Array
        Random key of the batches.
    x : Array, shape (N, D)
        Training rows, at least 2, finite, no constant column; a share of them is held out to choose the best
        parameters by, see `Training`.
    flow : Flow
        Where training begins.
    training : Adam, optional
        Steps, rate, batches, rows held out, patience.
    parts : callable, optional
        What is trained: `AllParameters`, the default, `MarginalParameters`, or a function that takes it from the flow.
    checkpoint : Checkpoint, optional
        A file to keep the state in at each check. A training that was killed goes on from there, to the same
        parameters; one that is done is only read.
    report : callable, optional
        Told a `Report` at each check, such as a `TrainingBar`.

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
    moving, still = split(unconstrain(flow), parts)
    if not jax.tree.leaves(moving):
        raise InputError(f"{parts!r} leaves nothing to train in this flow")
    if training.n_steps == 0:
        return flow, TrainingCurve(np.zeros(1, int), np.zeros(0), np.zeros(1))
    run = _Run(key, training, still, *training.split(x), flow.dim, checkpoint)
    setting = _fingerprint(key, x, flow, moving, training) if checkpoint else ""
    state = run.resumed(_State.begin(run, moving), setting)
    while state.check < training.checks and not bool(training.ended(state.progress)):
        state = run.checked(state)
        if checkpoint is not None:
            checkpoint.save(state, setting)
        if report is not None:
            report(run.report(state))
    return constrain(eqx.combine(state.progress.best, still)), run.curve(state)


class _State(NamedTuple):
    """All that a training needs to go on."""

    check: int
    progress: TrainState[Any]
    first: np.ndarray  # loss of the first batch
    train: np.ndarray
    held_out: np.ndarray

    @staticmethod
    def begin(run: "_Run", moving: Any) -> "_State":
        progress = _begin(moving, run.still, run.held_out, run.training)
        checks = run.training.checks
        held_out = np.full(checks + 1, np.nan)
        held_out[0] = progress.loss
        return _State(0, progress, np.array(np.nan), np.full(checks, np.nan), held_out)


class _Run(NamedTuple):
    """What stays the same throughout a training."""

    key: Array
    training: Training
    still: Any
    fitted: Array
    held_out: Array
    dim: int
    checkpoint: Keeper | None

    def resumed(self, state: _State, setting: str) -> _State:
        if self.checkpoint is None:
            return state
        return self.checkpoint.load(state, setting) or state

    def checked(self, state: _State) -> _State:
        """The steps up to the next check, refused if they lead nowhere."""
        index = jnp.int32(state.check)
        progress, batches, finite = _advance(
            self.key, state.progress, self.still, self.fitted, self.held_out, index, self.training
        )
        losses = np.asarray(batches, float)
        first = losses[:1].reshape(()) if state.check == 0 else state.first
        self._refuse(state, losses, float(progress.loss), bool(finite), float(first))
        train, held_out = state.train.copy(), state.held_out.copy()
        train[state.check], held_out[state.check + 1] = losses.mean(), float(progress.loss)
        return _State(state.check + 1, progress, np.asarray(first), train, held_out)

    def _refuse(self, state: _State, losses: np.ndarray, held_out: float, finite: bool, first: float) -> None:
        begun = state.check * self.training.steps_per_check
        done = begun + len(losses)
        bad = np.flatnonzero(~np.isfinite(losses))
        if bad.size:
            problem = f"loss is {losses[bad[0]]} at step {begun + bad[0] + 1}"
        elif not np.isfinite(held_out):
            problem = f"loss on rows held out is {held_out} after step {done}"
        elif not finite:
            problem = f"loss is {losses[-1]:.6g} at step {done}, behind which parameters are not finite"
        elif losses.mean() > first + self.dim:
            problem = (
                f"loss diverges: {losses.mean():.6g} nats, the mean of steps {begun + 1} to {done}, is more "
                f"than D = {self.dim} above {first:.6g} at the first"
            )
        else:
            return
        raise FloatingPointError(f"{problem}; {self._last_good(begun)}; try a lower learning_rate")

    def _last_good(self, step: int) -> str:
        if self.checkpoint is None:
            return "no checkpoint was asked for"
        return f"last good checkpoint: {f'step {step}, {self.checkpoint!r}' if step else 'none yet'}"

    def report(self, state: _State) -> Report:
        done, total = (n * self.training.steps_per_check for n in (state.check, self.training.checks))
        held_out = float(state.held_out[state.check]) if len(self.held_out) else None
        return Report(done, total, float(state.train[state.check - 1]), held_out)

    def curve(self, state: _State) -> TrainingCurve:
        steps = np.arange(state.check + 1) * self.training.steps_per_check
        return TrainingCurve(steps, state.train[: state.check], state.held_out[: state.check + 1])


def _loss_with(still: Any) -> Loss[Any]:
    def loss(moving: Any, rows: Array) -> Array:
        bijection = constrain(eqx.combine(moving, still))
        return negative_log_likelihood(*jax.vmap(bijection.forward)(rows))

    return loss


@eqx.filter_jit
def _begin(moving: Any, still: Any, held_out: Array, training: Training) -> TrainState[Any]:
    return training.begin(_loss_with(still), moving, held_out)


@eqx.filter_jit
def _advance(
    key: Array, progress: Any, still: Any, fitted: Array, held_out: Array, index: Array, training: Training
) -> tuple[TrainState[Any], Array, Array]:
    progress, losses = training.advance(key, _loss_with(still), progress, fitted, held_out, index)
    finite = [jnp.isfinite(leaf).all() for leaf in jax.tree.leaves(progress.parameters)]
    return progress, losses, jnp.stack(finite).all()


def _fingerprint(key: Array, x: Array, flow: Flow, moving: Any, training: Training) -> str:
    """A name for a training: of all that its result depends on."""
    found = hashlib.sha256(f"{training!r} {jax.tree.structure(moving)}".encode())
    structure = re.sub(r"0x[0-9a-f]+", "", str(jax.tree.structure(flow)))  # addresses of functions
    found.update(structure.encode())
    for array in (jax.random.key_data(key), x, *jax.tree.leaves(eqx.filter(flow, eqx.is_array))):
        found.update(f"{array.dtype}{array.shape}".encode())
        found.update(np.ascontiguousarray(array).tobytes())
    return found.hexdigest()
