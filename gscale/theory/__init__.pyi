from .expected_gain import (
    expected_gain as expected_gain,
)
from .expected_gain import (
    loss_lower_bound as loss_lower_bound,
)
from .finite_samples import (
    sampling_costs as sampling_costs,
)
from .finite_samples import (
    spline_cost as spline_cost,
)
from .finite_samples import (
    turning_layer as turning_layer,
)
from .population import (
    population_losses as population_losses,
)
from .projection_pursuit import (
    bimodal_quantiles as bimodal_quantiles,
)
from .projection_pursuit import (
    find_projection as find_projection,
)
from .projection_pursuit import (
    projected_distance as projected_distance,
)
from .rates import (
    coupling_rate as coupling_rate,
)
from .rates import (
    flat_rate as flat_rate,
)
from .rates import (
    haar_rate as haar_rate,
)
from .rates import (
    layers_per_efold as layers_per_efold,
)
from .rates import (
    min_layers as min_layers,
)
from .rates import (
    mixing_rate as mixing_rate,
)
from .rates import (
    spurious_distance as spurious_distance,
)
from .scales import (
    BestScales as BestScales,
)
from .scales import (
    fit_scales as fit_scales,
)
from .whitening import (
    whitening_couplings as whitening_couplings,
)

__all__ = [
    "BestScales",
    "bimodal_quantiles",
    "coupling_rate",
    "expected_gain",
    "find_projection",
    "fit_scales",
    "flat_rate",
    "haar_rate",
    "layers_per_efold",
    "loss_lower_bound",
    "min_layers",
    "mixing_rate",
    "population_losses",
    "projected_distance",
    "sampling_costs",
    "spline_cost",
    "spurious_distance",
    "turning_layer",
    "whitening_couplings",
]
