"""A sweep on the user's own data set in place of its own ones."""

import dataclasses

from gscale.bench.sweep import Grid, Profile, Sweep
from gscale.data.source import Source
from gscale.errors import InputError


def on_own(sweep: Sweep, profile: Profile, source: Source) -> Sweep:
    """The sweep with one data set: at the D of its grids that the set has, at its largest if there is none.

    Where a grid asks for more rows than there are, all of them are taken.

    Raises
    ------
    InputError
        If the sweep lacks the profile, or works on covariances and not on rows.
    """
    if profile not in sweep.profiles:
        raise InputError(f"profile is {profile!r}: sweep {sweep.name!r} has {', '.join(sweep.profiles)}")
    grids = dict.fromkeys(
        _on_own(grid, source) for grid in sweep.profiles[profile] if grid.n_samples != (None,)
    )
    if not grids:
        raise InputError(
            f"sweep {sweep.name!r} works on covariances: take one on rows, such as images or tables"
        )
    return dataclasses.replace(sweep, profiles={profile: tuple(grids)})


def _on_own(grid: Grid, source: Source) -> Grid:
    return dataclasses.replace(
        grid,
        datasets=(source,),
        dims=tuple(dim for dim in grid.dims if _has(source, dim)) or (source.max_dim or grid.dims[0],),
        n_samples=tuple(_at_most(n, source, 0) for n in grid.n_samples),
        n_test=_at_most(grid.n_test, source, 1),
    )


def _has(source: Source, dim: int) -> bool:
    try:
        source.check(dim, 2, 2)
    except InputError:
        return False
    return True


def _at_most(n: int | None, source: Source, part: int) -> int | None:
    size = getattr(source, "size", None)
    return n if n is None or size is None else min(n, size[part])
