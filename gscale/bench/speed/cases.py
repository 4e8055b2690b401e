"""What is timed: how many rows of how many dimensions, how often."""

from dataclasses import dataclass

import numpy as np

from gscale.validation import check_at_least


@dataclass(frozen=True)
class Case:
    """Rows to time a layer on.

    Parameters
    ----------
    n_samples, dim : int
        Rows N, at least 100, and dimensions D.
    n_repeats : int
        Rounds, at least 3: each times everything once, so that ratios are of medians over the same minutes.
    depths : tuple of int
        Numbers of layers to compile a fit of.
    memory : bool
        Whether to measure the peak of memory too, in a process of its own.

    Raises
    ------
    InputError
        If one of them is below its limit.

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
        check_at_least(100, {"n_samples": self.n_samples})
        check_at_least(1, {"dim": self.dim})
        check_at_least(3, {"n_repeats": self.n_repeats})

    def rows(self) -> np.ndarray:
        """Mixed Laplace sources (N, D) of unit variance in float32: neither normal nor independent."""
        rng = np.random.default_rng(0)
        mixing = np.eye(self.dim) + 0.5 * rng.normal(size=(self.dim, self.dim)) / self.dim**0.5
        x = rng.laplace(size=(self.n_samples, self.dim)).astype(np.float32) @ mixing.astype(np.float32)
        unit: np.ndarray = x / x.std(0)
        return unit
