"""The public names: those of `gscale`."""

from gscale.blocks import in_blocks
from gscale.checkpoint import Checkpoint
from gscale.chunked import fit_chunks, log_prob_chunks
from gscale.conditioner import MLP, Linear
from gscale.coupling import AffineCoupling, ConditionedCoupling, Coupling, LinearCoupling
from gscale.data import Digits, Gaussian, GaussianMixture, LaplaceSources, Patches
from gscale.data.chunks import ArrayChunks, ParquetChunks
from gscale.elementwise import Affine, Spline
from gscale.end_to_end import Refined, Report, TrainingCurve, fit_end_to_end
from gscale.errors import InputError
from gscale.estimators import GaussianizationDensity, GaussianizationDetector
from gscale.flow import Bijection, Flow, Layer, LayerSpec, Spec
from gscale.learned import ICA, PCA, Learned, Orthogonal, SlicedWasserstein
from gscale.marginals import Moments, Quantiles
from gscale.mixture import Logistic, MixtureCDF, MixtureMap, Normal
from gscale.optimise import Adam
from gscale.parameters import Everything, Fixed, Marginals, Unconstrained
from gscale.progress import TrainingBar
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
from gscale.sharded import fit_sharded, in_shards, shard_rows
from gscale.stopping import GainAboveCost, LossStillFalls, Stopping
from gscale.train import Losses, fit_layerwise
from gscale.transformer import AffineTransformer, SplineTransformer

__all__ = [
    "ICA",
    "MLP",
    "PCA",
    "Adam",
    "Affine",
    "AffineCoupling",
    "AffineTransformer",
    "ArrayChunks",
    "Bijection",
    "Checkpoint",
    "ConditionedCoupling",
    "Coupling",
    "Digits",
    "Everything",
    "Fixed",
    "Flow",
    "GainAboveCost",
    "Gaussian",
    "GaussianMixture",
    "GaussianizationDensity",
    "GaussianizationDetector",
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
    "Marginals",
    "MixtureCDF",
    "MixtureMap",
    "Moments",
    "Normal",
    "Orthogonal",
    "ParquetChunks",
    "Patches",
    "Permutation",
    "Permuted",
    "Quantiles",
    "Refined",
    "Reflections",
    "Report",
    "Rotation",
    "SignedHadamard",
    "SlicedWasserstein",
    "Spec",
    "Spline",
    "SplineTransformer",
    "Stopping",
    "TrainingBar",
    "TrainingCurve",
    "Unconstrained",
    "fit_chunks",
    "fit_end_to_end",
    "fit_layerwise",
    "fit_sharded",
    "in_blocks",
    "in_shards",
    "log_prob_chunks",
    "shard_rows",
]
