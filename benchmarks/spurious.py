"""Figure 4: projections and layers that see structure in noise, where there is none."""

from gscale import Gaussian, Haar, LayerSpec, Quantiles, SlicedWasserstein
from gscale.bench import NO_LAYER, Grid, Projections, Sweep
from gscale.data import Equicorrelated

NOISE = Gaussian(Equicorrelated(0.0))
FURTHEST = Projections()
TWO_MODES = Projections(n_steps=150, modes_at=0.9)  # at W2 = 0.24 from N(0, 1); D/N = 0.2 reaches 0.45


def _projections(search: Projections, dims: tuple[int, ...], n_samples: int, n_seeds: int) -> Grid:
    return Grid(
        datasets=(NOISE,),
        dims=dims,
        layers=(NO_LAYER,),
        trainings=(search,),
        depth=1,
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=2_000,
    )


def _layers(dim: int, n_samples: int, n_steps: int, depth: int, n_seeds: int) -> Grid:
    rotations = SlicedWasserstein(n_steps=n_steps), Haar()
    return Grid(
        datasets=(NOISE,),
        dims=(dim,),
        layers=tuple(LayerSpec(rotation, Quantiles(n_bins=8)) for rotation in rotations),
        depth=depth,
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=2_000,
    )


# In few dimensions chance adds some 1/(2√D) of the distance: small D/N are had by many rows, and D ≥ 200.
SWEEP = Sweep(
    name="spurious",
    quick_seconds=16,
    figure="projections",
    about="Projections of noise that look like structure, √(D/N) from normal, and layers that learn it",
    profiles={
        "ci": (
            _projections(FURTHEST, (100,), 2_000, 2),
            _projections(TWO_MODES, (200,), 1_000, 2),
            _layers(4, 200, 10, 3, 2),
        ),
        "quick": (
            _projections(FURTHEST, (200,), 40_000, 4),
            _projections(FURTHEST, (200,), 4_000, 16),
            _projections(FURTHEST, (1_000,), 2_000, 8),
            _projections(TWO_MODES, (400,), 2_000, 8),
            _layers(8, 500, 20, 6, 4),
        ),
        "full": (
            _projections(FURTHEST, (10, 20, 40, 100, 200, 600, 1_000), 2_000, 32),
            _projections(TWO_MODES, (400,), 2_000, 32),
            *(_projections(FURTHEST, (500,), n, 16) for n in (100_000, 50_000, 25_000, 10_000, 5_000)),
            _layers(64, 5_000, 200, 24, 8),
        ),
    },
)
