"""How many layers does an invertible model need as the dimension grows? With error bars."""

from importlib.metadata import version

from gscale.data import Digits, Gaussian, Patches
from gscale.errors import InputError
from gscale.flow import Bijection, Flow, Layer, LayerSpec, Spec
from gscale.marginals import Affine, Moments, Quantiles, Spline
from gscale.rotations import Haar, Identity, Rotation
from gscale.train import Losses, fit_layerwise

__version__ = version("gscale")

__all__ = [
    "Affine",
    "Bijection",
    "Digits",
    "Flow",
    "Gaussian",
    "Haar",
    "Identity",
    "InputError",
    "Layer",
    "LayerSpec",
    "Losses",
    "Moments",
    "Patches",
    "Quantiles",
    "Rotation",
    "Spec",
    "Spline",
    "fit_layerwise",
]
