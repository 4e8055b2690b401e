"""Timing cases one after the other into a table."""

import platform
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gscale.bench.provenance import provenance
from gscale.bench.speed import layer_timing as clock
from gscale.bench.speed import memory
from gscale.bench.speed.cases import Case
from gscale.runtime import write_output

_ROWS_TO_COMPILE = 5_000  # more than are sorted, and few enough for a thousand layers

Row = dict[str, Any]
Tell = Callable[[str], None]


def measure(cases: Iterable[Case], path: Path, tell: Tell, with_peers: bool = False) -> pd.DataFrame:
    """Time all cases, write their table and return it; each row is one thing measured in one case.

    Parameters
    ----------
    cases : iterable of Case
    path : Path
        Of the table, written whole at the end: its ratios are those of one run.
    tell : callable
        Is told each case before it begins.
    with_peers : bool
        Whether layers of other libraries are timed too; see `gscale.bench.speed.flowjax_layers`.

    Returns
    -------
    pd.DataFrame
        ``step``, ``n_samples``, ``dim``, ``n_layers`` (of what is compiled, else missing), ``unit`` (s,
        bytes, bytes/s), ``median``, ``low`` and ``high`` (quartiles over rounds), ``n_repeats``, and where
        it comes from.
    """
    rows: list[Row] = []
    for case in cases:
        tell(f"{case.n_samples:,} rows of {case.dim} dimensions")
        rows += [{"n_samples": case.n_samples, "dim": case.dim, **row} for row in _rows(case, with_peers)]
    table = pd.DataFrame(rows).assign(
        dtype="float32",
        processor=platform.processor() or platform.machine(),
        **provenance(),
        created=pd.Timestamp(datetime.now(UTC)),
    )
    table["n_layers"] = table["n_layers"].astype("Int64")
    path.parent.mkdir(parents=True, exist_ok=True)
    write_output(path, table.to_parquet(index=False))
    return table


def _rows(case: Case, with_peers: bool) -> Iterator[Row]:
    for step, times in clock.steps(case, with_peers).items():
        values, unit = (1 / times, "bytes/s") if step == "copy" else (times, "s")
        yield _row(step, values, unit)
    few = Case(min(case.n_samples, _ROWS_TO_COMPILE), case.dim)
    for depth, seconds in clock.first_calls(few, case.depths).items():
        yield _row("compile", np.array([seconds]), "s", depth)
    if case.memory:
        for step, size in memory.peaks(case).items():
            yield _row(f"memory {step}", np.array([size]), "bytes")


def _row(step: str, values: np.ndarray, unit: str, n_layers: int | None = None) -> Row:
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    measured = {"median": median, "low": low, "high": high, "n_repeats": len(values)}
    return {"step": step, "n_layers": n_layers, "unit": unit, **measured}
