"""Theorem 2: a fixed reduction of the loss takes layers in proportion to D, for every covariance family."""

from gscale import Gaussian, Haar, LayerSpec, Moments
from gscale.bench import Expected, Grid, LowerBound, Population, Sweep, TrainingMode
from gscale.data import AR1, Covariance, Equicorrelated, PowerLaw, Spiked, Wishart

THREE = (Wishart(1.2), AR1(0.9), Equicorrelated(0.5))
FOUR = (*THREE, PowerLaw(1.5))
ALL = (*FOUR, Wishart(4.0), PowerLaw(0.5), AR1(0.5), Equicorrelated(0.9), Spiked(10.0), Spiked(100.0, 3))


def _families(families: tuple[Covariance, ...], dims: tuple[int, ...], n_seeds: int) -> tuple[Grid, ...]:
    """Exact curves far into the tail; beside them their expectation and the bound, to a factor of 100."""

    def grid(trainings: tuple[TrainingMode, ...], folds: int, n_seeds: int) -> Grid:
        return Grid(
            datasets=tuple(Gaussian(family) for family in families),
            dims=dims,
            layers=(LayerSpec(Haar(), Moments()),),
            trainings=trainings,
            depth=lambda dim: folds * dim,
            n_seeds=n_seeds,
            dtype="float64",
        )

    return grid((Population(),), 16, 4 * n_seeds), grid((Expected(), LowerBound()), 4, n_seeds)


SWEEP = Sweep(
    name="theorem2",
    quick_seconds=33,
    about="Layers that lower the loss by a factor, over covariance families: linear in D for all of them",
    profiles={
        "ci": _families(THREE, (4, 8, 16), 4),
        "quick": (*_families(THREE, (4, 8, 16, 32), 16), *_families(THREE, (48, 64), 2)),
        "full": _families(ALL, (4, 8, 16, 32, 64, 128, 256), 32),
    },
)
