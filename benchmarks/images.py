"""Images at several scales: how many layers real images need, whatever their size."""

from gscale import Haar, LayerSpec, Patches, Quantiles
from gscale.bench import Grid, Layerwise, Sweep
from gscale.data import CIFAR10, MNIST, Digits, EMNISTDigits, EMNISTLetters, FashionMNIST, MNISTTest, Source


# As of `patches`: with these N the test loss turns before the last layer, whatever the D.
def _images(
    datasets: tuple[Source, ...],
    sides: tuple[int, ...],
    n_samples: int,
    n_test: int,
    n_layers: int,
    n_seeds: int,
) -> Grid:
    return Grid(
        datasets=datasets,
        dims=tuple(side**2 for side in sides),
        layers=(LayerSpec(Haar(), Quantiles(n_bins=32)),),
        trainings=(Layerwise(first=Quantiles(n_bins=32)),),
        depth=n_layers,
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=n_test,
    )


_MANY = (2, 3, 4, 6, 8, 11, 16, 22, 28)

SWEEP = Sweep(
    name="images",
    about="image sets averaged down to k×k pixels (D = k²): layers of Gaussianization that they need",
    profiles={
        "ci": (
            _images((Digits(),), (2, 3, 4, 5), n_samples=1_400, n_test=350, n_layers=48, n_seeds=3),
            _images((Patches(),), (2, 3, 4, 5), n_samples=2_000, n_test=1_000, n_layers=48, n_seeds=3),
        ),
        "quick": (_images((MNISTTest(), Patches()), _MANY, 8_000, 2_000, n_layers=96, n_seeds=3),),
        "full": (
            _images((Patches(),), _MANY, 50_000, 10_000, n_layers=512, n_seeds=8),
            _images(
                (MNIST(), FashionMNIST(), EMNISTDigits(), EMNISTLetters()),
                _MANY,
                n_samples=50_000,
                n_test=10_000,
                n_layers=512,
                n_seeds=8,
            ),
            _images((CIFAR10(),), (*_MANY, 32), n_samples=50_000, n_test=10_000, n_layers=512, n_seeds=8),
        ),
    },
)
