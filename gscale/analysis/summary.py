"""What tables say, as text for people and as records for machines."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from gscale.analysis.distances import Reached, mean_of, reached
from gscale.analysis import Slope, Turn, half_width, predict_layers, remarks, slopes, turns
from gscale.results.tables import short
from gscale.errors import InputError

_SLOPE = "  {:<6} {:<27} {:<24} {:<9} {:<8} {}"
_TURN = "  {:<9} {:<24} {:<8} {}"
_DISTANCE = "  {:<6} {:<5} {:<7} {:<22} {:<22} {}"


class Findings(NamedTuple):
    """Layers against D, layers at which test losses turn, and distances that projections reach."""

    slopes: list[Slope]
    turns: list[Turn]
    distances: list[Reached]
    at: Sequence[int] = ()

    def lines(self) -> Iterator[str]:
        """Tables with the settings on lines of their own, so that they fit 80 columns."""
        yield from _slope_lines(self.slopes, self.at)
        yield from _turn_lines(self.turns)
        yield from _distance_lines(self.distances)

    def records(self) -> dict[str, list[dict[str, Any]]]:
        """The same as JSON would have it, with the values of each seed."""
        found = {
            "slopes": [_slope_record(slope, self.at) for slope in self.slopes],
            "turns": [_turn_record(turn) for turn in self.turns],
            "distances": [_distance_record(one) for one in self.distances],
        }
        cleaned: dict[str, list[dict[str, Any]]] = _without_nan(found)
        return cleaned


def find(
    table: pd.DataFrame, targets: Sequence[str] = (), only: str = "", at: Sequence[int] = ()
) -> Findings:
    """All that a table says of the settings that have ``only`` in their line, and layers ``at`` other D.

    Raises
    ------
    InputError
        If a target is unknown, a D below 1, or no setting has that in its line.
    """
    if min(at, default=1) < 1:
        raise InputError(f"dim is {min(at)}: a dimension is at least 1")
    turned = turns(table)
    about_rows = {turn.setting["sweep"] for turn in turned}
    # a sweep that is about N may have a single D
    steep = [s for s in slopes(table, targets) if len(s.layers) > 1 or s.setting["sweep"] not in about_rows]
    found = Findings(
        [slope for slope in steep if only in slope_heading(slope)],
        [turn for turn in turned if only in turn_heading(turn)],
        [one for one in reached(table) if only in distance_heading(one)],
        at,
    )
    if only and not (found.slopes or found.turns or found.distances):
        raise InputError(f"--only {only}: no setting has this in its line; see gscale fit without it")
    return found


def _slope_lines(found: list[Slope], at: Sequence[int]) -> Iterator[str]:
    if not found:
        return
    yield _SLOPE.format("target", "slope [95 %]", "exponent [95 %]", "law", "theory", "not reached")
    heading = None
    for slope in found:
        if heading != (heading := slope_heading(slope)):
            yield heading
        theory = "" if slope.theory is None else f"{slope.theory:.{3 if slope.theory > 0.01 else 5}f}"
        fit, last = slope.fit, remarks(slope)
        numbers = [str(one) if math.isfinite(one.value) else "" for one in (fit.slope, fit.exponent)]
        yield _SLOPE.format(slope.target, *numbers, fit.law or "", theory, last).rstrip()
        if math.isfinite(fit.slope.value):
            yield from (f"         D = {dim}: {predict_layers(slope.sample, dim)} layers" for dim in at)


def _turn_lines(turned: list[Turn]) -> Iterator[str]:
    if not turned:
        return
    yield _TURN.format("N", "turns at [95 %]", "theory", "not turned")
    heading = None
    for turn in turned:
        if heading != (heading := turn_heading(turn)):
            yield heading
        layers = turn.layers[~np.isnan(turn.layers)]
        missed = len(turn.layers) - len(layers)
        theory = "" if turn.expected is None else f"{np.nanmean(turn.expected):.1f}"
        not_turned = f"{missed} of {len(turn.layers)} seeds" if missed else ""
        yield _TURN.format(turn.n_samples, mean_text(layers), theory, not_turned).rstrip()


def mean_text(layers: np.ndarray) -> str:
    """Mean of the seeds' layers with its 95 % interval; nothing where there are none."""
    if not layers.size:
        return ""
    mean, half = layers.mean(), half_width(layers)
    return f"{mean:.1f} [{mean - half:.1f}, {mean + half:.1f}]"


def _distance_lines(found: list[Reached]) -> Iterator[str]:
    heading = None
    for one in found:
        if heading != (heading := distance_heading(one)):
            yield heading
            yield _DISTANCE.format("D/N", "D", "N", "W2 [95 %]", "over √(D/N) [95 %]", "fresh rows")
        distances, fresh = mean_of(one.searched), one.fresh.mean()
        ratio = f"{one.dim / one.n_samples:.3f}"
        over = mean_of(one.searched / one.expected)
        yield _DISTANCE.format(ratio, one.dim, one.n_samples, str(distances), str(over), f"{fresh:.3f}")


def slope_heading(slope: Slope) -> str:
    """The setting of a slope, on one line."""
    training, n_samples = str(slope.setting["training"]), slope.setting["n_samples"]
    if pd.isna(n_samples):
        return f"{_layer(slope.setting)}, {short(training)}"
    mode = "" if training.startswith("Layerwise(") else f", {training.split('(')[0]}"
    return f"{_layer(slope.setting)}, N = {n_samples:.0f}{mode}"


def turn_heading(turn: Turn) -> str:
    """The setting of a turn and its D, on one line."""
    return f"{_layer(turn.setting)}, D = {turn.dim}"


def distance_heading(one: Reached) -> str:
    """The setting of distances, on one line."""
    return f"{one.setting['sweep']}: {short(one.setting['dataset'])}, projections"


def _layer(setting: dict[str, object]) -> str:
    parts = (setting["rotation"], setting["marginal"], setting["coupling"])
    layer = " + ".join(short(part) for part in parts if not pd.isna(part))
    return f"{setting['sweep']}: {short(setting['dataset'])}, {layer}"


def _slope_record(slope: Slope, at: Sequence[int]) -> dict[str, Any]:
    return {
        "setting": slope.setting,
        "target": slope.target,
        **dataclasses.asdict(slope.fit),
        "theory": slope.theory,
        "layers": {dim: counts.tolist() for dim, counts in slope.layers.items()},
        "depths": {dim: depths.tolist() for dim, depths in slope.depths.items()},
        "missed": slope.missed,
        "lacks": slope.lacks,
        "predictions": [dataclasses.asdict(predict_layers(slope.sample, dim)) for dim in at],
    }


def _turn_record(turn: Turn) -> dict[str, Any]:
    return {
        "setting": turn.setting,
        "dim": turn.dim,
        "layers": turn.layers.tolist(),
        "theory": None if turn.expected is None else turn.expected.tolist(),
    }


def _distance_record(one: Reached) -> dict[str, Any]:
    seeds = {name: getattr(one, name).tolist() for name in ("random", "searched", "fresh")}
    return {"setting": one.setting, "expected": one.expected, **seeds}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: null."""
    if isinstance(value, dict):
        return {str(key): _without_nan(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_nan(item) for item in value]
    if isinstance(value, float):
        return None if math.isnan(value) else value
    return value
