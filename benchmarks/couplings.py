"""Couplings against Gaussianization: layers and seconds to one loss, and the D where they cross."""

from gscale import (
    MLP,
    AffineTransformer,
    Coupling,
    Gaussian,
    Haar,
    LayerSpec,
    LinearCoupling,
    Moments,
    Patches,
    Permutation,
    Quantiles,
    SplineTransformer,
    Training,
)
from gscale.bench import Grid, Layerwise, Sweep
from gscale.data import Source

MARGINAL = Quantiles(n_bins=16)
ALONE = LayerSpec(Haar(), MARGINAL)
LINEAR = LayerSpec(Haar(), MARGINAL, coupling=LinearCoupling())
# On Gaussians scales are all that a marginal has to find, and a linear conditioner all that a coupling has.
ALONE_SCALED = LayerSpec(Haar(), Moments())
LINEAR_SCALED = LayerSpec(Haar(), Moments(), coupling=LinearCoupling())


def _trained(steps: int, width: int) -> tuple[LayerSpec, LayerSpec]:
    training, conditioner = Training(n_steps=steps), MLP(width=width)
    transformers = AffineTransformer(), SplineTransformer()
    affine, spline = (Coupling(t, conditioner, training=training) for t in transformers)
    return LayerSpec(Haar(), MARGINAL, coupling=affine), LayerSpec(Haar(), MARGINAL, coupling=spline)


PERMUTED = LayerSpec(Permutation(), MARGINAL, coupling=Coupling(AffineTransformer(), MLP()))


def _grid(
    dataset: Source,
    layers: tuple[LayerSpec, ...],
    dims: tuple[int, ...],
    n_samples: int,
    n_layers: int,
    n_seeds: int,
) -> Grid:
    return Grid(
        datasets=(dataset,),
        dims=dims,
        layers=layers,
        trainings=(Layerwise(first=Quantiles(n_bins=32)),),
        depth=n_layers,
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=n_samples // 2,
    )


FULL = (LINEAR, *_trained(500, 64), PERMUTED)
QUICK_DIMS = (4, 9, 16, 25, 36, 64)
DIMS = (4, 9, 16, 36, 64, 144, 256)

SWEEP = Sweep(
    timed=True,
    name="couplings",
    quick_seconds=24,
    figure="comparison",
    about="Couplings and Gaussianization: layers and seconds to one loss, and the D where they cross",
    profiles={
        "ci": (
            _grid(Gaussian(), (ALONE_SCALED,), (4, 9), 1_000, 16, 6),
            _grid(Gaussian(), (LINEAR_SCALED,), (4, 9), 1_000, 4, 6),
        ),
        "quick": (
            _grid(Gaussian(), (ALONE_SCALED,), QUICK_DIMS, 4_000, 80, 3),
            _grid(Gaussian(), (LINEAR_SCALED,), QUICK_DIMS, 4_000, 6, 3),
            _grid(Patches(), (ALONE,), QUICK_DIMS, 4_000, 80, 3),
            _grid(Patches(), (_trained(200, 32)[0],), QUICK_DIMS, 4_000, 4, 3),
        ),
        "full": (
            _grid(Gaussian(), (ALONE, ALONE_SCALED), DIMS, 20_000, 512, 5),
            _grid(Gaussian(), (LINEAR_SCALED, *FULL), DIMS, 20_000, 16, 5),
            _grid(Patches(), (ALONE,), DIMS, 20_000, 512, 5),
            _grid(Patches(), FULL, DIMS, 20_000, 16, 5),
        ),
    },
)
