"""Minimising a mean over rows by gradient steps: for conditioners, rotations, layers and whole flows."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array, lax

from gscale.errors import InputError

# Often enough to find the least loss to a few percent of the steps, rarely enough to cost a tenth of them.
_CHECKS = 20

Parameters = TypeVar("Parameters")
Loss = Callable[[Parameters, Array], Array]
State = tuple[Parameters, optax.OptState]
Step = Callable[[State[Parameters], Array], tuple[State[Parameters], Array]]


class TrainState(NamedTuple, Generic[Parameters]):
    """Where a training stands, and the parameters with the least loss on held-out rows so far.

    ``loss`` and ``least`` are losses on held-out rows, zero without any; ``stale`` counts the checks since
    the least one.
    """

    parameters: Parameters
    moments: optax.OptState
    loss: Array
    best: Parameters
    least: Array
    stale: Array

    def moved(self, parameters: Parameters, moments: optax.OptState, loss: Array) -> "TrainState[Parameters]":
        """Take new parameters, and keep them where they are the best so far."""
        # A NaN counts as better: it must reach the caller. So does a tie, as when no rows are held out.
        better = ~(loss > self.least)
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), parameters, self.best)
        least, stale = jnp.where(better, loss, self.least), jnp.where(better, 0, self.stale + 1)
        return TrainState(parameters, moments, loss, best, least, stale)


@dataclass(frozen=True)
class Training:
    """Minimise a mean over rows by Adam, its rate decayed to zero by a cosine, gradients clipped.

    Every tenth row is held out, unless told otherwise. The mean over these rows is measured before the first
    step and at a number of checks on the way, and the parameters with the least one are returned: where rows
    are few, the last ones would have learned them by heart.

    Another optimiser of optax is a frozen dataclass derived from this one, with a ``rule()`` of its own.

    Parameters
    ----------
    n_steps : int
        Steps; 0 leaves the start as it is. They are filled up to a multiple of the checks, at a rate of zero.
    learning_rate : float
        Rate of the first step, positive.
    batch_size : int
        Rows a step, drawn with replacement, at least 1.
    max_gradient : float
        Euclidean norm to which a longer gradient is cut, positive.
    held_out : float
        Share of the rows that is held out, in [0, 1); with 0 the last parameters are returned.
    n_checks : int
        Times that the held-out rows are looked at, at least 1.
    patience : int or None
        Checks without a new least loss that end the training, at least 1; None for all steps.

    Raises
    ------
    InputError
        If a setting is out of its range, or patience has no rows held out to look at.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015. Loshchilov and Hutter, "SGDR:
    stochastic gradient descent with warm restarts", ICLR 2017, for the cosine.

    Examples
    --------
    >>> rows = jnp.array([1.0, 3.0])
    >>> adam = Training(n_steps=200, learning_rate=0.1)
    >>> mean = adam.minimise(jax.random.key(0), lambda m, rows: ((rows - m) ** 2).mean(), jnp.zeros(()), rows)
    >>> abs(float(mean) - 2) < 0.1
    True
    """

    n_steps: int = 500
    learning_rate: float = 5e-3
    batch_size: int = 256
    max_gradient: float = 1.0
    held_out: float = 0.1
    n_checks: int = _CHECKS
    patience: int | None = None

    def __post_init__(self) -> None:
        if self.n_steps < 0:
            raise InputError(f"n_steps is {self.n_steps}: it is at least 0, which trains nothing")
        if self.batch_size < 1:
            raise InputError(f"batch_size is {self.batch_size}: a step needs at least 1 row")
        for name, value in (("learning_rate", self.learning_rate), ("max_gradient", self.max_gradient)):
            if not 0 < value < math.inf:
                raise InputError(f"{name} is {value}: it must be positive and finite")
        if not 0 <= self.held_out < 1:
            raise InputError(f"held_out is {self.held_out}: it is a share, at least 0 and below 1")
        if self.n_checks < 1:
            raise InputError(f"n_checks is {self.n_checks}: at least 1 is needed, after the last step")
        if self.patience is not None and (self.patience < 1 or self.held_out == 0):
            raise InputError(
                f"patience is {self.patience} with held_out {self.held_out}: it is at least 1 check, "
                "on a share of rows above 0"
            )

    def rule(self) -> optax.GradientTransformation:
        """What makes a step of a gradient."""
        rate = optax.cosine_decay_schedule(self.learning_rate, self.n_steps)
        return optax.chain(optax.clip_by_global_norm(self.max_gradient), optax.adam(rate))

    def minimise(self, key: Array, loss: Loss[Parameters], start: Parameters, rows: Array) -> Parameters:
        """Parameters that lower ``loss(parameters, rows)``, a mean over rows (N, …).

        A NaN is never replaced by better parameters from before: the last ones are returned, and it shows in
        the losses measured with them.
        """
        if self.n_steps == 0:
            return start
        fitted, held_out = self.split(rows)

        def advance(carry: tuple[Array, TrainState[Parameters]]) -> tuple[Array, TrainState[Parameters]]:
            index, progress = carry
            return index + 1, self.advance(key, loss, progress, fitted, held_out, index)[0]

        def unfinished(carry: tuple[Array, TrainState[Parameters]]) -> Array:
            index, progress = carry
            return (index < self.checks) & ~self.ended(progress)

        begin = jnp.int32(0), self.begin(loss, start, held_out)
        return lax.while_loop(unfinished, advance, begin)[1].best

    @property
    def checks(self) -> int:
        """Checks that a training has, each behind the same number of steps."""
        return min(self.n_checks, self.n_steps)

    @property
    def steps_per_check(self) -> int:
        return math.ceil(self.n_steps / self.checks)

    def split(self, rows: Array) -> tuple[Array, Array]:
        """The rows to fit, and those held out, evenly spaced."""
        # Evenly spaced, a class or an hour by which rows are sorted is on both sides; nor must they be
        # shuffled.
        chosen = np.diff(np.floor(self.held_out * np.arange(rows.shape[0] + 1))) > 0
        return rows[np.flatnonzero(~chosen)], rows[np.flatnonzero(chosen)]

    def begin(self, loss: Loss[Parameters], start: Parameters, held_out: Array) -> TrainState[Parameters]:
        """Set out from parameters."""
        first = _mean(loss, start, held_out)
        return TrainState(start, self.rule().init(start), first, start, first, jnp.int32(0))

    def advance(
        self,
        key: Array,
        loss: Loss[Parameters],
        progress: TrainState[Parameters],
        fitted: Array,
        held_out: Array,
        index: Array,
    ) -> tuple[TrainState[Parameters], Array]:
        """The steps up to check ``index`` (from 0), that check, and the losses of the steps' batches.

        Batches depend on ``key`` and ``index`` alone: a training that is taken up again goes on as it would
        have.
        """
        shape = (self.steps_per_check, self.batch_size)
        batches = jax.random.randint(jax.random.fold_in(key, index), shape, 0, fitted.shape[0])
        state = progress.parameters, progress.moments
        (parameters, moments), losses = lax.scan(self._step(loss, fitted), state, batches)
        return progress.moved(parameters, moments, _mean(loss, parameters, held_out)), losses

    def ended(self, progress: TrainState[Parameters]) -> Array:
        """Whether patience is over."""
        if self.patience is None:
            return jnp.array(False)
        return progress.stale >= self.patience

    def _step(self, loss: Loss[Parameters], rows: Array) -> Step[Parameters]:
        rule, gradient = self.rule(), jax.value_and_grad(loss)

        def step(state: State[Parameters], batch: Array) -> tuple[State[Parameters], Array]:
            parameters, moments = state
            value, slope = gradient(parameters, rows[batch])
            updates, moments = rule.update(slope, moments)
            return (optax.apply_updates(parameters, updates), moments), value

        return step


def _mean(loss: Loss[Parameters], parameters: Parameters, rows: Array) -> Array:
    return loss(parameters, rows) if rows.shape[0] else jnp.zeros((), rows.dtype)
