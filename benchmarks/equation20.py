"""Equation 20: coupling blocks need a number that does not grow with D; two, well chosen, are exact."""

from gscale import Gaussian, Haar, Identity, LayerSpec, LinearCoupling, Moments
from gscale.bench import Grid, Population, Sweep, WhiteningCouplings
from gscale.data import Covariance, PowerLaw, Wishart

ONE = (Wishart(),)
ALL = (Wishart(), Wishart(1.05), PowerLaw())
COUPLING = LayerSpec(Haar(), Moments(), coupling=LinearCoupling())


# From D = 256 on theory's own count is within 2 % of its limit; smaller D are in the sweep rates.
def _blocks(families: tuple[Covariance, ...], dims: tuple[int, ...], n_seeds: int) -> Grid:
    return Grid(
        datasets=tuple(Gaussian(family) for family in families),
        dims=dims,
        layers=(COUPLING,),
        trainings=(Population(),),
        depth=12,
        n_seeds=n_seeds,
        dtype="float64",
    )


def _exact(families: tuple[Covariance, ...], dims: tuple[int, ...], n_seeds: int) -> Grid:
    return Grid(
        datasets=tuple(Gaussian(family) for family in families),
        dims=dims,
        layers=(LayerSpec(Identity(), Moments(), coupling=LinearCoupling()),),
        trainings=(WhiteningCouplings(),),
        depth=2,
        n_seeds=n_seeds,
        dtype="float64",
    )


SWEEP = Sweep(
    name="equation20",
    quick_seconds=19,
    about="Coupling blocks that Gaussians need: a number independent of D, and two of the right ones",
    profiles={
        "ci": (_blocks(ONE, (64, 96, 128), 8), _exact(ONE, (3, 8, 17, 64), 2)),
        "quick": (_blocks(ONE, (256, 288, 320, 384, 448, 512), 4), _exact(ONE, (3, 16, 128, 512), 2)),
        "full": (
            _blocks(ALL, (256, 320, 384, 448, 512, 768, 1024), 32),
            _exact(ALL, (2, 3, 4, 5, 8, 17, 64, 256, 512, 1024), 20),
        ),
    },
)
