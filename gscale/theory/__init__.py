"""What must come out: formulas and exact computations for Gaussians, in float64.

Each says whether it is the paper's or derived here; docs/theory.md has the proofs.
"""

from gscale.theory.population import population_losses
from gscale.theory.rates import (
    coupling_rate,
    expected_gain,
    flat_rate,
    haar_rate,
    layers_per_efold,
    loss_lower_bound,
    min_layers,
)

__all__ = [
    "coupling_rate",
    "expected_gain",
    "flat_rate",
    "haar_rate",
    "layers_per_efold",
    "loss_lower_bound",
    "min_layers",
    "population_losses",
]
