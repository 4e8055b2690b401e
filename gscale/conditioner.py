"""What conditions a coupling: small networks of the passive coordinates, and their training."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NamedTuple, Protocol, TypeVar

import equinox as eqx
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
Step = Callable[[State[Parameters], Array], tuple[State[Parameters], None]]


class Network(Protocol):
    """A function of one point, with arrays as its only leaves."""

    def __call__(self, x: Array) -> Array:
        """Parameters (M,) at the standardised passive coordinates x (D,)."""
        ...


class Conditioner(Protocol):
    """A choice of network without arrays, frozen and hashable."""

    def start(self, key: Array, x: Array, targets: Array) -> Network:
        """Network from D to M numbers before training, from rows x (N, D) and first targets (N, M)."""
        ...


class Perceptron(eqx.Module):
    """Fully connected layers with SiLU between them, behind arcsinh of the inputs.

    Parameters
    ----------
    weights : tuple of Array, shapes (W, D), (W, W), …, (M, W)
    biases : tuple of Array, shapes (W,), …, (M,)

    Examples
    --------
    >>> network = Perceptron((jnp.ones((1, 1)), jnp.ones((1, 1))), (jnp.zeros(1), jnp.ones(1)))
    >>> round(float(network(jnp.array([1.0]))[0]), 4)
    1.6232
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def __call__(self, x: Array) -> Array:
        # arcsinh(10⁶) is 14.5: far from all data the parameters, and with them the map and its gradients,
        # grow with the logarithm of the distance; no bounded squash would tell one outlier from another.
        x = jnp.arcsinh(x)
        *hidden, (last, bias) = zip(self.weights, self.biases, strict=True)
        for weight, offset in hidden:
            x = jax.nn.silu(_product(weight, x) + offset)
        return _product(last, x) + bias


