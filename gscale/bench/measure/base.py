"""The contract of a way of training: its check, its cost, its kind and its curves, in one class."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from gscale.errors import InputError

if TYPE_CHECKING:
    from gscale.bench.cell import Cell

OnLayer = Callable[[int], None]  # called with the number of layers done
OnHistograms = Callable[[pd.DataFrame], object]  # called with the histograms of a cell that has any


class Curves(NamedTuple):
    """Loss curves of one cell: losses (S, L+1) in nats, seconds (L+1,) of all seeds together."""

    metric: str
    loss_train: np.ndarray | None
    loss_test: np.ndarray
    seconds: np.ndarray
    seconds_compile: float


class TrainingMode(ABC):
    """How the layers of a cell are fitted and measured: a frozen dataclass, in a file of its own.

    Attributes
    ----------
    kind : str
        What its losses are of, one of `gscale.results.schema.KINDS`.
    per_depth : bool
        Whether each depth is built on its own, so that counts of layers are whole numbers.
    """

    kind: ClassVar[str]
    per_depth: ClassVar[bool] = False

    @abstractmethod
    def check(self, cell: "Cell") -> None:
        """Refuse a cell that cannot be measured so.

        Raises
        ------
        InputError
            Naming the value and its limit.
        """

    @abstractmethod
    def layer_seconds(self, cell: "Cell") -> float:
        """Rough seconds of a layer and seed on one core, to tell how far a run has come.

        The constants are guesses of the right order: over results/reference, the median of the measured
        seconds by these is between 0.2 and 2 in every mode, but 0.04 for `EndToEndScales`.
        """

    @abstractmethod
    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        """Measure the cell: losses with 0 … L layers of all its seeds."""


class OnRows(TrainingMode):
    """Fitted to N rows and tested on others."""

    kind = "sampled"

    def check(self, cell: "Cell") -> None:
        for name, n in (("n_samples", cell.n_samples), ("n_test", cell.n_test)):
            if n is None or n < 2:
                raise InputError(f"{name} is {n}: at least 2 rows are needed")
        cell.dataset.check(cell.dim, cell.n_samples or 0, cell.n_test or 0)
        cell.layer.check(cell.dim, cell.n_samples or 0)


class OnCovariances(TrainingMode):
    """Computed on the covariances of Gaussian data, in float64, without samples."""

    def check(self, cell: "Cell") -> None:
        if not hasattr(cell.dataset, "matrix"):
            raise InputError(f"{cell.dataset!r} has no covariance to compute with: use Layerwise()")
        if cell.n_samples is not None or cell.n_test is not None or cell.dtype != "float64":
            raise InputError(f"{self!r} has no samples: n_samples and n_test are None, dtype is 'float64'")
        cell.dataset.check(cell.dim, 0, 0)
        cell.layer.check(cell.dim, 2 * cell.dim)  # a covariance stands for 2 D rows

    def layer_seconds(self, cell: "Cell") -> float:
        # an eigendecomposition a layer
        return 2e-5 * cell.dim + 5e-9 * cell.dim**3


def check_haar_alone(cell: Any) -> None:
    """Refuse layers other than Haar rotations without a coupling, where a formula is of no others."""
    from gscale.bijections.rotations import Haar

    if cell.layer.rotation != Haar() or cell.layer.coupling is not None:
        raise InputError(f"{cell.training!r} is for layers of Haar() alone, not of {cell.layer!r}")
