"""The tables of a report, as HTML in which every text from results is escaped."""

import math
from collections.abc import Iterable
from html import escape

import numpy as np
import pandas as pd

from gscale.analysis import Curve, OptimalDepth, Slope, remarks
from gscale.analysis.comparison import crossings, measures
from gscale.analysis.distances import ProjectionDistance, mean_of
from gscale.analysis.labels import name_of
from gscale.analysis.summary import distance_heading, mean_text, slope_heading, turn_heading
from gscale.figures.html.html_cells import Row, html_table
from gscale.figures.layers_by_dim import estimate_text, within
from gscale.results.tables import short


def runs(table: pd.DataFrame) -> str:
    """What was run and where, a line for each sweep."""
    header = "sweep|cells|seeds|D|N|fitting (s)|compiling (s)|device|jax|gscale|commit|written"
    return html_table(header.split("|"), [_run(rows) for _, rows in table.groupby("sweep")])


def _run(rows: pd.DataFrame) -> Row:
    fitting, compiling = seconds_of(rows)
    texts = [_listed(rows[name]) for name in ("device", "jax", "gscale", "commit")]
    return [
        str(rows["sweep"].iloc[0]),
        str(rows["cell_id"].nunique()),
        _span(rows.groupby("cell_id")["seed"].nunique()),
        _listed(rows["dim"]),
        _listed(rows["n_samples"].astype("Int64")) or "the population",
        f"{fitting:,.1f}",
        f"{compiling:,.1f}",
        *texts,
        dates_of(rows),
    ]


def seconds_of(rows: pd.DataFrame) -> tuple[float, float]:
    """Seconds to fit the deepest flow of every cell and seed, and to compile."""
    ordered = rows.sort_values("n_layers", kind="stable")
    fitting = ordered.groupby(["sweep", "cell_id", "seed"])["seconds"].last().sum()
    return float(fitting), float(rows.drop_duplicates(["sweep", "cell_id"])["seconds_compile"].sum())


def dates_of(rows: pd.DataFrame) -> str:
    """The day of the first cell and that of the last."""
    first, last = (f"{day:%Y-%m-%d}" for day in (rows["created"].min(), rows["created"].max()))
    return first if first == last else f"{first} to {last}"


def _listed(values: pd.Series) -> str:
    return ", ".join(str(value) for value in sorted(values.dropna().unique()))


def _span(values: pd.Series) -> str:
    low, high = values.min(), values.max()
    return f"{low}" if low == high else f"{low} to {high}"


def slopes(found: list[Slope]) -> str:
    """Slopes, exponents and laws, under a line for each setting."""
    header = "target|slope [95 %]|exponent [95 %]|law|theory|not reached"
    return html_table(
        header.split("|"), _under_headings((slope_heading(slope), _slope(slope)) for slope in found)
    )


def _slope(slope: Slope) -> Row:
    fit = slope.fit
    theory = "" if slope.theory is None else f"{slope.theory:.{3 if slope.theory > 0.01 else 5}f}"
    intervals = estimate_text(fit.slope), estimate_text(fit.exponent)
    return [slope.target, *intervals, fit.law or "", theory, remarks(slope)]


def censored(found: list[Slope]) -> str:
    """The seeds that did not reach a target, at each D."""
    header = "target|D|not reached by|within layers"
    rows = [
        (
            slope_heading(slope),
            (
                slope.target,
                str(dim),
                f"{n} of {len(slope.layers[dim])} seeds",
                f"{slope.depths[dim].max():.0f}",
            ),
        )
        for slope in found
        for dim, n in slope.missed.items()
    ]
    return html_table(header.split("|"), _under_headings(rows))


def crossing(drawn: list[Curve]) -> str:
    """Where couplings cross the first layer without one, in layers and in seconds, for each data set."""
    header = "measure|coupling|against|D of the crossing [95 %]|where that is"
    groups: dict[tuple[str, str], list[Curve]] = {}
    for curve in drawn:
        groups.setdefault((str(curve.setting["sweep"]), str(curve.setting["dataset"])), []).append(curve)
    rows = [(f"{sweep}: {short(data)}", row) for (sweep, data), g in groups.items() for row in _crossings(g)]
    return html_table(header.split("|"), _under_headings(rows)) if rows else ""


def _crossings(group: list[Curve]) -> Iterable[Row]:
    for label, measure in measures(group)[:2]:
        for found in crossings(measure, group):
            where = "among the D at hand" if within(found) else "an extrapolation"
            known = math.isfinite(found.at.value)
            sides = short(found.coupled.setting["coupling"]), name_of(found.alone)
            yield [label, *sides, estimate_text(found.at), where if known else "too few D to tell"]


def turns(found: list[OptimalDepth]) -> str:
    """The layers at which test losses turn, measured and by theory."""
    header = "N|turns at layer [95 %]|theory|not turned"
    return html_table(header.split("|"), _under_headings((turn_heading(turn), _turn(turn)) for turn in found))


def _turn(turn: OptimalDepth) -> Row:
    turned = turn.layers[~np.isnan(turn.layers)]
    missed = len(turn.layers) - len(turned)
    theory = "" if turn.expected is None else f"{np.nanmean(turn.expected):.1f}"
    not_turned = f"{missed} of {len(turn.layers)} seeds" if missed else ""
    return [f"{turn.n_samples:,}", mean_text(turned), theory, not_turned]


def distances(found: list[ProjectionDistance]) -> str:
    """The distances from normal that projections reach, beside √(D/N)."""
    header = "D/N|D|N|W2 [95 %]|over √(D/N) [95 %]|on fresh rows|seeds"
    rows = ((distance_heading(one), _distance(one)) for one in found)
    return html_table(header.split("|"), _under_headings(rows))


def _distance(one: ProjectionDistance) -> Row:
    means = mean_of(one.searched), mean_of(one.searched / one.expected)
    sizes = f"{one.dim / one.n_samples:.3f}", str(one.dim), f"{one.n_samples:,}"
    return [*sizes, *map(str, means), f"{one.fresh.mean():.3f}", str(len(one.searched))]


def failures(records: list[dict[str, str]]) -> str:
    """Cells that failed, each with its error and the traceback to unfold."""
    return "\n".join(_failure(record) for record in records)


def _failure(record: dict[str, str]) -> str:
    sweep, cell, error, trace = (escape(record[name]) for name in ("sweep", "cell", "error", "traceback"))
    return (
        f'<div class="failure"><p><b>{sweep}: {cell}</b><br>{error}</p>'
        f"<details><summary>Traceback</summary><pre>{trace}</pre></details></div>"
    )


def _under_headings(rows: Iterable[tuple[str, Row]]) -> list[Row]:
    """Rows, and before each run of one heading that heading alone."""
    found: list[Row] = []
    before = None
    for heading, row in rows:
        if heading != before:
            found.append([heading])
        found.append(row)
        before = heading
    return found
