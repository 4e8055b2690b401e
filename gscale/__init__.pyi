from .bijections.base import Bijection as Bijection, Spec as Spec
from .bijections.batching import in_blocks as in_blocks
from .bijections.conditioners import MLP as MLP, Linear as Linear
from .bijections.constraints import (
    AllParameters as AllParameters,
    MarginalParameters as MarginalParameters,
    NonTrainable as NonTrainable,
    Unconstrained as Unconstrained,
)
from .bijections.coupling import (
    AffineCouplingMap as AffineCouplingMap,
    Coupling as Coupling,
    CouplingMap as CouplingMap,
    LinearCoupling as LinearCoupling,
)
from .bijections.elementwise import AffineMap as AffineMap, SplineMap as SplineMap
from .bijections.learned_rotations import (
    ICA as ICA,
    PCA as PCA,
    LearnedRotation as LearnedRotation,
    OrthogonalMap as OrthogonalMap,
    SlicedWasserstein as SlicedWasserstein,
    TrainableRotation as TrainableRotation,
)
from .bijections.marginals import Moments as Moments, Quantiles as Quantiles
from .bijections.mixture import (
    Logistic as Logistic,
    MixtureCDF as MixtureCDF,
    MixtureCDFMap as MixtureCDFMap,
    Normal as Normal,
)
from .bijections.optimizer import Training as Training
from .bijections.rotations import (
    Haar as Haar,
    Hadamard as Hadamard,
    HadamardMap as HadamardMap,
    Householder as Householder,
    HouseholderMap as HouseholderMap,
    Identity as Identity,
    Permutation as Permutation,
    PermutationMap as PermutationMap,
    RotationMap as RotationMap,
)
from .bijections.transformers import (
    AffineTransformer as AffineTransformer,
    SplineTransformer as SplineTransformer,
)
from .data import (
    Digits as Digits,
    Gaussian as Gaussian,
    GaussianMixture as GaussianMixture,
    LaplaceSources as LaplaceSources,
    Patches as Patches,
)
from .errors import InputError as InputError
from .estimators import (
    GaussianizationDensity as GaussianizationDensity,
    GaussianizationDetector as GaussianizationDetector,
)
from .flows.checkpoint import Checkpoint as Checkpoint
from .flows.chunks import ArrayChunks as ArrayChunks, ParquetChunks as ParquetChunks
from .flows.end_to_end import (
    TrainedLayer as TrainedLayer,
    TrainingCurve as TrainingCurve,
    TrainingProgress as TrainingProgress,
    fit_end_to_end as fit_end_to_end,
)
from .flows.flow import Flow as Flow, Layer as Layer, LayerSpec as LayerSpec
from .flows.layerwise import Losses as Losses, fit_layerwise as fit_layerwise
from .flows.out_of_core import fit_chunks as fit_chunks, log_prob_chunks as log_prob_chunks
from .flows.progress import TrainingBar as TrainingBar
from .flows.serialisation import load_flow as load_flow, save_flow as save_flow
from .flows.sharded import fit_sharded as fit_sharded, in_shards as in_shards, shard_rows as shard_rows
from .flows.stopping import (
    EarlyStopping as EarlyStopping,
    InformationCriterion as InformationCriterion,
    Stopping as Stopping,
)

__version__: str
