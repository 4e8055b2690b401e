from .advice.advisor import Advice as Advice
from .advice.advisor import Model as Model
from .advice.advisor import advise as advise
from .advice.advisor import best as best
from .comparison import Crossing as Crossing
from .comparison import Measure as Measure
from .comparison import crossings as crossings
from .comparison import measures as measures
from .curves import SETTING as SETTING
from .curves import Curve as Curve
from .curves import ExcessTarget as ExcessTarget
from .curves import FactorTarget as FactorTarget
from .curves import GainTarget as GainTarget
from .curves import TailTarget as TailTarget
from .curves import layers_needed as layers_needed
from .curves import loss_curves as loss_curves
from .curves import tail_rate as tail_rate
from .curves import target_named as target_named
from .distances import ProjectionDistance as ProjectionDistance
from .distances import mean_interval as mean_interval
from .distances import projection_distances as projection_distances
from .intervals import UNKNOWN as UNKNOWN
from .intervals import Estimate as Estimate
from .intervals import half_width as half_width
from .optimal_depth import OptimalDepth as OptimalDepth
from .optimal_depth import optimal_depths as optimal_depths
from .prediction import Prediction as Prediction
from .prediction import predict_layers as predict_layers
from .regression.quantities import MonitoredQuantity as MonitoredQuantity
from .regression.quantities import monitored_quantities as monitored_quantities
from .regression.verdicts import Comparison as Comparison
from .regression.verdicts import compare as compare
from .replicates import Counts as Counts
from .replicates import Sample as Sample
from .scaling_laws import ScalingFit as ScalingFit
from .scaling_laws import compare_laws as compare_laws
from .scaling_laws import crossing as crossing
from .scaling_laws import exponent as exponent
from .scaling_laws import fit_scaling as fit_scaling
from .scaling_laws import predict as predict
from .slopes import Slope as Slope
from .slopes import fit_slopes as fit_slopes
from .slopes import missed_text as missed_text
from .slopes import remarks as remarks
from .summary import Summary as Summary
from .summary import summarise as summarise
from .theory_reference import break_even as break_even
from .theory_reference import expected_in as expected_in
from .theory_reference import expected_losses as expected_losses
from .theory_reference import known_slope as known_slope
from .theory_reference import rate_of as rate_of

__all__ = [
    "SETTING",
    "UNKNOWN",
    "Advice",
    "Comparison",
    "Counts",
    "Crossing",
    "Curve",
    "Estimate",
    "ExcessTarget",
    "FactorTarget",
    "GainTarget",
    "Measure",
    "Model",
    "MonitoredQuantity",
    "OptimalDepth",
    "Prediction",
    "ProjectionDistance",
    "Sample",
    "ScalingFit",
    "Slope",
    "Summary",
    "TailTarget",
    "advise",
    "best",
    "break_even",
    "compare",
    "compare_laws",
    "crossing",
    "crossings",
    "expected_in",
    "expected_losses",
    "exponent",
    "fit_scaling",
    "fit_slopes",
    "half_width",
    "known_slope",
    "layers_needed",
    "loss_curves",
    "mean_interval",
    "measures",
    "missed_text",
    "monitored_quantities",
    "optimal_depths",
    "predict",
    "predict_layers",
    "projection_distances",
    "rate_of",
    "remarks",
    "summarise",
    "tail_rate",
    "target_named",
]
