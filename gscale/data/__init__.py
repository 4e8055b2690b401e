"""Sources of data cut to a dimension."""

from gscale.data.synthetic.bananas import Banana, BananaTree
from gscale.data.reductions import Area, Crop, PrincipalAxes, RandomColumns
from gscale.data.downloads import (
    BSDS300,
    CIFAR10,
    MNIST,
    NSLKDD,
    CaliforniaHousing,
    Covertype,
    EMNISTDigits,
    EMNISTLetters,
    FashionMNIST,
    Gas,
    Hepmass,
    KDDCup99,
    Miniboone,
    MNISTTest,
    NSLKDDTest,
    Power,
)
from gscale.data.synthetic.gaussian import (
    AR1,
    Covariance,
    Equicorrelated,
    Gaussian,
    NearIdentity,
    PowerLaw,
    Spiked,
    Wishart,
)
from gscale.data.sklearn_images import Digits, Patches
from gscale.data.user_files import OwnImages, OwnTable, own_file
from gscale.data.synthetic.planar import Checkerboard, Rings
from gscale.data.synthetic.radial import Shell, StudentT
from gscale.data.sklearn_tables import BreastCancer, Diabetes, Wine
from gscale.data.base import Rows, Source, check_dim
from gscale.validation import check_rows
from gscale.data.synthetic.mixtures import GaussianMixture, LaplaceSources

__all__ = [
    "AR1",
    "BSDS300",
    "CIFAR10",
    "MNIST",
    "NSLKDD",
    "Area",
    "Banana",
    "BananaTree",
    "BreastCancer",
    "CaliforniaHousing",
    "Checkerboard",
    "Covariance",
    "Covertype",
    "Crop",
    "Diabetes",
    "Digits",
    "EMNISTDigits",
    "EMNISTLetters",
    "Equicorrelated",
    "FashionMNIST",
    "Gas",
    "Gaussian",
    "GaussianMixture",
    "Hepmass",
    "KDDCup99",
    "LaplaceSources",
    "MNISTTest",
    "Miniboone",
    "NSLKDDTest",
    "NearIdentity",
    "OwnImages",
    "OwnTable",
    "Patches",
    "Power",
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
