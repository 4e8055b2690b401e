from .expected_gain import expected_gain as expected_gain, loss_lower_bound as loss_lower_bound
from .finite_samples import (
    optimal_depth as optimal_depth,
    sampling_costs as sampling_costs,
    spline_cost as spline_cost,
)
from .population import population_losses as population_losses
from .projection_pursuit import (
    bimodal_quantiles as bimodal_quantiles,
    find_projection as find_projection,
    projected_distance as projected_distance,
)
from .rates import (
    coupling_rate as coupling_rate,
    flat_rate as flat_rate,
    haar_rate as haar_rate,
    layers_per_efold as layers_per_efold,
    min_layers as min_layers,
    mixing_rate as mixing_rate,
    spurious_distance as spurious_distance,
)
from .scales import BestScales as BestScales, fit_scales as fit_scales
from .whitening import whitening_couplings as whitening_couplings
