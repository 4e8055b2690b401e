"""From loss curves to slopes: how many layers, and how that number grows with D."""

from gscale.bench.scaling.counts import (
    SETTING,
    Curve,
    Factor,
    Gain,
    Tail,
    curves,
    layers_needed,
    tail_rate,
    target_named,
)
from gscale.bench.scaling.expected import break_even, expected_in, expected_losses, known_slope, rate_of
from gscale.bench.scaling.laws import (
    Estimate,
    ScalingFit,
    compare_laws,
    crossing,
    fit_scaling,
    half_width,
    predict,
)
from gscale.bench.scaling.tables import Slope, missed_text, slopes, target_text
from gscale.bench.scaling.turning import Turn, turns, varies_rows

__all__ = [
    "SETTING",
    "Curve",
    "Estimate",
    "Factor",
    "Gain",
    "ScalingFit",
    "Slope",
    "Tail",
    "Turn",
    "break_even",
    "compare_laws",
    "crossing",
    "curves",
    "expected_in",
    "expected_losses",
    "fit_scaling",
    "half_width",
    "known_slope",
    "layers_needed",
    "missed_text",
    "predict",
    "rate_of",
    "slopes",
    "tail_rate",
    "target_named",
    "target_text",
    "turns",
    "varies_rows",
]
