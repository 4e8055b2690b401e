from .cell import Cell as Cell
from .executors.run_sweeps import make_executor as make_executor, run_sweeps as run_sweeps
from .measure.base import (
    Curves as Curves,
    OnCovariances as OnCovariances,
    OnRows as OnRows,
    TrainingMode as TrainingMode,
)
from .measure.exact_layers import Expected as Expected, LowerBound as LowerBound, Population as Population
from .measure.joint_scales import EndToEndScales as EndToEndScales
from .measure.one_by_one import Layerwise as Layerwise, LayerwiseTrained as LayerwiseTrained
from .measure.projections import NO_LAYER as NO_LAYER, Projections as Projections
from .measure.run_cell import run_cell as run_cell
from .measure.whitening_pairs import WhiteningCouplings as WhiteningCouplings
from .measure.whole_flows import EndToEnd as EndToEnd
from .sweep import Grid as Grid, Sweep as Sweep
