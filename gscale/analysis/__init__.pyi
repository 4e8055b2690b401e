from .advice.advisor import Advice as Advice, Model as Model, advise as advise, best as best
from .comparison import Crossing as Crossing, Measure as Measure, crossings as crossings, measures as measures
from .curves import (
    SETTING as SETTING,
    Curve as Curve,
    ExcessTarget as ExcessTarget,
    FactorTarget as FactorTarget,
    GainTarget as GainTarget,
    TailTarget as TailTarget,
    layers_needed as layers_needed,
    loss_curves as loss_curves,
    tail_rate as tail_rate,
    target_named as target_named,
)
from .distances import (
    ProjectionDistance as ProjectionDistance,
    mean_interval as mean_interval,
    projection_distances as projection_distances,
)
from .intervals import UNKNOWN as UNKNOWN, Estimate as Estimate, half_width as half_width
from .labels import dataset_label as dataset_label, layer_label as layer_label
from .optimal_depth import OptimalDepth as OptimalDepth, optimal_depths as optimal_depths
from .prediction import Prediction as Prediction, predict_layers as predict_layers
from .regression.quantities import (
    MonitoredQuantity as MonitoredQuantity,
    monitored_quantities as monitored_quantities,
)
from .regression.verdicts import Comparison as Comparison, compare as compare
from .replicates import Counts as Counts, Sample as Sample
from .scaling_laws import (
    ScalingFit as ScalingFit,
    compare_laws as compare_laws,
    crossing as crossing,
    exponent as exponent,
    fit_scaling as fit_scaling,
    predict as predict,
)
from .slopes import Slope as Slope, fit_slopes as fit_slopes, missed_text as missed_text, remarks as remarks
from .summary import Summary as Summary, summarise as summarise
from .theory_reference import (
    break_even as break_even,
    expected_in as expected_in,
    expected_losses as expected_losses,
    known_slope as known_slope,
    rate_of as rate_of,
)
