"""Theory to compare measurements with: formulas and exact computations for Gaussians, in float64.

Each says whether it is the paper's or derived here; docs/theory.md has the proofs.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
