"""Gaussianization as scikit-learn has estimators: densities of tables, and what is unlike them."""

from gscale.estimators.density import GaussianizationDensity
from gscale.estimators.detector import GaussianizationDetector, LogDensity, NormalScores, Radius
from gscale.estimators.encoder import Frequency, Imputed, OneHot, Refused
from gscale.estimators.gaussianity import Gaussianity
from gscale.estimators.model_files import load_density, load_detector, save_density, save_detector

__all__ = [
    "Frequency",
    "Gaussianity",
    "GaussianizationDensity",
    "GaussianizationDetector",
    "Imputed",
    "LogDensity",
    "NormalScores",
    "OneHot",
    "Radius",
    "Refused",
    "load_density",
    "load_detector",
    "save_density",
    "save_detector",
]
