from .density import GaussianizationDensity as GaussianizationDensity
from .detector import (
    AnomalyScore as AnomalyScore,
    GaussianizationDetector as GaussianizationDetector,
    LogDensity as LogDensity,
    NormalScores as NormalScores,
    Radius as Radius,
)
from .encoder import Frequency as Frequency, Impute as Impute, OneHot as OneHot, Raise as Raise
from .gaussianity import Gaussianity as Gaussianity
from .model_files import (
    load_density as load_density,
    load_detector as load_detector,
    save_density as save_density,
    save_detector as save_detector,
)
from .scoring import score_table as score_table
