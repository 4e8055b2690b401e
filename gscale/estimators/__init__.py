"""Gaussianization as scikit-learn has estimators: densities of tables, and what is unlike them."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
