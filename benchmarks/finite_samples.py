"""Gaussians seen through N rows by layers of splines: where the test loss turns, as N grows."""

from collections.abc import Callable

from gscale import Gaussian, Haar, LayerSpec, Quantiles
from gscale.bench import Grid, Layerwise, Population, Sweep
from gscale.data import Wishart

LAYER = LayerSpec(Haar(), Quantiles(n_bins=16))


def _rows(
    dims: tuple[int, ...], n_samples: int, layers_per_dim: float, n_seeds: int, n_test: int = 4_000
) -> Grid:
    """In float64, so that rows and exact curves are of the same rotations.

    M test rows scatter by √(2 · loss/M) nats: many rows to fit to need many to test on.
    """
    return Grid(
        datasets=(Gaussian(Wishart()),),
        dims=dims,
        layers=(LAYER,),
        trainings=(Layerwise(),),
        depth=_depth(layers_per_dim),
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=n_test,
        dtype="float64",
    )


def _exact(dims: tuple[int, ...], layers_per_dim: float, n_seeds: int) -> Grid:
    return Grid(
        datasets=(Gaussian(Wishart()),),
        dims=dims,
        layers=(LAYER,),
        trainings=(Population(),),
        depth=_depth(layers_per_dim),
        n_seeds=n_seeds,
        dtype="float64",
    )


def _depth(layers_per_dim: float) -> Callable[[int], int]:
    return lambda dim: round(layers_per_dim * dim)


# The test loss turns later by (D+1)/2 layers for each e-fold of N: 1.15 D for a factor of 10.
SWEEP = Sweep(
    name="finite_samples",
    quick_seconds=12,
    figure="sample_size",
    about="Gaussians fitted to N rows by splines: the layer where the test loss turns, against N",
    profiles={
        "ci": (_rows((4,), 300, 3, 4), _rows((4,), 3_000, 4, 4), _exact((4,), 6, 4)),
        "quick": (
            _rows((8,), 1_000, 1.75, 12),
            _rows((8,), 2_000, 2.125, 10),
            _rows((8,), 4_000, 2.5, 8),
            _rows((8,), 8_000, 3, 6),
            _rows((8,), 16_000, 3.25, 5),
            _rows((8,), 32_000, 3.75, 4, 16_000),
            _exact((8,), 4.5, 12),
        ),
        "full": (
            _rows((8, 32), 1_000, 2.5, 32, 50_000),
            _rows((8, 32), 10_000, 4, 16, 50_000),
            _rows((8, 32), 100_000, 5.5, 8, 50_000),
            _rows((8, 32), 1_000_000, 7, 4, 200_000),
            _exact((8, 32), 9, 32),
        ),
    },
)
