"""Gradient steps on a mean over rows: for conditioners, rotations, layers and whole flows."""

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
from gscale.validation import check_at_least, check_positive, check_share

# The least loss is then known to a few percent of the steps, at a tenth of their cost.
_DEFAULT_CHECKS = 20

Parameters = TypeVar("Parameters")
Loss = Callable[[Parameters, Array], Array]
Carry = tuple[Parameters, optax.OptState]
Step = Callable[[Carry[Parameters], Array], tuple[Carry[Parameters], Array]]


class TrainState(NamedTuple, Generic[Parameters]):
    """The state of a training, and the parameters with the least loss on held-out rows so far.

    Attributes
    ----------
    parameters, best : pytree of arrays
        The present parameters, and those of the least loss.
    moments : optax.OptState
        State of the optimiser.
    loss, best_loss : Array, shape ()
        On held-out rows, present and least; zero where none are held out.
    n_stale : Array, shape ()
        Checks since the least loss.
    """

    parameters: Parameters
    moments: optax.OptState
    loss: Array
    best: Parameters
    best_loss: Array
    n_stale: Array

    def updated(
        self, parameters: Parameters, moments: optax.OptState, loss: Array
    ) -> "TrainState[Parameters]":
        """The state with new parameters, and with them as the best ones where their loss is the least."""
        # A NaN counts as better: it must reach the caller. So does a tie, as when no rows are held out.
        better = ~(loss > self.best_loss)
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), parameters, self.best)
        best_loss, n_stale = jnp.where(better, loss, self.best_loss), jnp.where(better, 0, self.n_stale + 1)
        return TrainState(parameters, moments, loss, best, best_loss, n_stale)


