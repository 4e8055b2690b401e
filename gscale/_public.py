"""The public names: those of `gscale`."""

from gscale.bijections.batching import in_blocks
from gscale.flows.checkpoint import Checkpoint
from gscale.flows.out_of_core import fit_chunks, log_prob_chunks
from gscale.bijections.conditioners import MLP, Linear
from gscale.bijections.coupling import AffineCoupling, ConditionedCoupling, Coupling, LinearCoupling
from gscale.data import Digits, Gaussian, GaussianMixture, LaplaceSources, Patches
from gscale.flows.chunks import ArrayChunks, ParquetChunks
from gscale.bijections.elementwise import Affine, Spline
from gscale.flows.end_to_end import Refined, Report, TrainingCurve, fit_end_to_end
from gscale.errors import InputError
from gscale.estimators import GaussianizationDensity, GaussianizationDetector
from gscale.bijections.base import Bijection, Spec
from gscale.flows.flow import Flow, Layer, LayerSpec
from gscale.bijections.learned_rotations import ICA, PCA, Learned, Orthogonal, SlicedWasserstein
from gscale.bijections.marginals import Moments, Quantiles
from gscale.bijections.mixture import Logistic, MixtureCDF, MixtureMap, Normal
from gscale.bijections.optimizer import Adam
from gscale.bijections.constraints import Everything, Fixed, Marginals, Unconstrained
from gscale.flows.progress import TrainingBar
from gscale.bijections.rotations import (
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
from gscale.flows.sharded import fit_sharded, in_shards, shard_rows
from gscale.flows.stopping import GainAboveCost, LossStillFalls, Stopping
from gscale.flows.layerwise import Losses, fit_layerwise
from gscale.bijections.transformers import AffineTransformer, SplineTransformer

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
