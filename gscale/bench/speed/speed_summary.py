"""Summaries of a table of times: ratios to the floors of the same run, as lines of text and as a figure."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from gscale.errors import InputError
from gscale.figures.render_matplotlib import draw as draw_panels, write_figure
from gscale.figures.spec import Axis, Panel, Series, category

_COLUMNS = {"step", "n_samples", "dim", "n_layers", "unit", "median"}
_FLOORS = ("matmul", "sort")
_STEPS = ("fit", "forward", "inverse", "sample", *_FLOORS)


def read(path: Path) -> pd.DataFrame:
    """A table that `measure` wrote.

    Raises
    ------
    InputError
        If there is no such file, or it is not a table of times.
    """
    if not path.is_file():
        raise InputError(f"there is no table {path}: make it with gscale speed run")
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no parquet table: {error}") from None
    if missing := _COLUMNS - set(table.columns):
        raise InputError(f"{path} is no table of gscale speed: it lacks {', '.join(sorted(missing))}")
    return table


def by_case(table: pd.DataFrame) -> pd.DataFrame:
    """One row a case: milliseconds a layer, and ratios to the floors.

    ``fit / floor`` is the fit of a layer over NumPy's matrix product and sort of the same rows, ``forward /
    matmul`` the forward map with log-determinant over the product, ``inverse / forward`` the inverse over it.
    """
    steps = table[table["unit"].eq("s") & table["n_layers"].isna()]
    cases = 1e3 * steps.pivot_table("median", ["n_samples", "dim"], "step")[list(_STEPS)]
    cases["fit / floor"] = cases["fit"] / (cases["matmul"] + cases["sort"])
    cases["forward / matmul"] = cases["forward"] / cases["matmul"]
    cases["inverse / forward"] = cases["inverse"] / cases["forward"]
    return cases


def lines(table: pd.DataFrame) -> Iterator[str]:
    """Lines on a table of times."""
    cases = by_case(table)
    first = table.iloc[0]
    yield f"Haar + 32 bins, {first['dtype']}, milliseconds a layer: {first['device']}, jax {first['jax']}"
    yield f"  {'rows':>10}{'D':>6}" + "".join(f"{name:>{len(name) + 3}}" for name in cases.columns)
    for (n, dim), row in cases.iterrows():
        cells = "".join(f"{row[name]:>{len(name) + 3}.{2 if '/' in name else 1}f}" for name in cases.columns)
        yield f"  {n:>10,}{dim:>6}{cells}"
    yield from _peers(table, cases)
    for dim, rows in table[table["step"] == "compile"].groupby("dim"):
        depths = rows.sort_values("n_layers")[["n_layers", "median"]].to_numpy()
        of_depths = ", ".join(f"{seconds:.2f} for {depth:,.0f} layers" for depth, seconds in depths)
        yield f"seconds to compile a fit, D = {dim}: {of_depths}"
    copied = table.loc[table["step"] == "copy", "median"].median()
    yield f"NumPy copies {copied / 1e9:.1f} GB a second"
    peaks = table[table["unit"] == "bytes"].pivot_table("median", ["n_samples", "dim"], "step") / 1e9
    for (n, dim), row in peaks.iterrows():
        more, size = row["memory after"] - row["memory before"], row["memory rows"]
        yield f"memory of {n:,} rows, D = {dim}: {size:.2f} GB, a fit and densities {more:.2f} GB more"


def _peers(table: pd.DataFrame, cases: pd.DataFrame) -> Iterator[str]:
    peers = table[table["step"].str.startswith("flowjax")]
    for (step, n, dim), rows in peers.groupby(["step", "n_samples", "dim"], sort=False):
        ours, seconds = cases.loc[(n, dim)], 1e3 * rows["median"].iloc[0]
        yield (
            f"{step}, {n:,} rows, D = {dim}: forward {seconds:.1f} ms a layer, "
            f"{seconds / ours['matmul']:.2f} × matmul, {seconds / ours['forward']:.2f} × ours"
        )


def draw(table: pd.DataFrame, path: Path) -> Path:
    """A figure of milliseconds a layer against D, with the floors, as PNG."""
    cases = by_case(table)
    most = cases.index.get_level_values("n_samples").max()
    one = cases.xs(most, level="n_samples")
    dims = np.array(one.index, float)
    series = [
        Series(
            f"NumPy {step}" if step in _FLOORS else step,
            dims,
            one[step].to_numpy(),
            colour=category(i),
            mode="lines+markers",
            dash="dash" if step in _FLOORS else "solid",
        )
        for i, step in enumerate(_STEPS)
    ]
    note = f"Haar + 32 bins on {most:,} rows; dashed: floors of the same run."
    axes = Axis("dimension D", True, tuple(dims)), Axis("milliseconds a layer", True)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_figure(draw_panels([[Panel("", note, *axes, tuple(series))]], "Time of a layer"), path)
