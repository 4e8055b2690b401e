"""Maps of a coupling's active coordinates, each given its parameters.

A transformer of your own is a frozen dataclass with the members of `Transformer`.
"""

import math
from dataclasses import dataclass
from typing import Protocol

import jax
import jax.numpy as jnp
from jax import Array

from gscale.bijections.constraints import bounded
from gscale.bijections.elementwise import SplineMap
from gscale.errors import InputError
from gscale.validation import check_at_least, check_positive


class Transformer(Protocol):
    """An increasing map of each coordinate with P parameters a coordinate; zeros are the identity."""

    @property
    def n_parameters(self) -> int:
        """Parameters P that a coordinate takes."""
        ...

    def forward(self, parameters: Array, x: Array) -> tuple[Array, Array]:
        """Image (D,) of x (D,) under parameters (P, D), and log|det J| (), in nats."""
        ...

    def inverse(self, parameters: Array, y: Array) -> tuple[Array, Array]:
        """Pre-image (D,) of y (D,) under parameters (P, D), and log|det J| () of the inverse, in nats."""
        ...

    def targets(self, x: Array) -> Array:
        """Parameters (P, D) for x (D,) to which a linear conditioner is first fitted by regression."""
        ...


@dataclass(frozen=True)
class AffineTransformer:
    """Scale and shift: y = x · exp(s) + t with s = b tanh(r / b), from the parameters (r, t).

    With a bounded log-scale s a point far from all data is not moved out exponentially, and the inverse stays
    exact.

    Parameters
    ----------
    max_log_scale : float
        Bound b of the log-scale, in nats, positive.

    Raises
    ------
    InputError
        If ``max_log_scale`` is not positive and finite.

    References
    ----------
    Dinh, Sohl-Dickstein and Bengio, "Density estimation using Real NVP", ICLR 2017.

    Examples
    --------
    >>> y, log_det = AffineTransformer().forward(jnp.array([[0.0], [3.0]]), jnp.array([1.0]))
    >>> y.tolist(), float(log_det)
    ([4.0], 0.0)
    """

    max_log_scale: float = 2.0

    def __post_init__(self) -> None:
        check_positive({"max_log_scale": self.max_log_scale})

    @property
    def n_parameters(self) -> int:
        return 2

    def forward(self, parameters: Array, x: Array) -> tuple[Array, Array]:
        """Image (D,) of x (D,) under parameters (2, D), and log|det J| (), in nats."""
        log_scale = self.log_scale(parameters)
        return x * jnp.exp(log_scale) + parameters[1], log_scale.sum()

    def inverse(self, parameters: Array, y: Array) -> tuple[Array, Array]:
        """Pre-image (D,) of y (D,) under parameters (2, D), and log|det J| () of the inverse, in nats."""
        log_scale = self.log_scale(parameters)
        return (y - parameters[1]) * jnp.exp(-log_scale), -log_scale.sum()

    def log_scale(self, parameters: Array) -> Array:
        """Log-scale s (D,) of the parameters (2, D)."""
        return bounded(parameters[0], self.max_log_scale)

    def targets(self, x: Array) -> Array:
        """No scale, and the shift −x: its regression subtracts the conditional mean."""
        return jnp.stack([jnp.zeros_like(x), -x])


@dataclass(frozen=True)
class SplineTransformer:
    """Monotone rational-quadratic spline on [−bound, bound], the identity outside.

    With K bins, a softmax of K parameters gives the widths, another the heights. The derivative at an inner
    knot is exp(b tanh(r / b)) with b = −log(min_derivative); it is 1 at ±bound.

    Parameters
    ----------
    n_bins : int
        Bins K, at least 2: with ends and their derivatives fixed, a single bin is the identity.
    bound : float
        Where the identity begins, positive, in standard deviations of the rows when used in a `Coupling`.
    min_width, min_height : float
        Least width and height of a bin, as fractions of the interval; positive, below 1/K.
    min_derivative : float
        Least derivative at a knot, and the inverse of the greatest; positive, below 1.

    Raises
    ------
    InputError
        If a parameter is out of its range.

    References
    ----------
    Durkan et al., "Neural spline flows", NeurIPS 2019, Section 3.1 and Appendix A.

    Examples
    --------
    >>> transformer = SplineTransformer(n_bins=4, bound=2.0)
    >>> x = jnp.array([-9.0, 0.5, 9.0])
    >>> y, log_det = transformer.forward(jnp.zeros((transformer.n_parameters, 3)), x)
    >>> bool(jnp.allclose(y, x)), bool(jnp.abs(log_det) < 1e-6)
    (True, True)
    """

    n_bins: int = 8
    bound: float = 5.0
    min_width: float = 1e-3
    min_height: float = 1e-3
    min_derivative: float = 1e-3

    def __post_init__(self) -> None:
        check_at_least(2, {"n_bins": self.n_bins})
        check_positive({"bound": self.bound})
        for name, least in (("min_width", self.min_width), ("min_height", self.min_height)):
            if not 0 < least * self.n_bins < 1:
                raise InputError(f"{name} is {least}: it lies between 0 and 1 / n_bins = {1 / self.n_bins}")
        if not 0 < self.min_derivative < 1:
            raise InputError(f"min_derivative is {self.min_derivative}: it lies between 0 and 1")

    @property
    def n_parameters(self) -> int:
        return 3 * self.n_bins - 1

    def forward(self, parameters: Array, x: Array) -> tuple[Array, Array]:
        """Image (D,) of x (D,) under parameters (3K−1, D), and log|det J| (), in nats."""
        return self.spline(parameters).forward(x)

    def inverse(self, parameters: Array, y: Array) -> tuple[Array, Array]:
        """Pre-image (D,) of y (D,) under parameters (3K−1, D), and log|det J| () of the inverse, in nats."""
        return self.spline(parameters).inverse(y)

    def spline(self, parameters: Array) -> SplineMap:
        """Splines of D coordinates from parameters (3K−1, D)."""
        widths, heights, derivatives = jnp.split(parameters, [self.n_bins, 2 * self.n_bins])
        # Bounded on both sides: between steep knots the softplus of the reference, which has no upper bound,
        # leaves a bin so flat that the inverse is lost in float64. It also makes a step slower by half.
        inner = jnp.exp(bounded(derivatives, -math.log(self.min_derivative)))
        end = jnp.ones_like(inner[:1])
        return SplineMap(
            self._knots(widths, self.min_width),
            self._knots(heights, self.min_height),
            jnp.concatenate([end, inner, end]),
        )

    def targets(self, x: Array) -> Array:
        """Zeros, the identity: no parameter of a spline is a conditional mean."""
        return jnp.zeros((self.n_parameters, *x.shape), x.dtype)

    def _knots(self, parameters: Array, least: float) -> Array:
        shares = least + (1 - self.n_bins * least) * jax.nn.softmax(parameters, axis=0)
        inner = self.bound * (2 * jnp.cumsum(shares, axis=0)[:-1] - 1)
        end = jnp.full_like(inner[:1], self.bound)
        return jnp.concatenate([-end, inner, end])
