"""Gaussianization as estimators of scikit-learn: densities of tables, and detectors of anomalies."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
