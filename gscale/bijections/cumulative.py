"""Running sums and maxima of short axes as one reduction each.

`lax.cumsum` and `lax.cummax` compile to dozens of small programs on CPUs, a step of a binary tree each, which
takes longer than the K² operations that it saves along an axis of some dozen elements.
"""

import jax.numpy as jnp
import numpy as np
from jax import Array, lax


def running_sum(a: Array, axis: int = 0) -> Array:
    """``jnp.cumsum(a, axis)``.

    Examples
    --------
    >>> running_sum(jnp.array([1, 2, 3])).tolist()
    [1, 3, 6]
    """
    return _over_earlier(a, axis, 0).sum(axis + 1, dtype=a.dtype)


def running_max(a: Array, axis: int = 0) -> Array:
    """``lax.cummax(a, axis)`` of real numbers.

    Examples
    --------
    >>> running_max(jnp.array([1.0, 3.0, 2.0])).tolist()
    [1.0, 3.0, 3.0]
    """
    return _over_earlier(a, axis, -jnp.inf).max(axis + 1)


def _over_earlier(a: Array, axis: int, other: float) -> Array:
    """Entries i of an axis for each place k of an axis before it, with another value where i > k."""
    n = a.shape[axis]
    earlier = np.tri(n, dtype=bool).reshape(n, n, *[1] * (a.ndim - axis - 1))
    return jnp.where(
        earlier.reshape(*[1] * axis, *earlier.shape), lax.expand_dims(a, [axis]), jnp.asarray(other, a.dtype)
    )
