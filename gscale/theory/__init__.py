"""What must come out: formulas and exact computations for Gaussians, in float64.

Each says whether it is the paper's or derived here; docs/theory.md has the proofs.
"""

from gscale.theory.finite_samples import sampling_costs, spline_cost, turning_layer
from gscale.theory.expected_gain import expected_gain, loss_lower_bound
from gscale.theory.population import population_losses
from gscale.theory.rates import (
    coupling_rate,
    flat_rate,
    haar_rate,
    layers_per_efold,
    min_layers,
    mixing_rate,
    spurious_distance,
)
from gscale.theory.scales import BestScales, fit_scales
from gscale.theory.projection_pursuit import bimodal_quantiles, find_projection, projected_distance
from gscale.theory.whitening import whitening_couplings

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
