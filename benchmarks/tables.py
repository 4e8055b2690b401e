"""Tables of the field: layers that real columns need as more of them are taken."""

from gscale import Haar, LayerSpec, Quantiles
from gscale.bench import Grid, Layerwise, Sweep
from gscale.data import (
    BSDS300,
    NSLKDD,
    BreastCancer,
    CaliforniaHousing,
    Covertype,
    Diabetes,
    Gas,
    Hepmass,
    KDDCup99,
    Miniboone,
    Power,
    Source,
    Wine,
)


# The columns are drawn anew for each seed: seeds differ in what they measure, too.
def _table(
    dataset: Source, dims: tuple[int, ...], n_samples: int, n_test: int, n_layers: int, n_seeds: int
) -> Grid:
    return Grid(
        datasets=(dataset,),
        dims=dims,
        layers=(LayerSpec(Haar(), Quantiles(n_bins=None)),),
        trainings=(Layerwise(first=Quantiles(n_bins=None)),),
        depth=n_layers,
        n_seeds=n_seeds,
        n_samples=(n_samples,),
        n_test=n_test,
    )


def _shipped(n_layers: int, n_seeds: int) -> tuple[Grid, ...]:
    return (
        _table(BreastCancer(), (2, 4, 8, 16, 30), 450, 110, n_layers, n_seeds),
        _table(Wine(), (2, 4, 8, 13), 140, 35, n_layers, n_seeds),
        _table(Diabetes(), (2, 4, 6, 10), 350, 85, n_layers, n_seeds),
    )


def _large(dataset: Source, dims: tuple[int, ...]) -> Grid:
    return _table(dataset, dims, n_samples=50_000, n_test=10_000, n_layers=512, n_seeds=8)


SWEEP = Sweep(
    name="tables",
    about="random columns of real tables: layers of Gaussianization that they need",
    profiles={
        "ci": _shipped(n_layers=32, n_seeds=4),
        "quick": _shipped(n_layers=96, n_seeds=16),
        "full": (
            _large(Power(), (2, 4, 6)),
            _large(Gas(), (2, 4, 8)),
            _large(Hepmass(), (2, 4, 8, 16, 21)),
            _table(Miniboone(), (2, 4, 8, 16, 32, 43), 32_000, 3_600, n_layers=512, n_seeds=8),
            _large(BSDS300(), (2, 4, 8, 16, 32, 63)),
            _large(KDDCup99(), (2, 4, 8, 16, 32, 39)),
            _large(NSLKDD(), (2, 4, 8, 16, 32, 40)),
            _large(Covertype(), (2, 4, 8, 10)),
            _table(CaliforniaHousing(), (2, 4, 8), 16_000, 4_000, n_layers=512, n_seeds=8),
        ),
    },
)
