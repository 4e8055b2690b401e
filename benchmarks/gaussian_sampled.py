"""Gaussians seen through N rows, beside the exact curves: what finite data costs."""

from gscale import Gaussian, Haar, LayerSpec, Moments
from gscale.bench import Grid, Layerwise, Population, Sweep
from gscale.data import Wishart


def _beside_exact(dims: tuple[int, ...], n_samples: tuple[int, ...], n_seeds: int) -> tuple[Grid, Grid]:
    """In float64, so that both draw the same rotations and differ by the sampling alone."""
    sampled = Grid(
        datasets=(Gaussian(Wishart()),),
        dims=dims,
        layers=(LayerSpec(Haar(), Moments()),),
        trainings=(Layerwise(),),
        depth=lambda dim: 5 * dim,
        n_seeds=n_seeds,
        n_samples=n_samples,
        n_test=10_000,
        dtype="float64",
    )
    exact = Grid(
        datasets=sampled.datasets,
        dims=dims,
        layers=sampled.layers,
        trainings=(Population(),),
        depth=sampled.depth,
        n_seeds=sampled.n_seeds,
        dtype="float64",
    )
    return sampled, exact


SWEEP = Sweep(
    name="gaussian_sampled",
    quick_seconds=36,
    about="The same Gaussians fitted to N rows: where a layer costs more than it gains",
    profiles={
        "ci": _beside_exact((4, 8, 16), (20_000,), 3),
        "quick": (
            *_beside_exact((4, 8, 16, 32), (20_000,), 3),
            *_beside_exact((48, 64), (20_000,), 2),
        ),
        "full": _beside_exact((4, 8, 16, 32, 64, 128, 256), (2_000, 20_000, 200_000), 8),
    },
)
