"""Computing in float64, and near zero."""

from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

_P = ParamSpec("_P")
_T = TypeVar("_T")


def in_float64(function: Callable[_P, _T]) -> Callable[_P, _T]:
    """Compute in float64 whatever the process has enabled.

    Where it has not, results come back as NumPy arrays: jax would warn at the next operation on them.
    """

    @wraps(function)
    def wrapped(*args: _P.args, **kwargs: _P.kwargs) -> _T:
        enabled = jax.config.read("jax_enable_x64")
        with jax.enable_x64(True):
            result = function(*args, **kwargs)
        return result if enabled else jax.tree.map(_to_numpy, result)

    return wrapped


def _to_numpy(leaf: Any) -> Any:
    return leaf if isinstance(leaf, jax.core.Tracer) else np.asarray(leaf)


def log1p_less_x(x: Array) -> Array:
    """log(1 + x) − x without cancellation near zero."""
    small = jnp.abs(x) < 0.02
    near = jnp.where(small, x, 0)
    series = near**2 * jnp.polyval(jnp.array([(-1) ** (k + 1) / k for k in range(9, 1, -1)], x.dtype), near)
    return jnp.where(small, series, jnp.log1p(x) - x)
