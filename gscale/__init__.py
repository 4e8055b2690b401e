"""How many layers does an invertible model need as the dimension grows? With error bars."""

from importlib.metadata import version

from gscale.coupling import AffineCoupling, LinearCoupling
from gscale.data import Digits, Gaussian, Patches
from gscale.errors import InputError
from gscale.flow import Bijection, Flow, Layer, LayerSpec, Spec
from gscale.marginals import Affine, Moments, Quantiles, Spline
from gscale.rotations import Haar, Hadamard, Identity, Rotation, SignedHadamard
from gscale.train import Losses, fit_layerwise

__version__ = version("gscale")

__all__ = [
    "Affine",
    "AffineCoupling",
    "Bijection",
    "Digits",
    "Flow",
    "Gaussian",
    "Haar",
    "Hadamard",
    "Identity",
    "InputError",
    "Layer",
    "LayerSpec",
    "LinearCoupling",
    "Losses",
    "Moments",
    "Patches",
    "Quantiles",
    "Rotation",
    "SignedHadamard",
    "Spec",
    "Spline",
    "fit_layerwise",
]
