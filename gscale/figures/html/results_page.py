"""The page of a results folder: its sections, from tables."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html import escape

import pandas as pd

from gscale.analysis import Curve, OptimalDepth, curves, varies_rows
from gscale.analysis.comparison import has_rivals
from gscale.analysis.labels import name_of
from gscale.analysis.summary import Findings, find
from gscale.figures.html import html_tables as tables
from gscale.figures.html.page_frame import Section, drawn_at, framed
from gscale.figures.layers_by_dim import layers_by_dim, rivals_by_dim
from gscale.figures.loss_curves import kinds_of, losses_by_dim, losses_by_layer, losses_by_rows
from gscale.figures.sample_size import distances_by_ratio, histograms, turns_by_rows
from gscale.figures.spec import MAX_POINTS, Figure, category

_LEAD = "How many layers, and how much time, an invertible model needs as the dimension D grows."
_KIND = ("dataset", "rotation", "marginal", "coupling")
_ALL_POINTS = 80_000  # of all curves together, some 2 MB


@dataclass(frozen=True)
class Results:
    """What a results folder holds: tables, histograms beside them, records of failed cells."""

    table: pd.DataFrame
    histograms: pd.DataFrame
    failures: list[dict[str, str]]


def page(results: Results, about: Mapping[str, str], title: str, plotly_js: str) -> str:
    """The page as HTML.

    ``about`` has a line on each sweep, where there is one; ``plotly_js`` is the library that draws.
    """
    return framed(title, _LEAD, _summary(results), _sections(results, about), plotly_js)


def _summary(results: Results) -> str:
    table, failures = results.table, results.failures
    fitting, compiling = tables.seconds_of(table)
    failed = f" {len(failures)} more failed." if failures else ""
    devices = ", ".join(sorted(table["device"].unique()))
    n_cells = len(table.drop_duplicates(["sweep", "cell_id"]))
    return (
        f"{table['sweep'].nunique()} sweeps, {n_cells} cells; {fitting + compiling:,.0f} seconds, of which "
        f"{compiling:,.0f} to compile, on {devices}; {tables.dates_of(table)}.{failed}"
    )


def _sections(results: Results, about: Mapping[str, str]) -> list[Section]:
    found, drawn = find(results.table), list(curves(results.table))
    return [
        section
        for section in (
            Section("runs", "What was run, and where", _RUNS + tables.runs(results.table)),
            *_answers(found, drawn),
            *_sweeps(results, found, drawn, about),
            Section("missed", "Targets not reached", _missed(found)),
            Section("failed", "Cells that failed", _failed(results.failures)),
        )
        if section.body
    ]


_RUNS = (
    "<p>Seconds are those of fitting the deepest flow of every cell and seed, after compilation, and "
    "those of compiling. D are dimensions, N rows; the population is seen exactly, without rows.</p>"
)
_SLOPES = (
    "<p>Layers grow by the slope for each dimension, or as D to the exponent; intervals are 95 %, over "
    "seeds. Targets: <i>tail</i>, layers per e-fold of the loss once its decay is geometric; <i>e</i>, "
    "layers until 1/e of the first loss is left, and so for other factors. The law is the best of "
    "constant, logarithmic, linear and power, where there are dimensions enough to tell; theory is the "
    "slope that should come out.</p>"
)
_CROSSINGS = (
    "<p>Below or beyond this D a coupling needs fewer layers, or seconds, than layers without one: the D "
    "where power laws through both meet. Outside of the dimensions at hand it is an extrapolation.</p>"
)
_TURNS = "<p>The layer of the lowest test loss: beyond it, layers fit the noise of the N rows.</p>"
_DISTANCES = (
    "<p>How far from normal some direction of pure noise is, on the rows searched and on fresh ones.</p>"
)
_MISSED = (
    "<p>These seeds ended before the target. Slopes count them as needing more layers than they had; where "
    "the loss turned up again, no number of layers would do.</p>"
)
_NONE_MISSED = "<p>Every seed reached every target.</p>"
_NONE_FAILED = "<p>No cell failed.</p>"


def _answers(found: Findings, drawn: list[Curve]) -> Iterator[Section]:
    yield Section("slopes", "Slopes", _SLOPES + tables.slopes(found.slopes) if found.slopes else "")
    crossing = tables.crossing(drawn)
    yield Section("crossings", "Where couplings cross", _CROSSINGS + crossing if crossing else "")
    yield Section(
        "turns", "Layers that N rows bear", _TURNS + tables.turns(found.turns) if found.turns else ""
    )
    distances = _DISTANCES + tables.distances(found.distances) if found.distances else ""
    yield Section("distances", "Distances of projections", distances)


def _missed(found: Findings) -> str:
    missed = [slope for slope in found.slopes if slope.missed]
    return _MISSED + tables.censored(missed) if missed else _NONE_MISSED


def _failed(records: list[dict[str, str]]) -> str:
    return tables.failures(records) if records else _NONE_FAILED


def _sweeps(
    results: Results, found: Findings, drawn: list[Curve], about: Mapping[str, str]
) -> Iterator[Section]:
    """A section of figures for each sweep; no more points in all than keep the page small."""
    n_curves = len({str((curve.setting, curve.dim)) for curve in drawn})
    most = min(MAX_POINTS, max(_ALL_POINTS // max(2 * n_curves, 1), 20))
    for number, (name, rows) in enumerate(results.table.groupby("sweep")):
        sweep = str(name)
        of_sweep = [curve for curve in drawn if curve.setting["sweep"] == sweep]
        figures = list(_figures(rows, results.histograms, _part(found, sweep), of_sweep, most))
        panels = "\n".join(drawn_at(figure, f"figure-{number}-{i}") for i, figure in enumerate(figures))
        said = f"<p>{escape(about[sweep])}.</p>" if sweep in about else ""
        yield Section(f"sweep-{number}", f"Sweep: {sweep}", f'{said}<div class="figures">\n{panels}\n</div>')


def _part(found: Findings, sweep: str) -> Findings:
    return Findings(
        [slope for slope in found.slopes if slope.setting["sweep"] == sweep],
        [turn for turn in found.turns if turn.setting["sweep"] == sweep],
        [one for one in found.distances if one.setting["sweep"] == sweep],
    )


def _figures(
    rows: pd.DataFrame, counts: pd.DataFrame, found: Findings, drawn: list[Curve], most: int
) -> Iterator[Figure]:
    if found.distances:
        yield from histograms(rows, counts)
        yield distances_by_ratio(found.distances)
    if has_rivals(rows):
        yield from _of_layers(drawn, most)
    elif varies_rows(rows):
        yield from _of_turns(found.turns, most)
    else:
        yield from _of_dims(found, drawn, most)


def _of_layers(drawn: list[Curve], most: int) -> Iterator[Figure]:
    looks = {name: category(i) for i, name in enumerate(dict.fromkeys(name_of(curve) for curve in drawn))}
    for dataset in dict.fromkeys(str(curve.setting["dataset"]) for curve in drawn):
        group = [curve for curve in drawn if curve.setting["dataset"] == dataset]
        yield losses_by_layer(group, looks, most)
        if len({curve.dim for curve in group}) > 1:
            yield from rivals_by_dim(group, looks)


def _of_turns(found: list[OptimalDepth], most: int) -> Iterator[Figure]:
    groups: dict[str, list[OptimalDepth]] = {}
    for turn in found:
        groups.setdefault(str([turn.dim, *map(turn.setting.get, _KIND)]), []).append(turn)
    for group in groups.values():
        yield losses_by_rows(group, most)
        yield turns_by_rows(group)


def _of_dims(found: Findings, drawn: list[Curve], most: int) -> Iterator[Figure]:
    for title, group in kinds_of(drawn):
        yield losses_by_dim(title, group, most)
        settings = {str(curve.setting) for curve in group}
        steep = [slope for slope in found.slopes if str(slope.setting) in settings]
        if any(len(slope.layers) > 1 for slope in steep):
            yield layers_by_dim(title, steep)
