"""Tables that are fetched: network sessions, forests and houses."""

import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.csv

from gscale.data.arrays import Size
from gscale.data.downloads.archives import members
from gscale.data.downloads.base import FetchedTable, Found
from gscale.data.downloads.card import Card, File
from gscale.data.readers import from_table
from gscale.data.reductions import RandomColumns, TableCut
from gscale.errors import InputError

_CUT = "random columns (RandomColumns), or principal axes (PrincipalAxes)"
_IN_SKLEARN = "scikit-learn, sklearn/datasets"
_UCI = "CC BY 4.0, as all of the UCI repository"
_MIRROR = "https://raw.githubusercontent.com/defcom17/NSL_KDD/master/"
_NAMES = """duration protocol_type service flag src_bytes dst_bytes land wrong_fragment urgent hot
    num_failed_logins logged_in num_compromised root_shell su_attempted num_root num_file_creations num_shells
    num_access_files num_outbound_cmds is_host_login is_guest_login count srv_count serror_rate
    srv_serror_rate rerror_rate srv_rerror_rate same_srv_rate diff_srv_rate srv_diff_host_rate dst_host_count
    dst_host_srv_count dst_host_same_srv_rate dst_host_diff_srv_rate dst_host_same_src_port_rate
    dst_host_srv_diff_host_rate dst_host_serror_rate dst_host_srv_serror_rate dst_host_rerror_rate
    dst_host_srv_rerror_rate"""
_SESSION = tuple(_NAMES.split())
_HOUSES = ("longitude", "latitude", "age", "rooms", "bedrooms", "people", "households", "income", "value")


@dataclass(frozen=True)
class KDDCup99(FetchedTable):
    """Network sessions of KDD Cup 1999, the tenth of them: 494,021 rows, most there more than once."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = Card(
        name="kdd-cup-99",
        about="network sessions, the tenth; text as the place of a value, two constant columns dropped",
        rows=494_021,
        features=39,
        cut=_CUT,
        licence=_UCI,
        citation="Stolfo, Fan, Lee, Prodromidis and Chan, KDD Cup 1999 data, UCI (1999)",
        home="https://archive.ics.uci.edu/dataset/130",
        folder="kdd-cup-99",
        files=(
            File(
                "kddcup.data_10_percent.gz",
                "https://ndownloader.figshare.com/files/5976042",
                "sha256:8045aca0d84e70e622d1148d7df782496f6333bf6eb979a1b0837c42a9fd9561",
                f"{_IN_SKLEARN}/_kddcup99.py",
            ),
        ),
    )

    @property
    def size(self) -> Size:
        return Size(494_021, 98_804, 39)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        values, names, _ = _sessions(paths, ("num_outbound_cmds", "is_host_login"), ("label",))
        return Found(values, None, names)


@dataclass(frozen=True)
class NSLKDD(FetchedTable):
    """NSL-KDD: sessions of KDD Cup 1999 without those that come back; the published 22,544 for testing."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = Card(
        name="nsl-kdd",
        about="network sessions; text as the place of a value, a constant column dropped",
        rows=148_517,
        features=40,
        cut=_CUT,
        licence="free to use and pass on, the paper to be cited",
        citation="Tavallaee, Bagheri, Lu and Ghorbani, A detailed analysis of the KDD CUP 99 data set, "
        "IEEE Symposium on Computational Intelligence for Security and Defense Applications (2009)",
        home="https://www.unb.ca/cic/datasets/nsl.html",
        folder="nsl-kdd",
        files=tuple(File(name, _MIRROR + name, None) for name in ("KDDTrain+.txt", "KDDTest+.txt")),
    )

    @property
    def size(self) -> Size:
        return Size(125_973, 22_544, 40)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        values, names, sizes = _sessions(paths, ("num_outbound_cmds",), ("label", "difficulty"))
        return Found(values, sizes[-1], names)


