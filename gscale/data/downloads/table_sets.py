"""Tables that are fetched: network sessions, forests and houses."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from gscale.data.cards import read_card
from gscale.data.downloads.archives import read_members
from gscale.data.network_sessions import read_sessions
from gscale.data.published import LoadedRows, PublishedTable
from gscale.data.readers import Columns, parse_csv, read_bytes, to_numbers

_HOUSES = ("longitude", "latitude", "age", "rooms", "bedrooms", "people", "households", "income", "value")


@dataclass(frozen=True)
class KDDCup99(PublishedTable):
    """Network sessions of KDD Cup 1999, the tenth of them: 494,021 rows, most there more than once."""

    card = read_card("kdd-cup-99")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        values, names = _encoded(read_sessions(paths[0]).drop(columns="is_host_login"), paths)
        return LoadedRows(values, None, names)


@dataclass(frozen=True)
class NSLKDD(PublishedTable):
    """NSL-KDD: sessions of KDD Cup 1999 without those that come back; the published 22,544 for testing."""

    card = read_card("nsl-kdd")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        frames = [read_sessions(path) for path in paths]
        values, names = _encoded(pd.concat(frames), paths)
        return LoadedRows(values, len(frames[-1]), names)


@dataclass(frozen=True)
class NSLKDDTest(PublishedTable):
    """The 22,544 test sessions of NSL-KDD alone, a fifth of them for testing: a small download."""

    card = read_card("nsl-kdd-test")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        return NSLKDD.read(paths)._replace(n_test=None)


@dataclass(frozen=True)
class Covertype(PublishedTable):
    """Forests: 581,012 squares of 30 metres, the 10 columns that are quantities and not flags."""

    card = read_card("covertype")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        table = parse_csv(paths[0], read_bytes(paths[0]), [str(i) for i in range(55)])
        values, names = to_numbers(str(paths[0]), table.select(table.column_names[:10]))
        return LoadedRows(values, None, names)


@dataclass(frozen=True)
class CaliforniaHousing(PublishedTable):
    """Houses of California in 1990: 20,640 districts, 8 columns as scikit-learn makes them."""

    card = read_card("california-housing")

    @staticmethod
    def read(paths: list[Path]) -> LoadedRows:
        content = read_members(paths[0], ["CaliforniaHousing/cal_housing.data"])[0]
        values, _ = to_numbers(str(paths[0]), parse_csv(paths[0], content, _HOUSES))
        longitude, latitude, age, rooms, bedrooms, people, households, income, _ = values.T
        shares = rooms / households, bedrooms / households, people, people / households
        names = ("income", "age", "rooms", "bedrooms", "people", "occupancy", "latitude", "longitude")
        return LoadedRows(np.stack([income, age, *shares, latitude, longitude], 1), None, names)


def _encoded(sessions: pd.DataFrame, paths: list[Path]) -> Columns:
    """Numbers from network sessions: text ordinal-encoded, without a column that is 0 in all of them."""
    sessions = sessions.drop(columns=["label", "num_outbound_cmds"])
    table = pa.Table.from_pandas(sessions, preserve_index=False)
    return to_numbers(" and ".join(map(str, paths)), table, encode=True)
