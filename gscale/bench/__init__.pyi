from .cell import Cell as Cell
from .executors.run_sweeps import make_executor as make_executor
from .executors.run_sweeps import run_sweeps as run_sweeps
from .measure.base import Curves as Curves
from .measure.base import OnCovariances as OnCovariances
from .measure.base import OnRows as OnRows
from .measure.base import TrainingMode as TrainingMode
from .measure.exact_layers import Expected as Expected
from .measure.exact_layers import LowerBound as LowerBound
from .measure.exact_layers import Population as Population
from .measure.joint_scales import EndToEndScales as EndToEndScales
from .measure.one_by_one import Layerwise as Layerwise
from .measure.one_by_one import LayerwiseTrained as LayerwiseTrained
from .measure.projections import NO_LAYER as NO_LAYER
from .measure.projections import Projections as Projections
from .measure.run_cell import run_cell as run_cell
from .measure.whitening_pairs import WhiteningCouplings as WhiteningCouplings
from .measure.whole_flows import EndToEnd as EndToEnd
from .sweep import Grid as Grid
from .sweep import Sweep as Sweep

__all__ = [
    "NO_LAYER",
    "Cell",
    "Curves",
    "EndToEnd",
    "EndToEndScales",
    "Expected",
    "Grid",
    "Layerwise",
    "LayerwiseTrained",
    "LowerBound",
    "OnCovariances",
    "OnRows",
    "Population",
    "Projections",
    "Sweep",
    "TrainingMode",
    "WhiteningCouplings",
    "make_executor",
    "run_cell",
    "run_sweeps",
]
