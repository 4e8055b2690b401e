"""Rates near the identity: Haar and flat rotations, and random couplings, against theory."""

from gscale import Gaussian, Haar, Hadamard, LayerSpec, LinearCoupling, Moments
from gscale.bench import Grid, Population, Sweep
from gscale.data import NearIdentity

HAAR = LayerSpec(Haar(), Moments())
FLAT = LayerSpec(Hadamard(), Moments())
COUPLING = LayerSpec(Haar(), Moments(), coupling=LinearCoupling())


def _tail(dims: tuple[int, ...], most_layers: int, draws: int) -> Grid:
    return Grid(
        datasets=(Gaussian(NearIdentity()),),
        dims=dims,
        layers=(HAAR, FLAT, COUPLING),
        trainings=(Population(),),
        depth=lambda dim: min(16 * dim, most_layers),
        n_seeds=lambda dim: max(4, min(128, draws // dim)),
        dtype="float64",
    )


SWEEP = Sweep(
    name="rates",
    quick_seconds=18,
    about="Layers per e-fold near the identity: Haar (D+1)/2, flat rotations (D−1)/2, couplings a constant",
    profiles={
        "ci": (_tail((8, 16, 32), 128, 512),),
        "quick": (_tail((8, 16, 32, 48, 64, 128), 192, 1024),),
        "full": (_tail((8, 16, 32, 64, 128, 256, 512, 1024), 1024, 8192),),
    },
)
