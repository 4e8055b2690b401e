"""A cell: one setting, with everything that its loss curves depend on."""

import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

from gscale.bench.measure.base import TrainingMode
from gscale.data.base import Source
from gscale.errors import InputError
from gscale.flows.flow import LayerSpec
from gscale.results.settings import label, to_json

DType = Literal["float32", "float64"]
_ID_VERSION = 3  # of what the hash is of; as the schema, see gscale.results.settings


@dataclass(frozen=True)
class Cell:
    """One setting: everything a loss curve depends on.

    Parameters
    ----------
    dataset : Source
        Where the rows come from.
    dim : int
        Dimension D.
    layer : LayerSpec
        What a layer is made of.
    training : TrainingMode
        How layers are fitted: to rows, `Layerwise`, `LayerwiseTrained`, `EndToEnd`; on covariances,
        `Population`, `Expected`, `LowerBound`, `EndToEndScales`, `WhiteningCouplings`; or `Projections`.
    n_layers : int
        Depth L: losses are measured with 0 … L layers.
    seeds : tuple of int
        One curve each, all in one batch.
    n_samples, n_test : int or None
        Rows N to fit and to test on; None on covariances.
    dtype : str
        "float32" or "float64".

    Raises
    ------
    InputError
        If the setting is impossible: the data set has too few features or rows, N < 2, no seed.
    """

    dataset: Source
    dim: int
    layer: LayerSpec
    training: TrainingMode
    n_layers: int
    seeds: tuple[int, ...]
    n_samples: int | None
    n_test: int | None
    dtype: DType

    def __post_init__(self) -> None:
        if self.n_layers < 1:
            raise InputError(f"n_layers is {self.n_layers}: a curve needs at least 1 layer")
        if not self.seeds:
            raise InputError("there are 0 seeds: at least 1 is needed")
        if self.dtype not in ("float32", "float64"):
            raise InputError(f"dtype is {self.dtype!r}: it is 'float32' or 'float64'")
        if not isinstance(self.training, TrainingMode):
            raise InputError(
                f"training is {self.training!r}: it is a training mode such as Layerwise() or Population()"
            )
        self.settings()  # a part without a value of its own is refused
        self.training.check(self)

    def settings(self) -> dict[str, Any]:
        """What the rows of a table say of the setting, as its columns have it."""
        coupling = self.layer.coupling
        return {
            "kind": self.training.kind,
            "per_depth": self.training.per_depth,
            "dataset": to_json(self.dataset),
            "dim": self.dim,
            "n_samples": self.n_samples,
            "n_test": self.n_test,
            "rotation": to_json(self.layer.rotation),
            "marginal": to_json(self.layer.marginal),
            "coupling": None if coupling is None else to_json(coupling),
            "training": to_json(self.training),
            "dtype": self.dtype,
        }

    @cached_property
    def id(self) -> str:
        """Hash of the setting, depth and seeds; `gscale.results.settings` says what does not change it."""
        return hashlib.sha256(f"{_ID_VERSION}:{to_json(self)}".encode()).hexdigest()[:16]

    @property
    def cost(self) -> float:
        """Rough seconds on one core, to tell how far a run has come."""
        return self.training.layer_seconds(self) * self.n_layers * len(self.seeds)

    def __str__(self) -> str:
        rows = "" if self.n_samples is None else f", N = {self.n_samples}"
        return f"{label(to_json(self.dataset))}, D = {self.dim}{rows}, {label(to_json(self.layer.rotation))}"
