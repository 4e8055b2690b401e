"""Patches of photographs: how many layers real images need."""

from gscale import Haar, LayerSpec, Patches, Quantiles
from gscale.bench import Grid, Layerwise, Sweep


# One depth for all D: with these N the test loss turns before it, whatever the D.
def _patches(sides: tuple[int, ...], n_samples: int, n_test: int, n_layers: int, n_seeds: int) -> Grid:
    return Grid(
        datasets=(Patches(),),
        dims=tuple(side**2 for side in sides),
        layers=(LayerSpec(Haar(), Quantiles(n_bins=32)),),
        trainings=(Layerwise(first=Quantiles(n_bins=32)),),
        depth=n_layers,
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=n_test,
    )


SWEEP = Sweep(
    name="patches",
    quick_seconds=20,
    about="k×k patches of photographs (D = k²): layers of Gaussianization that real images need",
    profiles={
        "ci": (_patches((2, 3, 4, 5, 6), n_samples=2_000, n_test=1_000, n_layers=64, n_seeds=3),),
        "quick": (_patches((2, 3, 4, 5, 6, 8, 10), n_samples=8_000, n_test=4_000, n_layers=96, n_seeds=3),),
        "full": (
            _patches(
                (2, 3, 4, 5, 6, 8, 10, 12, 14, 18, 22, 28),
                n_samples=50_000,
                n_test=20_000,
                n_layers=512,
                n_seeds=8,
            ),
        ),
    },
)
