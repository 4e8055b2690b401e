from .base import (
    Rows as Rows,
)
from .base import (
    Source as Source,
)
from .base import (
    check_dim as check_dim,
)
from .downloads import (
    BSDS300 as BSDS300,
)
from .downloads import (
    CIFAR10 as CIFAR10,
)
from .downloads import (
    MNIST as MNIST,
)
from .downloads import (
    NSLKDD as NSLKDD,
)
from .downloads import (
    CaliforniaHousing as CaliforniaHousing,
)
from .downloads import (
    Covertype as Covertype,
)
from .downloads import (
    EMNISTDigits as EMNISTDigits,
)
from .downloads import (
    EMNISTLetters as EMNISTLetters,
)
from .downloads import (
    FashionMNIST as FashionMNIST,
)
from .downloads import (
    Gas as Gas,
)
from .downloads import (
    Hepmass as Hepmass,
)
from .downloads import (
    KDDCup99 as KDDCup99,
)
from .downloads import (
    Miniboone as Miniboone,
)
from .downloads import (
    MNISTTest as MNISTTest,
)
from .downloads import (
    NSLKDDTest as NSLKDDTest,
)
from .downloads import (
    Power as Power,
)
from .reductions import (
    Area as Area,
)
from .reductions import (
    Crop as Crop,
)
from .reductions import (
    PrincipalAxes as PrincipalAxes,
)
from .reductions import (
    RandomColumns as RandomColumns,
)
from .sklearn_images import (
    Digits as Digits,
)
from .sklearn_images import (
    Patches as Patches,
)
from .sklearn_tables import (
    BreastCancer as BreastCancer,
)
from .sklearn_tables import (
    Diabetes as Diabetes,
)
from .sklearn_tables import (
    Wine as Wine,
)
from .synthetic.bananas import (
    Banana as Banana,
)
from .synthetic.bananas import (
    BananaTree as BananaTree,
)
from .synthetic.gaussian import (
    AR1 as AR1,
)
from .synthetic.gaussian import (
    Covariance as Covariance,
)
from .synthetic.gaussian import (
    Equicorrelated as Equicorrelated,
)
from .synthetic.gaussian import (
    Gaussian as Gaussian,
)
from .synthetic.gaussian import (
    NearIdentity as NearIdentity,
)
from .synthetic.gaussian import (
    PowerLaw as PowerLaw,
)
from .synthetic.gaussian import (
    Spiked as Spiked,
)
from .synthetic.gaussian import (
    Wishart as Wishart,
)
from .synthetic.mixtures import (
    GaussianMixture as GaussianMixture,
)
from .synthetic.mixtures import (
    LaplaceSources as LaplaceSources,
)
from .synthetic.planar import (
    Checkerboard as Checkerboard,
)
from .synthetic.planar import (
    Rings as Rings,
)
from .synthetic.radial import (
    Shell as Shell,
)
from .synthetic.radial import (
    StudentT as StudentT,
)
from .user_files import (
    UserImages as UserImages,
)
from .user_files import (
    UserTable as UserTable,
)
from .user_files import (
    user_file as user_file,
)

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
    "UserImages",
    "UserTable",
    "Wine",
    "Wishart",
    "check_dim",
    "user_file",
]
