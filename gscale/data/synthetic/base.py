"""What synthetic distributions share: any D, and rows with their exact log-density."""

from functools import partial

import jax
from jax import Array
from jax.typing import DTypeLike

from gscale.data.base import Rows, check_dim
from gscale.runtime import Program


class SyntheticSource:
    """A distribution of any D."""

    @property
    def max_dim(self) -> int | None:
        return None

    def check(self, dim: int, n_train: int, n_test: int) -> None:
        check_dim(self, dim)

    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        raise NotImplementedError


class IndependentDraws(SyntheticSource):
    """A distribution without random parameters: training and test rows come from one ``draw`` each."""

    def draw(self, key: Array, n: int, dim: int, dtype: DTypeLike) -> tuple[Array, Array]:
        """Rows (n, D) and their log-density (n,) in nats."""
        raise NotImplementedError

    @partial(Program, static_argnums=(0, 2, 3, 4, 5))
    def sample(self, key: Array, dim: int, n_train: int, n_test: int, dtype: DTypeLike) -> Rows:
        train_key, test_key = jax.random.split(key)
        return exact_rows(self.draw(train_key, n_train, dim, dtype), self.draw(test_key, n_test, dim, dtype))


def exact_rows(train: tuple[Array, Array], test: tuple[Array, Array]) -> Rows:
    """Rows from training rows and test rows, each with their log-density."""
    return Rows(train[0], test[0], train[1], test[1])
