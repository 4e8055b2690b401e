"""The tables of a report."""

import math
from collections.abc import Iterable, Sequence
from itertools import groupby
from operator import itemgetter

import pandas as pd

from gscale.analysis.comparison import Crossing, Measure, crossings, measures
from gscale.analysis.curves import Curve
from gscale.analysis.distances import ProjectionDistance, mean_interval
from gscale.analysis.labels import dataset_label, model_label
from gscale.analysis.optimal_depth import OptimalDepth
from gscale.analysis.slopes import Slope, remarks
from gscale.analysis.summary import depth_cells, depth_heading, distance_heading, slope_heading, theory_text
from gscale.figures.by_dim import estimate_text
from gscale.figures.by_model import is_within
from gscale.figures.html.page import Table
from gscale.results.settings import label

Row = Sequence[str]


def run_table(table: pd.DataFrame) -> Table:
    """What was run and where, a line for each sweep."""
    header = "sweep|cells|seeds|D|N|fitting (s)|compiling (s)|device|jax|gscale|commit|written"
    return Table(header.split("|"), [_run(rows) for _, rows in table.groupby("sweep")])


def _run(rows: pd.DataFrame) -> Row:
    seeds = rows.groupby("cell_id")["seed"].nunique()
    return [
        str(rows["sweep"].iloc[0]),
        str(rows["cell_id"].nunique()),
        f"{seeds.min()}" if seeds.min() == seeds.max() else f"{seeds.min()} to {seeds.max()}",
        _listed(rows["dim"]),
        _listed(rows["n_samples"].astype("Int64")) or "the population",
        *(f"{seconds:,.1f}" for seconds in seconds_of(rows)),
        *(_listed(rows[name]) for name in ("device", "jax", "gscale", "commit")),
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


def slope_table(slopes: Sequence[Slope]) -> Table:
    """Slopes, exponents and laws, under a line for each setting."""
    header = "target|slope [95 %]|exponent [95 %]|law|theory|not reached"
    return _under_headings(header, ((slope_heading(one), _slope(one)) for one in slopes))


def _slope(one: Slope) -> Row:
    estimates = map(estimate_text, (one.fit.slope, one.fit.exponent))
    return [one.target, *estimates, one.fit.law or "", theory_text(one.theory), remarks(one)]


def missed_table(slopes: Sequence[Slope]) -> Table:
    """The seeds that did not reach a target, at each D."""
    rows = ((slope_heading(one), _missed(one, dim)) for one in slopes for dim in one.missed)
    return _under_headings("target|D|not reached by|within layers", rows)


def _missed(one: Slope, dim: int) -> Row:
    seeds = f"{one.missed[dim]} of {len(one.layers[dim])} seeds"
    return [one.target, str(dim), seeds, f"{one.depths[dim].max():.0f}"]


def crossing_table(curves: Sequence[Curve]) -> Table:
    """Where couplings cross the first layer without one, for each data set."""
    groups: dict[str, list[Curve]] = {}
    for curve in curves:
        heading = f"{curve.setting['sweep']}: {dataset_label(curve.setting)}"
        groups.setdefault(heading, []).append(curve)
    rows = (
        (heading, _crossing(measure, crossing))
        for heading, group in groups.items()
        for measure in measures(group)
        if measure.end is not None
        for crossing in crossings(measure, group)
    )
    return _under_headings("measure|coupling|against|D of the crossing [95 %]|where that is", rows)


def _crossing(measure: Measure, crossing: Crossing) -> Row:
    where = "among the D at hand" if is_within(crossing) else "an extrapolation"
    sides = label(str(crossing.coupled.setting["coupling"])), model_label(crossing.alone)
    known = math.isfinite(crossing.at.value)
    return [measure.label, *sides, estimate_text(crossing.at), where if known else "unknown: too few D"]


def depth_table(depths: Sequence[OptimalDepth]) -> Table:
    """The layers at which test losses turn, measured and by theory."""
    rows = ((depth_heading(one), [f"{one.n_samples:,}", *depth_cells(one)]) for one in depths)
    return _under_headings("N|turns at layer [95 %]|theory|not turned", rows)


def distance_table(distances: Sequence[ProjectionDistance]) -> Table:
    """The distances from normal that projections reach, beside √(D/N)."""
    rows = ((distance_heading(one), _distance(one)) for one in distances)
    return _under_headings("D/N|D|N|W2 [95 %]|over √(D/N) [95 %]|on fresh rows|seeds", rows)


def _distance(one: ProjectionDistance) -> Row:
    means = mean_interval(one.searched), mean_interval(one.searched / one.expected)
    sizes = f"{one.dim / one.n_samples:.3f}", str(one.dim), f"{one.n_samples:,}"
    return [*sizes, *map(str, means), f"{one.fresh.mean():.3f}", str(len(one.searched))]


def _under_headings(header: str, rows: Iterable[tuple[str, Row]]) -> Table:
    """Rows, and before each run of one heading that heading alone."""
    runs = groupby(rows, key=itemgetter(0))
    return Table(
        header.split("|"), [row for heading, run in runs for row in ([heading], *(r for _, r in run))]
    )