class Regression(eqx.Module):
    """A linear function: matrix · x + intercept.

    Parameters
    ----------
    matrix : Array, shape (M, D)
    intercept : Array, shape (M,)

    Examples
    --------
    >>> Regression(jnp.array([[2.0]]), jnp.array([1.0]))(jnp.array([3.0])).tolist()
    [7.0]
    """

    matrix: Array
    intercept: Array

    def __call__(self, x: Array) -> Array:
        return _product(self.matrix, x) + self.intercept


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron that is zero before training.

    Parameters
    ----------
    width : int
        Units W in each hidden layer, at least 1.
    depth : int
        Hidden layers, at least 1.

    Raises
    ------
    InputError
        If ``width`` or ``depth`` is below 1.

    Examples
    --------
    >>> network = MLP(width=16).start(jax.random.key(0), jnp.ones((10, 3)), jnp.ones((10, 4)))
    >>> network(jnp.ones(3)).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """

    width: int = 64
    depth: int = 2

    def __post_init__(self) -> None:
        _check_at_least_one("width", self.width, "a hidden layer needs at least 1 unit")
        _check_at_least_one("depth", self.depth, "an MLP has at least 1 hidden layer; Linear() has none")

    def start(self, key: Array, x: Array, targets: Array) -> Perceptron:
        """Draw hidden layers, with a last one of zeros; of x (N, D) and targets (N, M) D and M are used."""
        sizes = [x.shape[1], *[self.width] * self.depth, targets.shape[1]]
        keys = jax.random.split(key, self.depth)
        # SiLU takes about as much of the second moment as ReLU, for which this scale is made.
        draw = jax.nn.initializers.he_uniform(in_axis=1, out_axis=0)
        hidden = [draw(k, (m, n), x.dtype) for k, n, m in zip(keys, sizes, sizes[1:-1], strict=False)]
        last = jnp.zeros((sizes[-1], self.width), x.dtype)
        return Perceptron((*hidden, last), tuple(jnp.zeros(size, x.dtype) for size in sizes[1:]))


@dataclass(frozen=True)
class Linear:
    """No hidden layer; before training the least-squares regression on the transformer's first targets.

    Examples
    --------
    >>> x = jnp.array([[0.0], [1.0], [2.0]])
    >>> network = Linear().start(jax.random.key(0), x, 3 * x + 1)
    >>> round(float(network(jnp.array([5.0]))[0]), 4)
    16.0
    """

    def start(self, key: Array, x: Array, targets: Array) -> Regression:
        """Regress targets (N, M) on x (N, D); the key is not used."""
        centre, mean = x.mean(0), targets.mean(0)
        matrix = jnp.linalg.lstsq(x - centre[None], targets - mean[None])[0].T
        return Regression(matrix, mean - _product(matrix, centre))


@dataclass(frozen=True)
class Adam:
    """Minimise a mean over rows by Adam, its rate decayed to zero by a cosine, gradients clipped.

    Every tenth row is held out, unless told otherwise. The mean over these rows is measured before the first
    step and 20 times on the way, and the parameters with the least one are returned: where rows are few, the
    last ones would have learned them by heart.

    Parameters
    ----------
    n_steps : int
        Steps; 0 leaves the start as it is.
    learning_rate : float
        Rate of the first step, positive.
    batch_size : int
        Rows a step, drawn with replacement, at least 1.
    max_gradient : float
        Euclidean norm to which a longer gradient is cut, positive.
    held_out : float
        Share of the rows that is held out, in [0, 1); with 0 the last parameters are returned.

    Raises
    ------
    InputError
        If a setting is out of its range.

    References
    ----------
    Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015. Loshchilov and Hutter, "SGDR:
    stochastic gradient descent with warm restarts", ICLR 2017, for the cosine.

    Examples
    --------
    >>> rows = jnp.array([1.0, 3.0])
    >>> adam = Adam(n_steps=200, learning_rate=0.1)
    >>> mean = adam.minimise(jax.random.key(0), lambda mean, row: (row - mean) ** 2, jnp.zeros(()), rows)
    >>> abs(float(mean) - 2) < 0.1
    True
    """

    n_steps: int = 500
    learning_rate: float = 5e-3
    batch_size: int = 256
    max_gradient: float = 1.0
    held_out: float = 0.1

    def __post_init__(self) -> None:
        if self.n_steps < 0:
            raise InputError(f"n_steps is {self.n_steps}: it is at least 0, which trains nothing")
        _check_at_least_one("batch_size", self.batch_size, "a step needs at least 1 row")
        for name, value in (("learning_rate", self.learning_rate), ("max_gradient", self.max_gradient)):
            if not 0 < value < math.inf:
                raise InputError(f"{name} is {value}: it must be positive and finite")
        if not 0 <= self.held_out < 1:
            raise InputError(f"held_out is {self.held_out}: it is a share, at least 0 and below 1")

    def minimise(self, key: Array, loss: Loss[Parameters], start: Parameters, rows: Array) -> Parameters:
        """Parameters that lower the mean of ``loss(parameters, row)`` over rows (N, …).

        A NaN is never replaced by better parameters from before: the last ones are returned, and it shows in
        the losses measured with them.
        """
        if self.n_steps == 0:
            return start
        held_out, fitted = _split_rows(rows, self.held_out)
        # Steps are filled up to a multiple of the checks: those behind the last one have a rate of zero.
        n_checks = min(_CHECKS, self.n_steps)
        shape = (n_checks, math.ceil(self.n_steps / n_checks), self.batch_size)
        batches = jax.random.randint(key, shape, 0, fitted.shape[0])
        step = self._step(loss, fitted)

        def check(progress: _Progress[Parameters], batches: Array) -> tuple[_Progress[Parameters], None]:
            (parameters, moments), _ = lax.scan(step, (progress.parameters, progress.moments), batches)
            return progress.moved(parameters, moments, _mean_loss(loss, parameters, held_out)), None

        begin = _Progress(start, self._rule().init(start), start, _mean_loss(loss, start, held_out))
        return lax.scan(check, begin, batches)[0].best

    def _rule(self) -> optax.GradientTransformation:
        rate = optax.cosine_decay_schedule(self.learning_rate, self.n_steps)
        return optax.chain(optax.clip_by_global_norm(self.max_gradient), optax.adam(rate))

    def _step(self, loss: Loss[Parameters], rows: Array) -> Step[Parameters]:
        rule, gradient = self._rule(), jax.grad(_mean_loss, argnums=1)

        def step(state: State[Parameters], batch: Array) -> tuple[State[Parameters], None]:
            parameters, moments = state
            updates, moments = rule.update(gradient(loss, parameters, rows[batch]), moments)
            return (optax.apply_updates(parameters, updates), moments), None

        return step


class _Progress(NamedTuple, Generic[Parameters]):
    """Where a training stands, and the parameters with the least loss on held-out rows so far."""

    parameters: Parameters
    moments: optax.OptState
    best: Parameters
    least: Array

    def moved(self, parameters: Parameters, moments: optax.OptState, loss: Array) -> "_Progress[Parameters]":
        # A NaN counts as better: it must reach the caller. So does a tie, as when no rows are held out.
        better = ~(loss > self.least)
        best = jax.tree.map(lambda new, old: jnp.where(better, new, old), parameters, self.best)
        return _Progress(parameters, moments, best, jnp.where(better, loss, self.least))


def _split_rows(rows: Array, share: float) -> tuple[Array, Array]:
    """A share of the rows, evenly spaced, and the others."""
    # Evenly spaced, a class or an hour by which rows are sorted is on both sides; nor must they be shuffled.
    chosen = np.diff(np.floor(share * np.arange(rows.shape[0] + 1))) > 0
    return rows[np.flatnonzero(chosen)], rows[np.flatnonzero(~chosen)]


def _mean_loss(loss: Loss[Parameters], parameters: Parameters, rows: Array) -> Array:
    if rows.shape[0] == 0:
        return jnp.zeros((), rows.dtype)
    return jax.vmap(loss, (None, 0))(parameters, rows).mean()


def _product(matrix: Array, x: Array) -> Array:
    # Any precision would invert if forward and inverse, or a batch and a single point, gave the same bits.
    # They are compiled apart: a hidden unit off by one rounding error can round to another 10-bit factor,
    # and the default of an accelerator would make two sets of parameters 1e-3 apart.
    return jnp.matmul(matrix, x, precision=lax.Precision.HIGHEST)


def _check_at_least_one(name: str, value: int, why: str) -> None:
    if value < 1:
        raise InputError(f"{name} is {value}: {why}")
