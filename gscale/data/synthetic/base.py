"""What toys share: rows drawn without end, each with its exact log-density."""

from functools import partial
from typing import Protocol

import jax
from jax import Array
from jax.typing import DTypeLike

from gscale.data.base import Rows, check_dim


class Drawing(Protocol):
    """How a toy draws n rows of D coordinates."""

    def draw(self, key: Array, n: int, dim: int, dtype: DTypeLike) -> tuple[Array, Array]:
        """Rows (n, D) and their log-density (n,) in nats."""
        ...


class Exact:
    """A source of any D whose ``draw`` knows the density: training and test rows are drawn apart."""

    @property
    def max_dim(self) -> int | None:
        return None

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_dim(self, dim)

    @partial(jax.jit, static_argnums=(0, 2, 3, 4, 5))
    def sample(self: Drawing, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        train_key, test_key = jax.random.split(key)
        train, log_prob_train = self.draw(train_key, n_train, dim, dtype)
        test, log_prob_test = self.draw(test_key, n_test, dim, dtype)
        return Rows(train, test, log_prob_train, log_prob_test)
