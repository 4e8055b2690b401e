"""Rotations: which one needs the fewest layers, the least time and ends at the lowest loss, by D."""

from gscale import (
    ICA,
    PCA,
    Gaussian,
    GaussianMixture,
    Haar,
    Hadamard,
    Householder,
    Identity,
    LayerSpec,
    LearnedRotation,
    Patches,
    Permutation,
    Quantiles,
    SlicedWasserstein,
)
from gscale.bench import Grid, Layerwise, Sweep
from gscale.bijections.base import Spec
from gscale.data import Source

DATASETS: tuple[Source, ...] = Gaussian(), GaussianMixture(), Patches()
HELD_OUT = 0.2
RANDOM = (Haar(), Hadamard())
LEARNED = (PCA(HELD_OUT), ICA(30, HELD_OUT))
SLOW = (
    SlicedWasserstein(4, 50, HELD_OUT),
    SlicedWasserstein(validate=HELD_OUT),
    LearnedRotation(validate=HELD_OUT),
)
QUICK_DIMS = (4, 9, 16, 25, 36, 64)
CONTROLS = (Householder(4), Identity(), Permutation())


def _grid(
    rotations: tuple[Spec, ...],
    dims: tuple[int, ...],
    n_samples: int,
    n_layers: int,
    n_seeds: int,
    datasets: tuple[Source, ...] = DATASETS,
) -> Grid:
    return Grid(
        datasets=datasets,
        dims=dims,
        layers=tuple(LayerSpec(rotation, Quantiles(n_bins=16)) for rotation in rotations),
        trainings=(Layerwise(first=Quantiles(n_bins=32)),),
        depth=n_layers,
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=n_samples // 2,
    )


SWEEP = Sweep(
    name="rotations",
    quick_seconds=88,
    figure="comparison",
    about="Random, structured and learned rotations side by side: layers, time and loss against D",
    profiles={
        "ci": (_grid((Haar(), Hadamard(), Householder(4), PCA(HELD_OUT)), (4, 9), 1_000, 12, 2),),
        "quick": (
            _grid(RANDOM, QUICK_DIMS, 4_000, 64, 3),
            _grid(LEARNED, QUICK_DIMS, 4_000, 16, 2, DATASETS[1:]),
            _grid((SlicedWasserstein(4, 10, HELD_OUT),), QUICK_DIMS, 4_000, 12, 2, DATASETS[2:]),
        ),
        "full": (_grid((*RANDOM, *LEARNED, *SLOW, *CONTROLS), (4, 9, 16, 36, 64, 144, 256), 20_000, 128, 5),),
    },
)
