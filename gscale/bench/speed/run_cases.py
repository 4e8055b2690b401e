"""Timing cases one after the other into a table."""

import platform
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from gscale.bench.provenance import provenance
from gscale.bench.speed.cases import Case
from gscale.bench.speed.layer_timing import compile_seconds, time_steps
from gscale.bench.speed.memory import peak_memory
from gscale.results.resumable import ResumableTable

_ROWS_TO_COMPILE = 5_000  # more than are sorted, and few enough for a thousand layers

Row = dict[str, Any]


def measure(
    cases: Iterable[Case], path: Path, on_progress: Callable[[str], None], with_peers: bool = False
) -> pd.DataFrame:
    """Time all cases, write their table and return it; each row is one thing measured in one case.

    Parameters
    ----------
    cases : iterable of Case
    path : Path
        Of the table, written after each case. Rows of an earlier run are replaced: ratios are of one run.
    on_progress : callable
        Called with a line on each case before it is timed.
    with_peers : bool
        Whether layers of other libraries are timed too; see `gscale.bench.speed.flowjax_layers`.

    Returns
    -------
    pd.DataFrame
        ``step``, ``n_samples``, ``dim``, ``n_layers`` (of what is compiled, else missing), ``unit`` (s,
        bytes, bytes/s), ``median``, ``low`` and ``high`` (quartiles over rounds), ``n_repeats``, and where
        it comes from.

    Raises
    ------
    InputError
        If the table cannot be written.
    """
    table = ResumableTable(path, ("n_samples", "dim", "step", "n_layers"), provenance())
    table.rows = table.rows.iloc[:0]
    processor = platform.processor() or platform.machine()
    for case in cases:
        on_progress(f"{case.n_samples:,} rows of {case.dim} dimensions")
        shared = {"n_samples": case.n_samples, "dim": case.dim, "dtype": "float32", "processor": processor}
        table.add(*(shared | row for row in _rows(case, with_peers)))
    return table.rows


def _rows(case: Case, with_peers: bool) -> Iterator[Row]:
    for step, times in time_steps(case, with_peers).items():
        values, unit = (1 / times, "bytes/s") if step == "copy" else (times, "s")
        yield _row(step, values, unit)
    few = Case(min(case.n_samples, _ROWS_TO_COMPILE), case.dim)
    for depth, seconds in compile_seconds(few, case.depths).items():
        yield _row("compile", np.array([seconds]), "s", depth)
    if case.memory:
        for step, size in peak_memory(case).items():
            yield _row(f"memory {step}", np.array([size]), "bytes")


def _row(step: str, values: np.ndarray, unit: str, n_layers: float = np.nan) -> Row:
    low, median, high = np.quantile(values, [0.25, 0.5, 0.75])
    measured = {"median": median, "low": low, "high": high, "n_repeats": len(values)}
    return {"step": step, "n_layers": n_layers, "unit": unit, **measured}
