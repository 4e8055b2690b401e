"""Theorem 1: with fixed random rotations and scales trained together, exactness comes at (D+1)/2 layers."""

from gscale import Gaussian, Haar, LayerSpec, Moments
from gscale.bench import EndToEndScales, Grid, Sweep
from gscale.data import Wishart
from gscale.theory import min_layers


def _around_the_bound(dims: tuple[int, ...], n_seeds: int) -> Grid:
    return Grid(
        datasets=(Gaussian(Wishart()),),
        dims=dims,
        layers=(LayerSpec(Haar(), Moments()),),
        trainings=(EndToEndScales(n_restarts=2),),
        depth=lambda dim: min_layers(dim) + 2,
        n_seeds=n_seeds,
        dtype="float64",
    )


SWEEP = Sweep(
    name="theorem1",
    quick_seconds=12,
    about="Scales trained together between fixed random rotations: exact from (D+1)/2 layers on, not before",
    profiles={
        "ci": (_around_the_bound((4, 6, 8), 4),),
        "quick": (_around_the_bound((4, 6, 8, 10, 12, 14), 8),),
        "full": (_around_the_bound((4, 6, 8, 12, 16, 20, 24, 28, 32), 16),),
    },
)
