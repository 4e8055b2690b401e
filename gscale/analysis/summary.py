"""What tables say, as text for people and as records for machines."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gscale.analysis.distances import ProjectionDistance, mean_interval, projection_distances
from gscale.analysis.intervals import half_width
from gscale.analysis.labels import dataset_label, layer_label, mode_label
from gscale.analysis.optimal_depth import OptimalDepth, optimal_depths
from gscale.analysis.prediction import predict_layers
from gscale.analysis.slopes import Slope, fit_slopes, remarks
from gscale.errors import InputError
from gscale.results.settings import label

_SLOPE = "  {:<6} {:<27} {:<24} {:<9} {:<8} {}"
_DEPTH = "  {:<9} {:<24} {:<8} {}"
_DISTANCE = "  {:<6} {:<5} {:<7} {:<22} {:<22} {}"


class Summary(NamedTuple):
    """Layers against D, layers at which test losses turn, and distances that projections reach."""

    slopes: list[Slope]
    optimal_depths: list[OptimalDepth]
    distances: list[ProjectionDistance]
    at: Sequence[int] = ()

    def lines(self) -> Iterator[str]:
        """Tables with the settings on lines of their own, so that they fit 80 columns."""
        yield from _slope_lines(self.slopes, self.at)
        yield from _depth_lines(self.optimal_depths)
        yield from _distance_lines(self.distances)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """The same as JSON would have it, with the values of each seed."""
        records: dict[str, list[dict[str, Any]]] = _without_nan(
            {
                "slopes": [_slope_record(slope, self.at) for slope in self.slopes],
                "optimal_depths": [_depth_record(one) for one in self.optimal_depths],
                "distances": [_distance_record(one) for one in self.distances],
            }
        )
        return records

    def of_sweep(self, sweep: str) -> "Summary":
        """The part that is of one sweep."""
        return Summary(
            [one for one in self.slopes if one.setting["sweep"] == sweep],
            [one for one in self.optimal_depths if one.setting["sweep"] == sweep],
            [one for one in self.distances if one.setting["sweep"] == sweep],
            self.at,
        )


def summarise(
    table: pd.DataFrame, targets: Sequence[str] = (), only: str = "", at: Sequence[int] = ()
) -> Summary:
    """All that a table says of the settings that have ``only`` in their line, and layers ``at`` other D.

    Parameters
    ----------
    table : DataFrame
        Rows with the columns of `gscale.results.schema.SCHEMA`.
    targets : sequence of str
        As `target_named` reads them; those that suit each loss if there are none.
    only : str
        A part of the settings' lines.
    at : sequence of int
        Dimensions to predict layers at.

    Raises
    ------
    InputError
        If a target is unknown, a D below 1, or no setting has that in its line.
    """
    if min(at, default=1) < 1:
        raise InputError(f"dim is {min(at)}: a dimension is at least 1")
    depths = optimal_depths(table)
    about_rows = {one.setting["sweep"] for one in depths}
    # a sweep that is about N may have a single D
    slopes = [
        slope
        for slope in fit_slopes(table, targets)
        if len(slope.layers) > 1 or slope.setting["sweep"] not in about_rows
    ]
    summary = Summary(
        [slope for slope in slopes if only in slope_heading(slope)],
        [one for one in depths if only in depth_heading(one)],
        [one for one in projection_distances(table) if only in distance_heading(one)],
        at,
    )
    if only and not any(summary[:3]):
        raise InputError(f"--only {only}: no setting has this in its line; see gscale fit without it")
    return summary


def theory_text(theory: float | None) -> str:
    """The slope that theory gives; nothing where it gives none."""
    return "" if theory is None else f"{theory:.{3 if theory > 0.01 else 5}f}"


def _slope_lines(slopes: list[Slope], at: Sequence[int]) -> Iterator[str]:
    if not slopes:
        return
    yield _SLOPE.format("target", "slope [95 %]", "exponent [95 %]", "law", "theory", "not reached")
    heading = None
    for slope in slopes:
        if heading != (heading := slope_heading(slope)):
            yield heading
        fit = slope.fit
        numbers = [str(one) if math.isfinite(one.value) else "" for one in (fit.slope, fit.exponent)]
        cells = (slope.target, *numbers, fit.law or "", theory_text(slope.theory), remarks(slope))
        yield _SLOPE.format(*cells).rstrip()
        if math.isfinite(fit.slope.value):
            yield from (f"         D = {dim}: {predict_layers(slope.sample, dim)} layers" for dim in at)


def _depth_lines(depths: list[OptimalDepth]) -> Iterator[str]:
    if not depths:
        return
    yield _DEPTH.format("N", "lowest at [95 %]", "theory", "not turned")
    heading = None
    for one in depths:
        if heading != (heading := depth_heading(one)):
            yield heading
        yield _DEPTH.format(one.n_samples, *depth_cells(one)).rstrip()


def depth_cells(one: OptimalDepth) -> tuple[str, str, str]:
    """The mean optimal depth with its interval, theory's, and the seeds whose test loss has not turned."""
    layers = one.layers[~np.isnan(one.layers)]
    missed = len(one.layers) - len(layers)
    theory = "" if one.expected is None else f"{np.nanmean(one.expected):.1f}"
    return mean_text(layers), theory, f"{missed} of {len(one.layers)} seeds" if missed else ""


