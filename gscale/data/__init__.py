"""Sources of data cut to a dimension."""

from gscale.data.bananas import Banana, BananaTree
from gscale.data.cuts import Area, Crop, PrincipalAxes, RandomColumns
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
from gscale.data.plane import Checkerboard, Rings
from gscale.data.radial import Shell, StudentT
from gscale.data.shipped import BreastCancer, Diabetes, Wine
from gscale.data.source import Rows, Source, check_dim, check_rows
from gscale.data.toys import GaussianMixture, LaplaceSources

__all__ = [
    "AR1",
    "Area",
    "Banana",
    "BananaTree",
    "BreastCancer",
    "Checkerboard",
    "Covariance",
    "Crop",
    "Diabetes",
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
    "PrincipalAxes",
    "RandomColumns",
    "Rings",
    "Rows",
    "Shell",
    "Source",
    "Spiked",
    "StudentT",
    "Wine",
    "Wishart",
    "check_dim",
    "check_rows",
    "own_file",
]
