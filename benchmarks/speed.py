"""Speed: what a layer costs beside a matrix product, a sort and a copy of the same rows: `gscale speed`."""

from gscale.bench.speed.cases import Case

PROFILES = {
    "ci": (Case(2_000, 8, n_repeats=3, depths=(10,)),),
    "quick": (Case(20_000, 8), Case(20_000, 64, depths=(10, 1_000)), Case(20_000, 256)),
    "full": (
        *(Case(20_000, dim, n_repeats=25) for dim in (2, 4, 8, 16, 32, 64, 128, 256, 512)),
        Case(200_000, 64, depths=(10, 1_000), memory=True),
        Case(1_000_000, 64, n_repeats=3, memory=True),
    ),
}
