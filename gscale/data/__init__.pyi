from .base import Rows as Rows, Source as Source, check_dim as check_dim
from .downloads.image_sets import (
    CIFAR10 as CIFAR10,
    MNIST as MNIST,
    EMNISTDigits as EMNISTDigits,
    EMNISTLetters as EMNISTLetters,
    FashionMNIST as FashionMNIST,
    MNISTTest as MNISTTest,
)
from .downloads.maf_tables import (
    BSDS300 as BSDS300,
    Gas as Gas,
    Hepmass as Hepmass,
    Miniboone as Miniboone,
    Power as Power,
)
from .downloads.table_sets import (
    NSLKDD as NSLKDD,
    CaliforniaHousing as CaliforniaHousing,
    Covertype as Covertype,
    KDDCup99 as KDDCup99,
    NSLKDDTest as NSLKDDTest,
)
from .reductions import (
    Area as Area,
    Crop as Crop,
    PrincipalAxes as PrincipalAxes,
    RandomColumns as RandomColumns,
)
from .sklearn_images import Digits as Digits, Patches as Patches
from .sklearn_tables import BreastCancer as BreastCancer, Diabetes as Diabetes, Wine as Wine
from .synthetic.bananas import Banana as Banana, BananaTree as BananaTree
from .synthetic.gaussian import (
    AR1 as AR1,
    Covariance as Covariance,
    Equicorrelated as Equicorrelated,
    Gaussian as Gaussian,
    NearIdentity as NearIdentity,
    PowerLaw as PowerLaw,
    Spiked as Spiked,
    Wishart as Wishart,
)
from .synthetic.mixtures import GaussianMixture as GaussianMixture, LaplaceSources as LaplaceSources
from .synthetic.planar import Checkerboard as Checkerboard, Rings as Rings
from .synthetic.radial import Shell as Shell, StudentT as StudentT
from .user_files import UserImages as UserImages, UserTable as UserTable, user_file as user_file
