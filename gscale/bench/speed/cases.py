"""What is timed: how many rows of how many dimensions, how often."""

from dataclasses import dataclass

import numpy as np

from gscale.errors import InputError


@dataclass(frozen=True)
class Case:
    """Rows to time a layer on.

    Parameters
    ----------
    n_samples, dim : int
        Rows N, at least 100, and dimensions D.
    n_repeats : int
        Rounds, at least 3: each times everything once, so that a ratio is one of medians of the same minutes.
    depths : tuple of int
        Numbers of layers to compile a fit of.
    memory : bool
        Whether to measure the peak of memory too, in a process of its own.

    Raises
    ------
    InputError
        If one of them is below its least.

    Examples
    --------
    >>> Case(1_000, 8).rows().shape
    (1000, 8)
    """

    n_samples: int
    dim: int
    n_repeats: int = 9
    depths: tuple[int, ...] = ()
    memory: bool = False

    def __post_init__(self) -> None:
        for name, least in (("n_samples", 100), ("dim", 1), ("n_repeats", 3)):
            if getattr(self, name) < least:
                raise InputError(f"{name} is {getattr(self, name)}: it is at least {least}")

    def rows(self) -> np.ndarray:
        """Mixed Laplace sources (N, D) of unit variance, float32: neither normal nor independent."""
        rng = np.random.default_rng(0)
        mixing = np.eye(self.dim) + 0.5 * rng.normal(size=(self.dim, self.dim)) / self.dim**0.5
        x = rng.laplace(size=(self.n_samples, self.dim)).astype(np.float32) @ mixing.astype(np.float32)
        unit: np.ndarray = x / x.std(0)
        return unit
