"""What to run: a cell is one setting, a grid spans cells, a sweep names them by profile."""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from itertools import product
from typing import Literal

from gscale.results.tables import short
from gscale.data.base import Source
from gscale.errors import InputError
from gscale.flows.flow import LayerSpec
from gscale.bijections.base import Spec
from gscale.bijections.optimizer import Adam
from gscale.bijections.constraints import Everything, Marginals
from gscale.bijections.rotations import Haar, Identity

Profile = Literal["ci", "quick", "full"]
DType = Literal["float32", "float64"]
_ID_VERSION = 1


@dataclass(frozen=True)
class Layerwise:
    """Layers fitted one by one to samples, without a loss; ``first`` is a marginal in front of them."""

    first: Spec | None = None


@dataclass(frozen=True)
class LayerwiseTrained:
    """`Layerwise`, but each layer is trained on its own loss before the next one is fitted."""

    training: Adam
    first: Spec | None = None


@dataclass(frozen=True)
class EndToEnd:
    """For each depth a layer-wise fit, then all its layers trained together."""

    training: Adam
    first: Spec | None = None
    parts: Everything | Marginals = field(default_factory=Everything)


@dataclass(frozen=True)
class Projections:
    """No layers: the rows along a random direction and along the one on which they are furthest from normal.

    With 0 and 1 layers the "loss" is the W2 distance to N(0, 1) along the first and the second, on the rows
    searched and on fresh ones. Where ``modes_at`` is given, a third direction is searched for, on which the
    rows come nearest to two modes at ± it, and the histograms along all three are kept.

    Parameters
    ----------
    n_restarts, n_steps : int
        Random starts of a search, and steps from each; see `gscale.theory.find_projection`.
    modes_at : float or None
        Where the modes are to be, see `gscale.theory.bimodal_quantiles`.

    Raises
    ------
    InputError
        If a count is below 1 or ``modes_at`` not in (0, 1).
    """

    n_restarts: int = 4
    n_steps: int = 60
    modes_at: float | None = None

    def __post_init__(self) -> None:
        for name, count in (("n_restarts", self.n_restarts), ("n_steps", self.n_steps)):
            if count < 1:
                raise InputError(f"{name} is {count}: at least 1 is needed")
        if self.modes_at is not None and not 0 < self.modes_at < 1:
            raise InputError(f"modes_at is {self.modes_at}: for a variance of 1 it lies between 0 and 1")


@dataclass(frozen=True)
class Population:
    """Exact losses on covariances alone, as with infinitely many samples; Gaussian data only."""


@dataclass(frozen=True)
class Expected:
    """`Population`, with each layer's factor replaced by its exact expectation over Haar rotations."""


@dataclass(frozen=True)
class LowerBound:
    """`Population`, with each layer's factor replaced by the bound that its expectation never breaks."""


@dataclass(frozen=True)
class EndToEndScales:
    """For each depth the best scales between fixed rotations, trained together on the exact loss."""

    n_restarts: int = 1


@dataclass(frozen=True)
class WhiteningCouplings:
    """The two affine couplings that whiten a covariance exactly; depth 2."""


