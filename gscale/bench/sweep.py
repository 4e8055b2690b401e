"""What to run: a grid spans cells, a sweep names them by profile."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import product

from gscale.bench.cell import Cell, DType
from gscale.bench.measure.base import TrainingMode
from gscale.bench.measure.one_by_one import Layerwise
from gscale.bench.profiles import Profile as Profile
from gscale.data.base import Source
from gscale.errors import InputError
from gscale.figures.figure_kinds import FIGURES
from gscale.flows.flow import LayerSpec


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
    trainings: tuple[TrainingMode, ...] = (Layerwise(),)
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
    quick_seconds : float
        Its share of the six minutes that the quick profiles of ``make benchmark`` take on two cores with an
        empty cache of compiled programs; 0 for a sweep that has none. ``benchmarks/_shares.py`` adds them up.
    figure : str
        What it is drawn as, one of `gscale.figures.figure_kinds.FIGURES`: "scaling", losses and layers
        against D; "comparison" of models; "sample_size", losses and depths against N; "projections".

    Raises
    ------
    InputError
        If there is no such figure.
    """

    name: str
    about: str
    profiles: Mapping[Profile, tuple[Grid, ...]]
    timed: bool = False
    quick_seconds: float = 0.0
    figure: str = "scaling"

    def __post_init__(self) -> None:
        if self.figure not in FIGURES:
            known = ", ".join(FIGURES)
            raise InputError(f"figure is {self.figure!r}: sweep {self.name!r} has one of {known}")

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
