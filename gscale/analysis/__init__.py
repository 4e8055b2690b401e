"""From loss curves to slopes: how many layers, and how that number grows with D."""

from gscale.analysis.curves import (
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
from gscale.analysis.intervals import UNKNOWN, Estimate, half_width
from gscale.analysis.theory_reference import break_even, expected_in, expected_losses, known_slope, rate_of
from gscale.analysis.scaling_laws import ScalingFit, compare_laws, crossing, exponent, fit_scaling, predict
from gscale.analysis.prediction import Prediction, predict_layers
from gscale.analysis.replicates import Counts, Sample
from gscale.analysis.slopes import Slope, missed_text, remarks, slopes, target_text
from gscale.analysis.optimal_depth import Turn, turns, varies_rows

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