NO_LAYER = LayerSpec(Identity(), Identity())
OnCovariances = Population | Expected | LowerBound | EndToEndScales | WhiteningCouplings
Fits = Layerwise | LayerwiseTrained | EndToEnd
Training = Fits | Projections | OnCovariances


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
    training : Layerwise, LayerwiseTrained, EndToEnd, Projections, or one on covariances alone
        How layers are fitted; on covariances: Population, Expected, LowerBound, EndToEndScales,
        WhiteningCouplings.
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
    training: Training
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
        if " at 0x" in repr(self):
            raise InputError(f"{self!r} has a part without a value of its own: make it a frozen dataclass")
        if isinstance(self.training, OnCovariances):
            self._check_covariance()
        else:
            self._check_sampled()

    def _check_covariance(self) -> None:
        if not hasattr(self.dataset, "matrix"):
            raise InputError(f"{self.dataset!r} has no covariance to compute with: use Layerwise()")
        if self.n_samples is not None or self.n_test is not None or self.dtype != "float64":
            raise InputError(
                f"{self.training!r} has no samples: n_samples and n_test are None, dtype is 'float64'"
            )
        of_haar = isinstance(self.training, Expected | LowerBound | EndToEndScales)
        if of_haar and (self.layer.rotation != Haar() or self.layer.coupling is not None):
            raise InputError(f"{self.training!r} is for layers of Haar() alone, not of {self.layer!r}")
        if isinstance(self.training, WhiteningCouplings) and self.n_layers != 2:
            raise InputError(f"n_layers is {self.n_layers}: WhiteningCouplings() are 2")
        self.dataset.check(self.dim, 0, 0)
        self.layer.check(self.dim, 2 * self.dim)  # a covariance stands for 2 D rows

    def _check_sampled(self) -> None:
        for name, n in (("n_samples", self.n_samples), ("n_test", self.n_test)):
            if n is None or n < 2:
                raise InputError(f"{name} is {n}: at least 2 rows are needed")
        if isinstance(self.training, Projections) and (self.n_layers != 1 or self.layer != NO_LAYER):
            raise InputError(
                f"{self.training!r} fits no layers: n_layers is 1, layer is NO_LAYER, not {self.layer!r}"
            )
        self.dataset.check(self.dim, self.n_samples or 0, self.n_test or 0)
        self.layer.check(self.dim, self.n_samples or 0)

    @cached_property
    def id(self) -> str:
        """Hash of the setting; what is run already keeps its name when the table gains a column."""
        return hashlib.sha256(f"{_ID_VERSION}:{self!r}".encode()).hexdigest()[:16]

    @property
    def cost(self) -> float:
        """Rough seconds on one core, to tell how far a run has come."""
        d = self.dim
        if isinstance(self.training, Fits):
            layer = ((self.n_samples or 0) + (self.n_test or 0)) * d * (4e-8 + 1e-10 * d) + self._steps_cost
        elif isinstance(self.training, Projections):
            steps = self.training.n_restarts * self.training.n_steps
            layer = (self.n_samples or 0) * steps * (1e-7 + 2e-10 * d)
        elif isinstance(self.training, EndToEndScales):
            layer = 4e-8 * self.n_layers**2 * d**4
        elif isinstance(self.training, Population):
            layer = 1e-5 + 5e-10 * d**3
        else:
            layer = 2e-5 * d + 5e-9 * d**3
        return layer * self.n_layers * len(self.seeds)

    @property
    def _steps_cost(self) -> float:
        """Of the gradient steps of a layer, the mean over depths."""
        if not isinstance(self.training, LayerwiseTrained | EndToEnd):
            return 0.0
        training = self.training.training
        depth = (self.n_layers + 1) / 2 if isinstance(self.training, EndToEnd) else 1
        return training.n_steps * training.batch_size * self.dim * 4e-7 * depth

    def __str__(self) -> str:
        rows = "" if self.n_samples is None else f", N = {self.n_samples}"
        return f"{short(repr(self.dataset))}, D = {self.dim}{rows}, {short(repr(self.layer.rotation))}"


@dataclass(frozen=True)
class Grid:
    """Cells spanned by data sets, layers and training modes over dimensions.

    ``depth`` and ``n_seeds`` may be functions of D: deeper for larger D, more seeds where they are cheap.
    """

    datasets: tuple[Source, ...]
    dims: tuple[int, ...]
    layers: tuple[LayerSpec, ...]
    depth: int | Callable[[int], int]
    n_seeds: int | Callable[[int], int]
    trainings: tuple[Training, ...] = (Layerwise(),)
    n_samples: tuple[int | None, ...] = (None,)
    n_test: int | None = None
    dtype: DType = "float32"

    def cells(self, dims: tuple[int, ...] | None = None, n_seeds: int | None = None) -> tuple[Cell, ...]:
        """The cells, with other dimensions or another number of seeds where given."""
        return tuple(
            Cell(
                dataset=dataset,
                dim=dim,
                layer=layer,
                training=training,
                n_layers=_at(self.depth, dim),
                seeds=tuple(range(n_seeds or _at(self.n_seeds, dim))),
                n_samples=n_samples,
                n_test=self.n_test,
                dtype=self.dtype,
            )
            for dataset, layer, training, n_samples, dim in product(
                self.datasets, self.layers, self.trainings, self.n_samples, dims or self.dims
            )
        )


def _at(number: int | Callable[[int], int], dim: int) -> int:
    return number(dim) if callable(number) else number


@dataclass(frozen=True)
class Sweep:
    """A named experiment: its grids by profile.

    Parameters
    ----------
    name : str
        Name of its results folder.
    about : str
        One line: the question it answers.
    profiles : mapping of str to tuple of Grid
        What "ci", "quick" and "full" run.
    timed : bool
        Whether it is there for its seconds: then its cells never run side by side.
    """

    name: str
    about: str
    profiles: Mapping[Profile, tuple[Grid, ...]]
    timed: bool = False

    def cells(
        self, profile: Profile, dims: tuple[int, ...] | None = None, n_seeds: int | None = None
    ) -> tuple[Cell, ...]:
        """The distinct cells of a profile, in order.

        Raises
        ------
        InputError
            If the sweep lacks the profile, or a cell is impossible.
        """
        if profile not in self.profiles:
            known = ", ".join(self.profiles)
            raise InputError(f"profile is {profile!r}: sweep {self.name!r} has {known}")
        cells = [cell for grid in self.profiles[profile] for cell in grid.cells(dims, n_seeds)]
        return tuple(dict.fromkeys(cells))
