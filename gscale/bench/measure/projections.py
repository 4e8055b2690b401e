"""Rows seen along a direction: how far from normal, and their histograms."""

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pandas as pd
from jax import Array

from gscale.bench.measure.timing import Curves, Tick, timed
from gscale.bench.measure.on_covariances import seed_keys
from gscale.bench.sweep import Cell, Projections
from gscale.data.base import Rows
from gscale.bijections.base import product
from gscale.theory import bimodal_quantiles, find_projection, projected_distance

Keep = Callable[[pd.DataFrame], object]

_EDGES = np.linspace(-6, 6, 121)
_NAMES = ("random", "furthest", "bimodal")


def distance_curves(
    cell: Cell, training: Projections, rows: Iterable[Rows], tick: Tick, keep: Keep
) -> Curves:
    """W2 to N(0, 1) along a random direction and the furthest one, of each seed's rows."""
    _, keys = seed_keys(cell.seeds)
    search = _search(training)
    runs = [timed(search, key, part.train, part.test) for key, part in zip(keys, rows, strict=True)]
    if training.modes_at is not None:
        images = [run.result[1] for run in runs]
        keep(_histograms(cell.seeds, images).assign(cell_id=cell.id))
    tick(cell.n_layers)
    distances = np.array([run.result[0] for run in runs], float)  # (S, 2 directions, 2 kinds of rows)
    seconds = np.array([0.0, sum(run.seconds for run in runs)])
    return Curves("w2", distances[..., 0], distances[..., 1], seconds, runs[0].seconds_compile)


@cache
def _search(training: Projections) -> Any:
    """A jitted function of a key and the rows searched and fresh: distances (2, 2), images of the rows."""
    effort = {"n_restarts": training.n_restarts, "n_steps": training.n_steps}

    def one(key: Array, x: Array, fresh: Array) -> tuple[Array, tuple[Array, Array] | None]:
        random_key, search_key, other_key = jax.random.split(key, 3)
        random = jax.random.normal(random_key, x.shape[1:], x.dtype)
        furthest, _ = find_projection(search_key, x, **effort)
        frame = jnp.stack([random / jnp.linalg.norm(random), furthest])
        along = jax.vmap(projected_distance, (0, None))
        distances = jnp.stack([along(frame, x), along(frame, fresh)], 1)
        if training.modes_at is None:
            return distances, None
        law = bimodal_quantiles(training.modes_at, len(x))
        bimodal, _ = find_projection(other_key, x, towards=law, **effort)
        frame = jnp.concatenate([frame, bimodal[None]])
        return distances, (product(frame, x.T), product(frame, fresh.T))

    return jax.jit(one)


def _histograms(seeds: tuple[int, ...], images: list[tuple[Array, Array]]) -> pd.DataFrame:
    """Counts of the rows' images, (3, N) and (3, M) for each seed, in the same bins."""
    parts = [
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
    return pd.concat(parts, ignore_index=True)
