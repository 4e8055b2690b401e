"""A sweep on the user's own data set in place of its own ones."""

import dataclasses

from gscale.bench.profiles import Profile
from gscale.bench.sweep import Grid, Sweep
from gscale.data.base import Source, has_rows
from gscale.errors import InputError

_ROWS: dict[Profile, int] = {"ci": 2_000, "quick": 8_000, "full": 50_000}


def on_user_data(sweep: Sweep, profile: Profile, source: Source) -> Sweep:
    """The sweep with one data set: at the D of its grids that the set has, at its largest if there is none.

    Grids that differ in their data sets alone become one. It takes all training rows, at most 2,000 in the
    profile ci, 8,000 in quick and 50,000 in full, and a quarter of that to test on; a sweep over several N
    keeps them, as far as there are so many rows.

    Raises
    ------
    InputError
        If the sweep lacks the profile, or works on covariances and not on rows.
    """
    if profile not in sweep.profiles:
        raise InputError(f"profile is {profile!r}: sweep {sweep.name!r} has {', '.join(sweep.profiles)}")
    grids = [grid for grid in sweep.profiles[profile] if grid.n_samples != (None,)]
    if not grids:
        raise InputError(
            f"sweep {sweep.name!r} works on covariances: take one on rows, such as images or tables"
        )
    settings = {(dataset, n) for grid in grids for dataset in grid.datasets for n in grid.n_samples}
    varies_rows = len(settings) > len({dataset for dataset, _ in settings})
    rows = None if varies_rows else _ROWS[profile]
    dims: dict[Grid, tuple[int, ...]] = {}
    for grid in grids:
        n_samples = dict.fromkeys(_at_most(rows or n or 0, source, 0) for n in grid.n_samples)
        n_test = _at_most(rows // 4 if rows else grid.n_test or 0, source, 1)
        # without its D, so that grids alike but for D are equal
        changed = dataclasses.replace(
            grid, datasets=(source,), dims=(), n_samples=tuple(n_samples), n_test=n_test
        )
        dims[changed] = dims.get(changed, ()) + grid.dims
    for grid, of in dims.items():
        possible = tuple(sorted({dim for dim in of if has_rows(source, dim, 2, 2)}))
        dims[grid] = possible or (source.max_dim or min(of),)
    chosen = tuple(dataclasses.replace(grid, dims=possible) for grid, possible in dims.items())
    return dataclasses.replace(sweep, profiles={profile: chosen})


def _at_most(n: int, source: Source, part: int) -> int:
    size = getattr(source, "size", None)  # a model has rows without end
    return n if size is None else min(n, size[part])