@dataclass(frozen=True)
class Training:
    """Minimise a mean over rows by Adam, its rate decayed to zero by a cosine, gradients clipped.

    By default every tenth row is held out. The mean over these rows is measured before the first step and at
    a number of checks, and the parameters with the least one are returned: where rows are few, the last
    parameters would be overfit to them.

    Another optimiser of optax is a frozen dataclass derived from this one that overrides ``rule()``.

    Parameters
    ----------
    n_steps : int
        Steps; 0 leaves the start unchanged. Steps at a rate of zero fill them up to a multiple of the checks.
    learning_rate : float
        Rate of the first step, positive.
    batch_size : int
        Rows a step, drawn with replacement, at least 1.
    max_gradient : float
        Euclidean norm to which a longer gradient is cut, positive.
    held_out : float
        Share of the rows that is held out, in [0, 1); with 0 the last parameters are returned.
    n_checks : int
        Times that the loss on held-out rows is measured, at least 1.
    patience : int or None
        Checks without a new least loss that end the training, at least 1; None for all steps.

    Raises
    ------
    InputError
        If a setting is out of its range, or there is a patience but no rows are held out.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015. Loshchilov and Hutter, "SGDR:
    stochastic gradient descent with warm restarts", ICLR 2017, for the cosine.

    Examples
    --------
    >>> rows = jnp.array([1.0, 3.0])
    >>> training = Training(n_steps=200, learning_rate=0.1)
    >>> def loss(mean, rows):
    ...     return ((rows - mean) ** 2).mean()
    >>> mean = training.minimise(jax.random.key(0), loss, jnp.zeros(()), rows)
    >>> abs(float(mean) - 2) < 0.1
    True
    """

    n_steps: int = 500
    learning_rate: float = 5e-3
    batch_size: int = 256
    max_gradient: float = 1.0
    held_out: float = 0.1
    n_checks: int = _DEFAULT_CHECKS
    patience: int | None = None

    def __post_init__(self) -> None:
        check_at_least(0, {"n_steps": self.n_steps})
        check_at_least(1, {"batch_size": self.batch_size, "n_checks": self.n_checks})
        check_positive({"learning_rate": self.learning_rate, "max_gradient": self.max_gradient})
        check_share({"held_out": self.held_out})
        if self.patience is not None and (self.patience < 1 or self.held_out == 0):
            raise InputError(
                f"patience is {self.patience} with held_out {self.held_out}: it is at least 1 check, "
                "on a share of rows above 0"
            )

    def rule(self) -> optax.GradientTransformation:
        """The optimiser: what turns a gradient into a step."""
        rate = optax.cosine_decay_schedule(self.learning_rate, self.n_steps)
        return optax.chain(optax.clip_by_global_norm(self.max_gradient), optax.adam(rate))

    def minimise(self, key: Array, loss: Loss[Parameters], start: Parameters, rows: Array) -> Parameters:
        """Parameters that lower ``loss(parameters, rows)``, a mean over rows (N, …).

        Where the loss becomes NaN the last parameters are returned, not better ones from before: the NaN
        shows in the losses measured with them.
        """
        if self.n_steps == 0:
            return start
        fitted, held_out = self.split(rows)

        def advance(carry: tuple[Array, TrainState[Parameters]]) -> tuple[Array, TrainState[Parameters]]:
            index, state = carry
            return index + 1, self.advance(key, loss, state, fitted, held_out, index)[0]

        def unfinished(carry: tuple[Array, TrainState[Parameters]]) -> Array:
            index, state = carry
            return (index < self.checks) & ~self.out_of_patience(state)

        first = jnp.int32(0), self.initial_state(loss, start, held_out)
        return lax.while_loop(unfinished, advance, first)[1].best

    @property
    def checks(self) -> int:
        """Number of checks, each after the same number of steps: ``n_checks``, but no more than steps."""
        return min(self.n_checks, self.n_steps)

    @property
    def steps_per_check(self) -> int:
        return math.ceil(self.n_steps / self.checks)

    def split(self, rows: Array) -> tuple[Array, Array]:
        """The rows to fit, and those held out, evenly spaced."""
        # Evenly spaced, so that both sides have all classes or hours by which rows may be sorted, without a
        # shuffle.
        is_held_out = np.diff(np.floor(self.held_out * np.arange(rows.shape[0] + 1))) > 0
        return rows[np.flatnonzero(~is_held_out)], rows[np.flatnonzero(is_held_out)]

    def initial_state(
        self, loss: Loss[Parameters], start: Parameters, held_out: Array
    ) -> TrainState[Parameters]:
        """The state before the first step."""
        first = _mean(loss, start, held_out)
        return TrainState(start, self.rule().init(start), first, start, first, jnp.int32(0))

    def advance(
        self,
        key: Array,
        loss: Loss[Parameters],
        state: TrainState[Parameters],
        fitted: Array,
        held_out: Array,
        index: Array,
    ) -> tuple[TrainState[Parameters], Array]:
        """The state after the steps up to check ``index`` (from 0) and that check, and each batch's loss.

        Batches depend on ``key`` and ``index`` alone: a training that is resumed takes the same steps as one
        that was not interrupted.
        """
        shape = (self.steps_per_check, self.batch_size)
        batches = jax.random.randint(jax.random.fold_in(key, index), shape, 0, fitted.shape[0])
        carry = state.parameters, state.moments
        (parameters, moments), losses = lax.scan(self._step(loss, fitted), carry, batches)
        return state.updated(parameters, moments, _mean(loss, parameters, held_out)), losses

    def out_of_patience(self, state: TrainState[Parameters]) -> Array:
        """Whether as many checks as the patience had no new least loss."""
        if self.patience is None:
            return jnp.array(False)
        return state.n_stale >= self.patience

    def _step(self, loss: Loss[Parameters], rows: Array) -> Step[Parameters]:
        rule, gradient = self.rule(), jax.value_and_grad(loss)

        def step(carry: Carry[Parameters], batch: Array) -> tuple[Carry[Parameters], Array]:
            parameters, moments = carry
            value, slope = gradient(parameters, rows[batch])
            updates, moments = rule.update(slope, moments)
            return (optax.apply_updates(parameters, updates), moments), value

        return step


def _mean(loss: Loss[Parameters], parameters: Parameters, rows: Array) -> Array:
    return loss(parameters, rows) if rows.shape[0] else jnp.zeros((), rows.dtype)