def mean_text(layers: np.ndarray) -> str:
    """Mean of the seeds' layers (S,) with its 95 % interval, by Student's law; empty without seeds."""
    if not layers.size:
        return ""
    mean, half = layers.mean(), half_width(layers)
    return f"{mean:.1f} [{mean - half:.1f}, {mean + half:.1f}]"


def _distance_lines(distances: list[ProjectionDistance]) -> Iterator[str]:
    heading = None
    for one in distances:
        if heading != (heading := distance_heading(one)):
            yield heading
            yield _DISTANCE.format("D/N", "D", "N", "W2 [95 %]", "over √(D/N) [95 %]", "fresh rows")
        means = str(mean_interval(one.searched)), str(mean_interval(one.searched / one.expected))
        ratio = f"{one.dim / one.n_samples:.3f}"
        yield _DISTANCE.format(ratio, one.dim, one.n_samples, *means, f"{one.fresh.mean():.3f}")


def slope_heading(slope: Slope) -> str:
    """The setting of a slope, on one line."""
    n_samples = slope.setting["n_samples"]
    if pd.isna(n_samples):
        return f"{_layer(slope.setting)}, {label(str(slope.setting['training']))}"
    return ", ".join(filter(None, [_layer(slope.setting), f"N = {n_samples:.0f}", mode_label(slope.setting)]))


def depth_heading(one: OptimalDepth) -> str:
    """The setting of an optimal depth and its D, on one line."""
    return f"{_layer(one.setting)}, D = {one.dim}"


def distance_heading(one: ProjectionDistance) -> str:
    """The setting of distances, on one line."""
    return f"{one.setting['sweep']}: {dataset_label(one.setting)}, projections"


def _layer(setting: dict[str, Any]) -> str:
    return f"{setting['sweep']}: {dataset_label(setting)}, {layer_label(setting)}"


def _slope_record(slope: Slope, at: Sequence[int]) -> dict[str, Any]:
    return {
        "setting": slope.setting,
        "target": slope.target,
        **dataclasses.asdict(slope.fit),
        "theory": slope.theory,
        "layers": {dim: counts.tolist() for dim, counts in slope.layers.items()},
        "depths": {dim: depths.tolist() for dim, depths in slope.depths.items()},
        "missed": slope.missed,
        "missing_reason": slope.missing_reason,
        "predictions": [dataclasses.asdict(predict_layers(slope.sample, dim)) for dim in at],
    }


def _depth_record(one: OptimalDepth) -> dict[str, Any]:
    return {
        "setting": one.setting,
        "dim": one.dim,
        "layers": one.layers.tolist(),
        "theory": None if one.expected is None else one.expected.tolist(),
    }


def _distance_record(one: ProjectionDistance) -> dict[str, Any]:
    seeds = {name: getattr(one, name).tolist() for name in ("random", "searched", "fresh")}
    return {"setting": one.setting, "expected": one.expected, **seeds}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, dict):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value
