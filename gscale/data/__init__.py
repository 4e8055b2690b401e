"""Sources of data cut to a dimension."""

from gscale.data.cuts import Area, RandomColumns
from gscale.data.gaussian import (
    AR1,
    Covariance,
    Equicorrelated,
    Gaussian,
    NearIdentity,
    PowerLaw,
    Spiked,
    Wishart,
)
from gscale.data.images import Digits, Patches
from gscale.data.own import OwnImages, OwnTable, own_file
from gscale.data.source import Rows, Source, check_dim, check_rows
from gscale.data.toys import GaussianMixture, LaplaceSources

__all__ = [
    "AR1",
    "Area",
    "Covariance",
    "Digits",
    "Equicorrelated",
    "Gaussian",
    "GaussianMixture",
    "LaplaceSources",
    "NearIdentity",
    "OwnImages",
    "OwnTable",
    "Patches",
    "PowerLaw",
    "RandomColumns",
    "Rows",
    "Source",
    "Spiked",
    "Wishart",
    "check_dim",
    "check_rows",
    "own_file",
]
