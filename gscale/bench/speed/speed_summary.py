"""What a table of times says: ratios to the floors of the same run, as lines of text and as a figure."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from gscale.errors import InputError
from gscale.figures.style import styled

_COLUMNS = {"step", "n_samples", "dim", "n_layers", "unit", "median"}
_STEPS = ("fit", "forward", "inverse", "sample", "matmul", "sort")


def read(path: Path) -> pd.DataFrame:
    """A table that `measure` wrote.

    Raises
    ------
    InputError
        If there is no such file or it is none of these tables.
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
    matmul`` the forward map with log-determinant over the product, ``inverse / forward`` what it says.
    """
    steps = table[table["unit"].eq("s") & table["n_layers"].isna()]
    found = 1e3 * steps.pivot_table("median", ["n_samples", "dim"], "step")[list(_STEPS)]
    found["fit / floor"] = found["fit"] / (found["matmul"] + found["sort"])
    found["forward / matmul"] = found["forward"] / found["matmul"]
    found["inverse / forward"] = found["inverse"] / found["forward"]
    return found


def lines(table: pd.DataFrame) -> Iterator[str]:
    """Lines on a table of times."""
    found = by_case(table)
    first = table.iloc[0]
    yield f"Haar + 32 bins, {first['dtype']}, milliseconds a layer: {first['device']}, jax {first['jax']}"
    yield f"  {'rows':>10}{'D':>6}" + "".join(f"{name:>{len(name) + 3}}" for name in found.columns)
    for (n, dim), row in found.iterrows():
        cells = "".join(f"{row[name]:>{len(name) + 3}.{2 if '/' in name else 1}f}" for name in found.columns)
        yield f"  {n:>10,}{dim:>6}{cells}"
    yield from _of_peers(table, found)
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


def _of_peers(table: pd.DataFrame, found: pd.DataFrame) -> Iterator[str]:
    theirs = table[table["step"].str.startswith("flowjax")]
    for (step, n, dim), rows in theirs.groupby(["step", "n_samples", "dim"], sort=False):
        own, seconds = found.loc[(n, dim)], 1e3 * rows["median"].iloc[0]
        yield (
            f"{step}, {n:,} rows, D = {dim}: forward {seconds:.1f} ms a layer, "
            f"{seconds / own['matmul']:.2f} × matmul, {seconds / own['forward']:.2f} × ours"
        )


def draw(table: pd.DataFrame, path: Path) -> Path:
    """A figure of milliseconds a layer against D, with the floors, as PNG."""
    found = by_case(table)
    with styled():
        figure = Figure(figsize=(9, 5), layout="constrained")
        axes = figure.subplots()
        most = found.index.get_level_values("n_samples").max()
        one = found.xs(most, level="n_samples")
        dims = np.array(one.index)
        for step, style in zip(_STEPS, ("-", "-", "-", "-", "--", "--"), strict=True):
            floor = step in ("matmul", "sort")
            axes.loglog(dims, one[step], style, marker=".", label=f"NumPy {step}" if floor else step)
        axes.set_xlabel("dimension D")
        axes.set_ylabel("milliseconds a layer")
        axes.set_title(f"Haar + 32 bins on {most:,} rows, beside floors of the same run")
        axes.legend()
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=120)
    return path
