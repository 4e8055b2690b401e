"""What a data set is to the rest of gscale, and the checks every row passes before a fit."""

from typing import NamedTuple, Protocol

import jax
import numpy as np
from jax import Array
from jax.typing import DTypeLike

from gscale.errors import InputError


class Rows(NamedTuple):
    """Training rows (N, D), test rows (M, D) and the exact log-density of each where it is known.

    Log-densities, (N,) and (M,) in nats, turn the negative log-likelihood into a true KL.
    """

    train: Array | np.ndarray
    test: Array | np.ndarray
    log_prob_train: Array | np.ndarray | None = None
    log_prob_test: Array | np.ndarray | None = None


class Source(Protocol):
    """A data set that can be cut to a dimension: a frozen dataclass without arrays."""

    @property
    def max_dim(self) -> int | None:
        """Largest D, None where there is no limit."""
        ...

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        """Raise InputError where there are no such rows, naming the value and the limit."""
        ...

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        """Draw rows; train and test share nothing."""
        ...


def check_dim(source: Source, dim: int) -> None:
    """Refuse a dimension outside 1 … ``source.max_dim``."""
    if dim < 1:
        raise InputError(f"dim is {dim}: a dimension is at least 1")
    if source.max_dim is not None and dim > source.max_dim:
        raise InputError(f"dim is {dim}: the largest of {source!r} is {source.max_dim}")


def check_square(source: Source, dim: int) -> int:
    """The side k of an image of D = k² pixels; a D that is no square is refused."""
    check_dim(source, dim)
    side = int(dim**0.5 + 0.5)
    if side * side != dim:
        raise InputError(
            f"dim is {dim}: {source!r} has k×k pixels, so D is a square: try {side**2} or {(side + 1) ** 2}"
        )
    return side


def check_available(
    source: object, dim: int, n_train: int, n_test: int, most_train: int, most_test: int
) -> None:
    """Refuse more training or test rows than a source has at D."""
    if n_train > most_train or n_test > most_test:
        raise InputError(
            f"{n_train} training and {n_test} test rows asked for: "
            f"{source!r} has {most_train} and {most_test} at D = {dim}"
        )


def numpy_generator(key: Array) -> np.random.Generator:
    """NumPy's generator of random numbers, seeded by a key of JAX."""
    return np.random.default_rng(np.asarray(jax.random.key_data(key)).tolist())


def has_rows(source: Source, dim: int, n_train: int, n_test: int) -> bool:
    """Whether a source has such rows."""
    try:
        source.check(dim, n_train, n_test)
    except InputError:
        return False
    return True
