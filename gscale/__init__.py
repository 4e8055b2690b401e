"""How many layers does an invertible model need as the dimension grows? With error bars."""

from importlib.metadata import version

from gscale.conditioner import MLP, Adam, Linear
from gscale.coupling import AffineCoupling, ConditionedCoupling, Coupling, LinearCoupling
from gscale.data import Digits, Gaussian, GaussianMixture, LaplaceSources, Patches
from gscale.errors import InputError
from gscale.flow import Bijection, Flow, Layer, LayerSpec, Spec
from gscale.learned import ICA, PCA, Learned, Orthogonal, SlicedWasserstein
from gscale.marginals import Affine, Moments, Quantiles, Spline
from gscale.mixture import Logistic, MixtureCDF, MixtureMap, Normal
from gscale.rotations import (
    Haar,
    Hadamard,
    Householder,
    Identity,
    Permutation,
    Permuted,
    Reflections,
    Rotation,
    SignedHadamard,
)
from gscale.stopping import GainAboveCost, LossStillFalls, Stopping
from gscale.train import Losses, fit_layerwise
from gscale.transformer import AffineTransformer, SplineTransformer

__version__ = version("gscale")

__all__ = [
    "ICA",
    "MLP",
    "PCA",
    "Adam",
    "Affine",
    "AffineCoupling",
    "AffineTransformer",
    "Bijection",
    "ConditionedCoupling",
    "Coupling",
    "Digits",
    "Flow",
    "GainAboveCost",
    "Gaussian",
    "GaussianMixture",
    "Haar",
    "Hadamard",
    "Householder",
    "Identity",
    "InputError",
    "LaplaceSources",
    "Layer",
    "LayerSpec",
    "Learned",
    "Linear",
    "LinearCoupling",
    "Logistic",
    "LossStillFalls",
    "Losses",
    "MixtureCDF",
    "MixtureMap",
    "Moments",
    "Normal",
    "Orthogonal",
    "Patches",
    "Permutation",
    "Permuted",
    "Quantiles",
    "Reflections",
    "Rotation",
    "SignedHadamard",
    "SlicedWasserstein",
    "Spec",
    "Spline",
    "SplineTransformer",
    "Stopping",
    "fit_layerwise",
]
