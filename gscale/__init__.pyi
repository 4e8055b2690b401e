from .bijections.base import (
    Bijection as Bijection,
)
from .bijections.base import (
    Spec as Spec,
)
from .bijections.batching import (
    in_blocks as in_blocks,
)
from .bijections.conditioners import (
    MLP as MLP,
)
from .bijections.conditioners import (
    Linear as Linear,
)
from .bijections.constraints import (
    AllParameters as AllParameters,
)
from .bijections.constraints import (
    MarginalParameters as MarginalParameters,
)
from .bijections.constraints import (
    NonTrainable as NonTrainable,
)
from .bijections.constraints import (
    Unconstrained as Unconstrained,
)
from .bijections.coupling import (
    AffineCouplingMap as AffineCouplingMap,
)
from .bijections.coupling import (
    Coupling as Coupling,
)
from .bijections.coupling import (
    CouplingMap as CouplingMap,
)
from .bijections.coupling import (
    LinearCoupling as LinearCoupling,
)
from .bijections.elementwise import (
    AffineMap as AffineMap,
)
from .bijections.elementwise import (
    SplineMap as SplineMap,
)
from .bijections.learned_rotations import (
    ICA as ICA,
)
from .bijections.learned_rotations import (
    PCA as PCA,
)
from .bijections.learned_rotations import (
    LearnedRotation as LearnedRotation,
)
from .bijections.learned_rotations import (
    OrthogonalMap as OrthogonalMap,
)
from .bijections.learned_rotations import (
    SlicedWasserstein as SlicedWasserstein,
)
from .bijections.learned_rotations import (
    TrainableRotation as TrainableRotation,
)
from .bijections.marginals import (
    Moments as Moments,
)
from .bijections.marginals import (
    Quantiles as Quantiles,
)
from .bijections.mixture import (
    Logistic as Logistic,
)
from .bijections.mixture import (
    MixtureCDF as MixtureCDF,
)
from .bijections.mixture import (
    MixtureCDFMap as MixtureCDFMap,
)
from .bijections.mixture import (
    Normal as Normal,
)
from .bijections.optimizer import (
    Training as Training,
)
from .bijections.rotations import (
    Haar as Haar,
)
from .bijections.rotations import (
    Hadamard as Hadamard,
)
from .bijections.rotations import (
    HadamardMap as HadamardMap,
)
from .bijections.rotations import (
    Householder as Householder,
)
from .bijections.rotations import (
    HouseholderMap as HouseholderMap,
)
from .bijections.rotations import (
    Identity as Identity,
)
from .bijections.rotations import (
    Permutation as Permutation,
)
from .bijections.rotations import (
    PermutationMap as PermutationMap,
)
from .bijections.rotations import (
    RotationMap as RotationMap,
)
from .bijections.transformers import (
    AffineTransformer as AffineTransformer,
)
from .bijections.transformers import (
    SplineTransformer as SplineTransformer,
)
from .data import (
    Digits as Digits,
)
from .data import (
    Gaussian as Gaussian,
)
from .data import (
    GaussianMixture as GaussianMixture,
)
from .data import (
    LaplaceSources as LaplaceSources,
)
from .data import (
    Patches as Patches,
)
from .errors import (
    InputError as InputError,
)
from .estimators import (
    GaussianizationDensity as GaussianizationDensity,
)
from .estimators import (
    GaussianizationDetector as GaussianizationDetector,
)
from .flows.checkpoint import (
    Checkpoint as Checkpoint,
)
from .flows.chunks import (
    ArrayChunks as ArrayChunks,
)
from .flows.chunks import (
    ParquetChunks as ParquetChunks,
)
from .flows.end_to_end import (
    Report as Report,
)
from .flows.end_to_end import (
    TrainedLayer as TrainedLayer,
)
from .flows.end_to_end import (
    TrainingCurve as TrainingCurve,
)
from .flows.end_to_end import (
    fit_end_to_end as fit_end_to_end,
)
from .flows.flow import (
    Flow as Flow,
)
from .flows.flow import (
    Layer as Layer,
)
from .flows.flow import (
    LayerSpec as LayerSpec,
)
from .flows.layerwise import (
    Losses as Losses,
)
from .flows.layerwise import (
    fit_layerwise as fit_layerwise,
)
from .flows.out_of_core import (
    fit_chunks as fit_chunks,
)
from .flows.out_of_core import (
    log_prob_chunks as log_prob_chunks,
)
from .flows.progress import (
    TrainingBar as TrainingBar,
)
from .flows.sharded import (
    fit_sharded as fit_sharded,
)
from .flows.sharded import (
    in_shards as in_shards,
)
from .flows.sharded import (
    shard_rows as shard_rows,
)
from .flows.stopping import (
    EarlyStopping as EarlyStopping,
)
from .flows.stopping import (
    InformationCriterion as InformationCriterion,
)
from .flows.stopping import (
    Stopping as Stopping,
)

__all__ = [
    "ICA",
    "MLP",
    "PCA",
    "AffineCouplingMap",
    "AffineMap",
    "AffineTransformer",
    "AllParameters",
    "ArrayChunks",
    "Bijection",
    "Checkpoint",
    "Coupling",
    "CouplingMap",
    "Digits",
    "EarlyStopping",
    "Flow",
    "Gaussian",
    "GaussianMixture",
    "GaussianizationDensity",
    "GaussianizationDetector",
    "Haar",
    "Hadamard",
    "HadamardMap",
    "Householder",
    "HouseholderMap",
    "Identity",
    "InformationCriterion",
    "InputError",
    "LaplaceSources",
    "Layer",
    "LayerSpec",
    "LearnedRotation",
    "Linear",
    "LinearCoupling",
    "Logistic",
    "Losses",
    "MarginalParameters",
    "MixtureCDF",
    "MixtureCDFMap",
    "Moments",
    "NonTrainable",
    "Normal",
    "OrthogonalMap",
    "ParquetChunks",
    "Patches",
    "Permutation",
    "PermutationMap",
    "Quantiles",
    "Report",
    "RotationMap",
    "SlicedWasserstein",
    "Spec",
    "SplineMap",
    "SplineTransformer",
    "Stopping",
    "TrainableRotation",
    "TrainedLayer",
    "Training",
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

__version__: str
