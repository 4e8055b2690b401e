"""Models side by side, at enough D to predict from: Gaussianization by rotation, and couplings."""

from gscale import Gaussian, GaussianMixture, Patches
from gscale.bench import Grid, Sweep
from gscale.bench.model_grid import couplings, gaussianizations, grid


def _models(
    dims: tuple[int, ...], rows: tuple[int, int], depths: tuple[int, int], n_steps: int, n_seeds: int
) -> tuple[Grid, Grid]:
    datasets = Gaussian(), GaussianMixture(), Patches()
    return (
        grid(datasets, gaussianizations(), dims, rows, depths[0], n_seeds),
        grid(datasets, couplings(n_steps), dims, rows, depths[1], n_seeds),
    )


SWEEP = Sweep(
    timed=True,
    name="models",
    figure="comparison",
    about="Gaussianization by rotation, and couplings: what gscale advise predicts layers and seconds from",
    profiles={
        "ci": _models((4, 9), (1_000, 500), (12, 4), 50, 2),
        "quick": _models((4, 9, 16, 25, 36, 64), (8_000, 4_000), (64, 16), 400, 3),
        "full": _models((4, 9, 16, 25, 36, 64, 100, 144, 256), (50_000, 20_000), (256, 16), 2_000, 5),
    },
)
