"""Toys of every kind: layers that distributions far from normal need, with their exact loss."""

from gscale import GaussianMixture, Haar, LaplaceSources, LayerSpec, Quantiles
from gscale.bench import Grid, Layerwise, Sweep
from gscale.data import Banana, BananaTree, Checkerboard, Rings, Shell, Source, StudentT

_ANY = (GaussianMixture(), LaplaceSources(), Banana(), BananaTree(), StudentT(), Shell())


def _toys(
    datasets: tuple[Source, ...],
    dims: tuple[int, ...],
    n_samples: int,
    n_test: int,
    n_layers: int,
    n_seeds: int,
) -> Grid:
    return Grid(
        datasets=datasets,
        dims=dims,
        layers=(LayerSpec(Haar(), Quantiles(n_bins=32)),),
        trainings=(Layerwise(first=Quantiles(n_bins=32)),),
        depth=n_layers,
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=n_test,
    )


SWEEP = Sweep(
    name="toys",
    about="mixtures, bananas, heavy tails, shells, boards: layers of Gaussianization that they need",
    profiles={
        "ci": (_toys(_ANY, (2, 4, 8), n_samples=2_000, n_test=1_000, n_layers=32, n_seeds=3),),
        "quick": (
            _toys(_ANY, (2, 4, 8, 16, 32), n_samples=8_000, n_test=4_000, n_layers=96, n_seeds=3),
            _toys((Checkerboard(), Rings()), (2,), n_samples=8_000, n_test=4_000, n_layers=96, n_seeds=3),
        ),
        "full": (
            _toys(
                _ANY,
                (2, 4, 8, 16, 32, 64, 128, 256),
                n_samples=50_000,
                n_test=20_000,
                n_layers=512,
                n_seeds=8,
            ),
            _toys((Checkerboard(), Rings()), (2,), n_samples=50_000, n_test=20_000, n_layers=512, n_seeds=8),
        ),
    },
)
