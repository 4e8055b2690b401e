"""What conditions a coupling: small networks of the passive coordinates."""

from dataclasses import dataclass
from typing import Protocol

import equinox as eqx
import jax
import jax.numpy as jnp
from jax import Array

from gscale.bijections.base import product
from gscale.validation import check_at_least


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


class MLPMap(eqx.Module):
    """Fully connected layers with SiLU between them, applied to arcsinh of the inputs.

    Parameters
    ----------
    weights : tuple of Array, shapes (W, D), (W, W), …, (M, W)
    biases : tuple of Array, shapes (W,), …, (M,)

    Examples
    --------
    >>> network = MLPMap((jnp.ones((1, 1)), jnp.ones((1, 1))), (jnp.zeros(1), jnp.ones(1)))
    >>> round(float(network(jnp.array([1.0]))[0]), 4)
    1.6232
    """

    weights: tuple[Array, ...]
    biases: tuple[Array, ...]

    def __call__(self, x: Array) -> Array:
        # arcsinh(10⁶) is 14.5: far from all data the parameters, and with them the map and its gradients,
        # grow with the logarithm of the distance; no bounded squash would tell one outlier from another.
        x = jnp.arcsinh(x)
        # In full precision: forward and inverse are compiled apart, and where a hidden unit is off by one
        # rounding error, factors of 10 bits would make two sets of parameters that differ by 1e-3.
        *hidden, (last, bias) = zip(self.weights, self.biases, strict=True)
        for weight, offset in hidden:
            x = jax.nn.silu(product(weight, x) + offset)
        return product(last, x) + bias


class LinearMap(eqx.Module):
    """A linear function: matrix · x + intercept.

    Parameters
    ----------
    matrix : Array, shape (M, D)
    intercept : Array, shape (M,)

    Examples
    --------
    >>> LinearMap(jnp.array([[2.0]]), jnp.array([1.0]))(jnp.array([3.0])).tolist()
    [7.0]
    """

    matrix: Array
    intercept: Array

    def __call__(self, x: Array) -> Array:
        return product(self.matrix, x) + self.intercept


@dataclass(frozen=True)
class MLP:
    """A multilayer perceptron that is zero before training.

    Parameters
    ----------
    width : int
        Units W in each hidden layer, at least 1.
    depth : int
        Hidden layers, at least 1; `Linear` has none.

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
        check_at_least(1, {"width": self.width, "depth": self.depth})

    def start(self, key: Array, x: Array, targets: Array) -> MLPMap:
        """Draw hidden layers, with a last one of zeros; of x (N, D) and targets (N, M) D and M are used."""
        sizes = [x.shape[1], *[self.width] * self.depth, targets.shape[1]]
        keys = jax.random.split(key, self.depth)
        # SiLU takes about as much of the second moment as ReLU, for which this scale is made.
        draw = jax.nn.initializers.he_uniform(in_axis=1, out_axis=0)
        hidden = [draw(k, (m, n), x.dtype) for k, n, m in zip(keys, sizes, sizes[1:-1], strict=False)]
        last = jnp.zeros((sizes[-1], self.width), x.dtype)
        return MLPMap((*hidden, last), tuple(jnp.zeros(size, x.dtype) for size in sizes[1:]))


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

    def start(self, key: Array, x: Array, targets: Array) -> LinearMap:
        """Regress targets (N, M) on x (N, D); the key is not used."""
        centre, mean = x.mean(0), targets.mean(0)
        matrix = jnp.linalg.lstsq(x - centre[None], targets - mean[None])[0].T
        return LinearMap(matrix, mean - product(matrix, centre))
