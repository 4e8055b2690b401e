from .density import (
    GaussianizationDensity as GaussianizationDensity,
)
from .detector import (
    GaussianizationDetector as GaussianizationDetector,
)
from .detector import (
    LogDensity as LogDensity,
)
from .detector import (
    NormalScores as NormalScores,
)
from .detector import (
    Radius as Radius,
)
from .encoder import (
    Frequency as Frequency,
)
from .encoder import (
    Impute as Impute,
)
from .encoder import (
    OneHot as OneHot,
)
from .encoder import (
    Raise as Raise,
)
from .gaussianity import (
    Gaussianity as Gaussianity,
)
from .model_files import (
    load_density as load_density,
)
from .model_files import (
    load_detector as load_detector,
)
from .model_files import (
    save_density as save_density,
)
from .model_files import (
    save_detector as save_detector,
)

__all__ = [
    "Frequency",
    "Gaussianity",
    "GaussianizationDensity",
    "GaussianizationDetector",
    "Impute",
    "LogDensity",
    "NormalScores",
    "OneHot",
    "Radius",
    "Raise",
    "load_density",
    "load_detector",
    "save_density",
    "save_detector",
]
