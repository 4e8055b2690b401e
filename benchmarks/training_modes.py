"""Training modes: layers fitted one by one, trained one by one, and trained end to end."""

from collections.abc import Callable

from gscale import (
    Gaussian,
    GaussianMixture,
    Haar,
    LayerSpec,
    Moments,
    Patches,
    Quantiles,
    TrainableRotation,
    Training,
)
from gscale.bench import (
    EndToEnd,
    EndToEndScales,
    Grid,
    Layerwise,
    LayerwiseTrained,
    Population,
    Sweep,
    TrainingMode,
)
from gscale.data import Source, Wishart
from gscale.theory import min_layers

FIRST = Moments()
DRAWN = LayerSpec(Haar(), Quantiles(n_bins=8))
LEARNED = LayerSpec(TrainableRotation(), Quantiles(n_bins=8))
# Scales of drawn rotations on Gaussians, exactly: one by one, and together to a layer over Theorem 1's bound.
SCALES = LayerSpec(Haar(), Moments())


def _exact(dims: tuple[int, ...], n_seeds: int) -> tuple[Grid, Grid]:
    def grid(training: TrainingMode, depth: Callable[[int], int]) -> Grid:
        return Grid(
            datasets=(Gaussian(Wishart()),),
            dims=dims,
            layers=(SCALES,),
            trainings=(training,),
            depth=depth,
            n_seeds=n_seeds,
            dtype="float64",
        )

    return grid(Population(), lambda dim: 16 * dim), grid(EndToEndScales(), lambda dim: min_layers(dim) + 1)


def _sampled(
    datasets: tuple[Source, ...],
    dims: tuple[int, ...],
    n_samples: int,
    n_seeds: int,
    depths: tuple[int, int, int],
    n_steps: int,
) -> tuple[Grid, ...]:
    def grid(layer: LayerSpec, training: TrainingMode, depth: int) -> Grid:
        return Grid(
            datasets=datasets,
            dims=dims,
            layers=(layer,),
            trainings=(training,),
            depth=depth,
            n_seeds=n_seeds,
            n_samples=(n_samples,),
            n_test=n_samples // 2,
        )

    adam = Training(n_steps=n_steps, learning_rate=0.02)
    fitted, trained, whole = depths
    return (
        grid(DRAWN, Layerwise(FIRST), fitted),
        grid(LEARNED, LayerwiseTrained(adam, FIRST), trained),
        grid(LEARNED, EndToEnd(adam, FIRST), whole),
    )


MIXTURE, PATCHES = GaussianMixture(n_components=3), Patches()

SWEEP = Sweep(
    name="training_modes",
    quick_seconds=60,
    figure="comparison",
    about="Layers fitted one by one, trained one by one, and end to end: layers and seconds to one loss",
    profiles={
        "ci": (*_exact((4, 6), 4), *_sampled((MIXTURE, PATCHES), (4, 9), 1_000, 2, (16, 2, 2), 40)),
        "quick": (
            *_exact((4, 6, 8, 10, 12, 16), 3),
            # All models at each D: the loss that can be removed is over the lowest of them.
            *_sampled((PATCHES,), (4, 9, 16, 25), 8_000, 3, (80, 3, 3), 150),
        ),
        "full": (
            *_exact((4, 8, 16, 32), 8),
            *_sampled((MIXTURE, PATCHES), (4, 9, 16, 25, 36, 64), 20_000, 5, (256, 16, 8), 1_000),
        ),
    },
)