@dataclass(frozen=True)
class NSLKDDTest(FetchedTable):
    """The 22,544 test sessions of NSL-KDD alone, a fifth of them for testing: a small download."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = Card(
        name="nsl-kdd-test",
        about="the test sessions of NSL-KDD alone; a fifth of them for testing",
        rows=22_544,
        features=40,
        cut=_CUT,
        licence=NSLKDD.card.licence,
        citation=NSLKDD.card.citation,
        home=NSLKDD.card.home,
        folder="nsl-kdd",
        files=NSLKDD.card.files[1:],
    )

    @property
    def size(self) -> Size:
        return Size(18_036, 4_508, 40)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        values, names, _ = _sessions(paths, ("num_outbound_cmds",), ("label", "difficulty"))
        return Found(values, None, names)


@dataclass(frozen=True)
class Covertype(FetchedTable):
    """Forests: 581,012 squares of 30 metres, the 10 columns that are quantities and not flags."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = Card(
        name="covertype",
        about="squares of forest; the 10 quantities, without the 44 flags",
        rows=581_012,
        features=10,
        cut=_CUT,
        licence=_UCI,
        citation="Blackard and Dean, Comparative accuracies of artificial neural networks and discriminant "
        "analysis in predicting forest cover types, Computers and Electronics in Agriculture 24 (1999)",
        home="https://archive.ics.uci.edu/dataset/31",
        folder="covertype",
        files=(
            File(
                "covtype.data.gz",
                "https://ndownloader.figshare.com/files/5976039",
                "sha256:614360d0257557dd1792834a85a1cdebfadc3c4f30b011d56afee7ffb5b15771",
                f"{_IN_SKLEARN}/_covtype.py",
            ),
        ),
    )

    @property
    def size(self) -> Size:
        return Size(464_810, 116_202, 10)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        table = _csv(paths[0], tuple(str(i) for i in range(55)))
        values, names = from_table(str(paths[0]), table.select(table.column_names[:10]), encode=False)
        return Found(values, None, names)


@dataclass(frozen=True)
class CaliforniaHousing(FetchedTable):
    """Houses of California in 1990: 20,640 districts, 8 columns as scikit-learn makes them."""

    cut: TableCut = field(default_factory=RandomColumns)
    card = Card(
        name="california-housing",
        about="districts of California; rooms, bedrooms and people by household, as scikit-learn has them",
        rows=20_640,
        features=8,
        cut=_CUT,
        licence="none stated; from the StatLib repository",
        citation="Pace and Barry, Sparse spatial autoregressions, Statistics & Probability Letters 33 (1997)",
        home="https://www.dcc.fc.up.pt/~ltorgo/Regression/cal_housing.html",
        folder="california-housing",
        files=(
            File(
                "cal_housing.tgz",
                "https://ndownloader.figshare.com/files/5976036",
                "sha256:aaa5c9a6afe2225cc2aed2723682ae403280c4a3695a2ddda4ffb5d8215ea681",
                f"{_IN_SKLEARN}/_california_housing.py",
            ),
        ),
    )

    @property
    def size(self) -> Size:
        return Size(16_512, 4_128, 8)

    @staticmethod
    def read(paths: list[Path]) -> Found:
        content = members(paths[0], ["CaliforniaHousing/cal_housing.data"])[0]
        table = _csv(paths[0], _HOUSES, content)
        columns = from_table(str(paths[0]), table, encode=False)[0].T
        longitude, latitude, age, rooms, bedrooms, people, households, income, _ = columns
        shares = rooms / households, bedrooms / households, people, people / households
        names = ("income", "age", "rooms", "bedrooms", "people", "occupancy", "latitude", "longitude")
        return Found(np.stack([income, age, *shares, latitude, longitude], 1), None, names)


class _Sessions(NamedTuple):
    values: np.ndarray
    names: tuple[str, ...]
    sizes: tuple[int, ...]  # rows of each file


def _sessions(paths: list[Path], constant: tuple[str, ...], labels: tuple[str, ...]) -> _Sessions:
    """Network sessions in files with or without a header; text becomes its place among all there is."""
    tables = [_csv(path, (*_SESSION, *labels)) for path in paths]
    kept = [name for name in _SESSION if name not in constant]
    text = {"protocol_type": pa.string(), "service": pa.string(), "flag": pa.string()}
    whole = pa.concat_tables(
        [
            pa.table({name: table[name].cast(text.get(name, pa.float64())) for name in kept})
            for table in tables
        ]
    )
    values, names = from_table(" and ".join(map(str, paths)), whole, encode=True)
    return _Sessions(values, names, tuple(table.num_rows for table in tables))


def _csv(path: Path, names: tuple[str, ...], content: bytes | None = None) -> pa.Table:
    """A table without a header, or with one that begins as the names do; gzipped or not."""
    try:
        with pa.input_stream(path if content is None else io.BytesIO(content), "detect") as stream:
            raw = stream.read()
        titled = raw.startswith(f"{names[0]},".encode())
        options = pyarrow.csv.ReadOptions(
            column_names=names, skip_rows=int(titled), block_size=min(len(raw) + 1, 2**31 - 1)
        )
        return pyarrow.csv.read_csv(io.BytesIO(raw), options)
    except (pa.ArrowException, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise InputError(f"{path} is no readable CSV ({reason}): get it again") from None
