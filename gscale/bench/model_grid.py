"""Models side by side: what advice is made from, and a small run of it on somebody's own rows."""

import math

import numpy as np

from gscale.bench.measure.one_by_one import Layerwise
from gscale.bench.sweep import Grid, Sweep
from gscale.bijections.base import Spec
from gscale.bijections.conditioners import MLP
from gscale.bijections.coupling import Coupling, LinearCoupling
from gscale.bijections.learned_rotations import ICA, PCA
from gscale.bijections.marginals import Quantiles
from gscale.bijections.optimizer import Training
from gscale.bijections.rotations import Haar
from gscale.bijections.transformers import AffineTransformer, SplineTransformer
from gscale.data.base import Source, has_rows
from gscale.errors import InputError
from gscale.flows.flow import LayerSpec

_MARGINAL, _FIRST = Quantiles(n_bins=16), Layerwise(first=Quantiles(n_bins=32))
_HELD_OUT = 0.2

# Of a pilot: minutes on two cores.
_MOST_ROWS, _MOST_DIMS, _LARGEST_DIM = 4_000, 4, 64
_DEPTHS, _N_STEPS, _N_SEEDS = (48, 12), 300, 3


def gaussianizations() -> tuple[LayerSpec, ...]:
    """Layers of a rotation and a marginal: a random rotation, and what is learned from the rows."""
    rotations = Haar(), PCA(_HELD_OUT), ICA(30, _HELD_OUT)
    return tuple(LayerSpec(rotation, _MARGINAL) for rotation in rotations)


def couplings(n_steps: int) -> tuple[LayerSpec, ...]:
    """Layers with a coupling behind: the linear one in closed form, affine and spline ones trained."""
    training = Training(n_steps=n_steps)
    trained = [
        Coupling(t, MLP(width=64), training=training) for t in (AffineTransformer(), SplineTransformer())
    ]
    specs: tuple[Spec, ...] = (LinearCoupling(), *trained)
    return tuple(LayerSpec(Haar(), _MARGINAL, coupling=spec) for spec in specs)


def grid(
    datasets: tuple[Source, ...],
    layers: tuple[LayerSpec, ...],
    dims: tuple[int, ...],
    rows: tuple[int, int],
    depth: int,
    n_seeds: int,
) -> Grid:
    """Models fitted layer by layer behind one marginal, to and tested on so many rows."""
    return Grid(
        datasets=datasets,
        dims=dims,
        layers=layers,
        trainings=(_FIRST,),
        depth=depth,
        n_seeds=n_seeds,
        n_samples=(rows[0],),
        n_test=rows[1],
    )


def pilot(source: Source) -> Sweep:
    """A sweep of minutes over rows of one data set: a few of the D up to 64 that it can be cut to, 3 seeds.

    Raises
    ------
    InputError
        If it can't be cut to two D.
    """
    size = getattr(source, "size", None)  # of what has no end of rows, None
    n_train, n_test = (_MOST_ROWS, _MOST_ROWS) if size is None else size[:2]
    rows = min(n_train, _MOST_ROWS), min(n_test, _MOST_ROWS // 2)
    dims, (alone, coupled) = _dims(source, rows), _DEPTHS
    grids = (
        grid((source,), gaussianizations(), dims, rows, alone, _N_SEEDS),
        grid((source,), couplings(_N_STEPS), dims, rows, coupled, _N_SEEDS),
    )
    return Sweep(
        name="pilot", about="Models side by side on your rows", profiles={"quick": grids}, figure="comparison"
    )


def _dims(source: Source, rows: tuple[int, int]) -> tuple[int, ...]:
    """A few of the D at which the source has such rows, from 2 on, in equal ratios."""
    largest = min(source.max_dim or _LARGEST_DIM, _LARGEST_DIM)
    possible = [dim for dim in range(2, largest + 1) if has_rows(source, dim, *rows)]
    if len(possible) < 2:
        raise InputError(
            f"{source!r} can be cut to {len(possible)} dimension(s) from 2 to {_LARGEST_DIM}: a pilot needs "
            "2 of them at least, so give a file of 3 or more columns"
        )
    wished = np.geomspace(possible[0], possible[-1], _MOST_DIMS)
    return tuple(sorted({min(possible, key=lambda dim: abs(math.log(dim / wish))) for wish in wished}))
