"""The page of a results folder: what its tables say, as one file that can be passed on."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

import pandas as pd

from gscale.analysis import Curve, Summary, loss_curves, summarise
from gscale.figures.figure_kinds import describe
from gscale.figures.html import html_tables as tables
from gscale.figures.html.page import Section, write_page
from gscale.figures.spec import MAX_POINTS

_LEAD = "How many layers, and how much time, an invertible model needs as the dimension D grows."
_ALL_POINTS = 80_000  # of all curves together, some 2 MB

_RUNS = (
    "Seconds are those of fitting the deepest flow of every cell and seed, after compilation, and those of "
    "compiling. D are dimensions, N rows; the population is seen exactly, without rows."
)
_SLOPES = (
    "Layers grow by the slope for each dimension, or as D to the exponent; intervals are 95 %, over seeds. "
    "Targets: tail, layers per e-fold of the loss once its decay is geometric; e, layers until 1/e of the "
    "first loss is left, and likewise for other factors. The law is the best of constant, logarithmic, "
    "linear and power, where there are enough dimensions to compare; theory is the slope that is expected."
)
_CROSSINGS = (
    "Below or beyond this D a coupling needs fewer layers, or seconds, than layers without one: the D where "
    "power laws through both meet. Outside of the dimensions at hand it is an extrapolation."
)
_DEPTHS = "The layer of the lowest test loss: beyond it, layers fit the noise of the N rows."
_DISTANCES = "How far from normal some direction of pure noise is, on the rows searched and on fresh ones."
_MISSED = (
    "These seeds ended before the target. Slopes count them as needing more layers than they had; where the "
    "loss turned up again, no number of layers would do."
)


@dataclass(frozen=True)
class Results:
    """What a results folder holds: tables, the histograms beside them, and records of failed cells."""

    table: pd.DataFrame
    histograms: pd.DataFrame
    failures: list[dict[str, str]]


def write_report(results: Results, path: Path, about: Mapping[str, str], title: str) -> Path:
    """Write the report of a results folder, whole or not at all, and return its path.

    ``about`` has a line on each sweep, where there is one. The same results give the same file.

    Raises
    ------
    InputError
        If the file cannot be written, or histograms are missing.
    """
    summary, curves = summarise(results.table), list(loss_curves(results.table))
    missed, failures = tables.missed_table(summary.slopes), results.failures
    sections = [
        Section("runs", "What was run, and where", _RUNS, tables.run_table(results.table)),
        *_answers(summary, curves),
        *_sweeps(results, curves, about),
        Section(
            *("missed", "Targets not reached"),
            _MISSED if missed.rows else "Every seed reached every target.",
            missed,
        ),
        Section(*("failed", "Cells that failed"), "" if failures else "No cell failed.", failures=failures),
    ]
    return write_page(path, title, _LEAD, _summary(results), sections)


def _summary(results: Results) -> str:
    table, n_failed = results.table, len(results.failures)
    fitting, compiling = tables.seconds_of(table)
    devices = ", ".join(sorted(table["device"].unique()))
    n_cells = len(table.drop_duplicates(["sweep", "cell_id"]))
    failed = f" {n_failed} more failed." if n_failed else ""
    return (
        f"{table['sweep'].nunique()} sweeps, {n_cells} cells; {fitting + compiling:,.0f} seconds, of which "
        f"{compiling:,.0f} to compile, on {devices}; {tables.dates_of(table)}.{failed}"
    )


def _answers(summary: Summary, curves: list[Curve]) -> Iterator[Section]:
    for section in (
        Section("slopes", "Slopes", _SLOPES, tables.slope_table(summary.slopes)),
        Section("crossings", "Where couplings cross", _CROSSINGS, tables.crossing_table(curves)),
        Section(
            "optimal-depths", "Layers that N rows bear", _DEPTHS, tables.depth_table(summary.optimal_depths)
        ),
        Section(
            "distances", "Distances of projections", _DISTANCES, tables.distance_table(summary.distances)
        ),
    ):
        if section.table and section.table.rows:
            yield section


def _sweeps(results: Results, curves: list[Curve], about: Mapping[str, str]) -> Iterator[Section]:
    """A section of panels for each sweep; points are limited so that the page stays small."""
    n_curves = len({str((curve.setting, curve.dim)) for curve in curves})
    n_points = min(MAX_POINTS, max(_ALL_POINTS // max(2 * n_curves, 1), 20))
    for number, (sweep, rows) in enumerate(results.table.groupby("sweep")):
        text = f"{about[str(sweep)]}." if str(sweep) in about else ""
        panels = list(chain.from_iterable(describe(rows, results.histograms, n_points)))
        yield Section(f"sweep-{number}", f"Sweep: {sweep}", text, panels=panels)
