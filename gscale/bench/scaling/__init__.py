"""From loss curves to slopes: how many layers, and how that number grows with D."""

from gscale.bench.scaling.counts import (
    SETTING,
    Curve,
    Factor,
    Gain,
    Left,
    Tail,
    curves,
    layers_needed,
    tail_rate,
    target_named,
)
from gscale.bench.scaling.estimates import UNKNOWN, Estimate, half_width
from gscale.bench.scaling.expected import break_even, expected_in, expected_losses, known_slope, rate_of
from gscale.bench.scaling.laws import (
    ScalingFit,
    compare_laws,
    crossing,
    exponent,
    fit_scaling,
    predict,
)
from gscale.bench.scaling.prediction import Prediction, predict_layers
from gscale.bench.scaling.samples import Counts, Sample
from gscale.bench.scaling.tables import Slope, missed_text, remarks, slopes, target_text
from gscale.bench.scaling.turning import Turn, turns, varies_rows

__all__ = [
    "SETTING",
    "UNKNOWN",
    "Counts",
    "Curve",
    "Estimate",
    "Factor",
    "Gain",
    "Left",
    "Prediction",
    "Sample",
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
    "exponent",
    "fit_scaling",
    "half_width",
    "known_slope",
    "layers_needed",
    "missed_text",
    "predict",
    "predict_layers",
    "rate_of",
    "remarks",
    "slopes",
    "tail_rate",
    "target_named",
    "target_text",
    "turns",
    "varies_rows",
]
