"""Exact loss curves on Gaussians, computed on covariances alone: the slope that theory gives."""

from gscale import Gaussian, Haar, LayerSpec, Moments
from gscale.bench import Grid, Population, Sweep
from gscale.data import NearIdentity, Wishart


def _tail(dims: tuple[int, ...], most_layers: int, draws: int) -> Grid:
    """Many layers times seeds for small D, where single layers scatter most: a mean rate to 0.2 %."""
    return Grid(
        datasets=(Gaussian(NearIdentity()),),
        dims=dims,
        layers=(LayerSpec(Haar(), Moments()),),
        trainings=(Population(),),
        depth=lambda dim: min(64 * dim, most_layers),
        n_seeds=lambda dim: max(4, min(128, draws // dim)),
        dtype="float64",
    )


def _first_fold(dims: tuple[int, ...], n_seeds: int) -> Grid:
    return Grid(
        datasets=(Gaussian(Wishart()),),
        dims=dims,
        layers=(LayerSpec(Haar(), Moments()),),
        trainings=(Population(),),
        depth=lambda dim: 4 * dim,
        n_seeds=n_seeds,
        dtype="float64",
    )


SWEEP = Sweep(
    name="gaussian_population",
    quick_seconds=22,
    about="Gaussians with infinitely many samples: layers per e-fold against D, theory ½ a dimension",
    profiles={
        "ci": (_tail((2, 8, 32, 64), 256, 512), _first_fold((4, 8, 16), 8)),
        "quick": (_tail((2, 4, 8, 16, 32, 64, 128), 512, 1024), _first_fold((4, 8, 16, 32, 64, 128), 8)),
        "full": (
            _tail((2, 4, 8, 16, 32, 64, 128, 256, 512, 1024), 1024, 8192),
            _first_fold((4, 8, 16, 32, 64, 128, 256, 512), 32),
        ),
    },
)
