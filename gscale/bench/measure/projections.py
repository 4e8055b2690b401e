"""Rows seen along a direction: how far from normal they are, and their histograms."""

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from gscale.bench.measure.base import Curves, OnHistograms, OnLayer, OnRows
from gscale.bench.measure.sampled_rows import checked_rows
from gscale.bench.measure.timing import seed_keys, timed
from gscale.bijections.base import product
from gscale.bijections.rotations import Identity
from gscale.errors import InputError
from gscale.flows.flow import LayerSpec
from gscale.runtime import Program
from gscale.theory.projection_pursuit import bimodal_quantiles, find_projection, projected_distance
from gscale.validation import check_at_least

if TYPE_CHECKING:
    from gscale.bench.cell import Cell

NO_LAYER = LayerSpec(Identity(), Identity())

_EDGES = np.linspace(-6, 6, 121)
_NAMES = ("random", "furthest", "bimodal")


@dataclass(frozen=True)
class Projections(OnRows):
    """No layers: the rows along a random direction and along the one on which they are furthest from normal.

    With 0 and 1 layers the "loss" is the W2 distance to N(0, 1) along the first and the second, on the rows
    searched and on fresh ones. Where ``modes_at`` is given, a third direction is searched for, on which the
    rows come nearest to two modes at ± it, and the histograms along all three are kept.

    Parameters
    ----------
    n_restarts, n_steps : int
        Random starts of a search, and steps from each; see `gscale.theory.find_projection`.
    modes_at : float or None
        Where the modes are to be, see `gscale.theory.bimodal_quantiles`.

    Raises
    ------
    InputError
        If a count is below 1 or ``modes_at`` not in (0, 1).
    """

    n_restarts: int = 4
    n_steps: int = 60
    modes_at: float | None = None

    kind = "projections"

    def __post_init__(self) -> None:
        check_at_least(1, {"n_restarts": self.n_restarts, "n_steps": self.n_steps})
        if self.modes_at is not None and not 0 < self.modes_at < 1:
            raise InputError(f"modes_at is {self.modes_at}: for a variance of 1 it lies between 0 and 1")

    def check(self, cell: "Cell") -> None:
        if cell.n_layers != 1 or cell.layer != NO_LAYER:
            raise InputError(f"{self!r} fits no layers: n_layers is 1, layer is NO_LAYER, not {cell.layer!r}")
        super().check(cell)

    def layer_seconds(self, cell: "Cell") -> float:
        return (cell.n_samples or 0) * self.n_restarts * self.n_steps * (1e-7 + 2e-10 * cell.dim)

    def curves(self, cell: "Cell", on_layer: OnLayer, on_histograms: OnHistograms) -> Curves:
        """W2 to N(0, 1) along a random direction and the furthest one, of each seed's rows."""
        data_keys, keys = seed_keys(cell.seeds)
        search = _search(self)
        rows = (checked_rows(cell, key) for key in data_keys)  # one seed's at a time: they may be large
        runs = [timed(search, key, part.train, part.test) for key, part in zip(keys, rows, strict=True)]
        if self.modes_at is not None:
            images = [run.result[1] for run in runs]
            on_histograms(_histograms(cell.seeds, images).assign(cell_id=cell.id))
        on_layer(cell.n_layers)
        distances = np.array([run.result[0] for run in runs], float)  # (S, 2 directions, 2 kinds of rows)
        seconds = np.array([0.0, sum(run.seconds for run in runs)])
        return Curves("w2", distances[..., 0], distances[..., 1], seconds, runs[0].seconds_compile)


@cache
def _search(mode: Projections) -> Any:
    """A jitted function of a key and the rows searched and fresh: distances (2, 2), images of the rows."""
    effort = {"n_restarts": mode.n_restarts, "n_steps": mode.n_steps}

    def one(key: Array, x: Array, fresh: Array) -> tuple[Array, tuple[Array, Array] | None]:
        random_key, search_key, other_key = jax.random.split(key, 3)
        random = jax.random.normal(random_key, x.shape[1:], x.dtype)
        furthest, _ = find_projection(search_key, x, **effort)
        frame = jnp.stack([random / jnp.linalg.norm(random), furthest])
        along = jax.vmap(projected_distance, (0, None))
        distances = jnp.stack([along(frame, x), along(frame, fresh)], 1)
        if mode.modes_at is None:
            return distances, None
        law = bimodal_quantiles(mode.modes_at, len(x))
        bimodal, _ = find_projection(other_key, x, towards=law, **effort)
        frame = jnp.concatenate([frame, bimodal[None]])
        return distances, (product(frame, x.T), product(frame, fresh.T))

    return Program(one)


def _histograms(seeds: tuple[int, ...], images: list[tuple[Array, Array]]) -> pd.DataFrame:
    """Counts of the rows' images, (3, N) and (3, M) for each seed, in the same bins."""
    tables = [
        pd.DataFrame(
            {
                "seed": seed,
                "projection": name,
                "rows": kind,
                "low": _EDGES[:-1],
                "high": _EDGES[1:],
                "count": np.histogram(np.clip(image, _EDGES[0], _EDGES[-1]), _EDGES)[0],
            }
        )
        for seed, pair in zip(seeds, images, strict=True)
        for kind, frame in zip(("searched", "fresh"), pair, strict=True)
        for name, image in zip(_NAMES, np.asarray(frame, float), strict=True)
    ]
    return pd.concat(tables, ignore_index=True)
