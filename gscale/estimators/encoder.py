"""Mixed tables as rows of real numbers for a flow, and back; fitted to the rows of a table."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Protocol

import numpy as np

from gscale.data.row_pool import mixed_bits, row_keys
from gscale.errors import InputError
from gscale.estimators.columns import (
    Category,
    Column,
    Indicators,
    Number,
    category,
    codes,
    indicators,
    number,
)
from gscale.estimators.table_checks import RawColumn, chosen, refuse_missing, refuse_numbers_as_text

Fill = float | str | bool | None


class Categorical(Protocol):
    """A choice of how categories become numbers, frozen and hashable."""

    def fit(self, name: str, values: np.ndarray) -> Category | Indicators:
        """Fit to the values (N,) of a column."""
        ...


@dataclass(frozen=True)
class Frequency:
    """One coordinate for a column: smoothed frequencies as cells of a normal distribution.

    Examples
    --------
    >>> Frequency().fit("proto", np.array(["tcp", "udp", "tcp"])).values
    ('tcp', 'udp')
    """

    def fit(self, name: str, values: np.ndarray) -> Category:
        """Fit to the values (N,) of a column."""
        return category(name, values)


@dataclass(frozen=True)
class OneHot:
    """One coordinate for each value of a column, 1 where it is that one; of very many, as `Frequency`.

    Parameters
    ----------
    most : int
        Values of a column up to which that is done, at least 2.

    Raises
    ------
    InputError
        If ``most`` is below 2.

    Examples
    --------
    >>> OneHot().fit("proto", np.array(["tcp", "udp", "tcp"])).width
    2
    """

    most: int = 100

    def __post_init__(self) -> None:
        if self.most < 2:
            raise InputError(f"most is {self.most}: a column of categories has at least 2")

    def fit(self, name: str, values: np.ndarray) -> Category | Indicators:
        """Fit to the values (N,) of a column."""
        return (indicators if len(np.unique(values)) <= self.most else category)(name, values)


class Missing(Protocol):
    """A choice of what to do about missing values, frozen and hashable."""

    accepts: bool

    def fill(self, column: RawColumn) -> Fill:
        """What stands for a missing value of a column fitted to; None where none is to come."""
        ...


@dataclass(frozen=True)
class Raise:
    """Missing values are an error."""

    accepts = False

    def fill(self, column: RawColumn) -> Fill:
        """Raise InputError where there is a missing value."""
        refuse_missing(column)
        return None


@dataclass(frozen=True)
class Impute:
    """A missing number is the median of the rows fitted to, a missing category the most frequent one."""

    accepts = True

    def fill(self, column: RawColumn) -> Fill:
        """Median or most frequent value."""
        present = column.values[~column.missing]
        if not len(present):
            raise InputError(f"{column.name} has no value but missing ones (NaN): leave it out")
        if not column.is_text:
            return float(np.quantile(present, 0.5, method="lower"))
        values, counts = np.unique(present.astype(str), return_counts=True)
        return str(values[counts.argmax()])


@dataclass(frozen=True)
class Encoder:
    """Columns fitted to a table, and what fills their missing values; made by `fit_encoder`.

    Parameters
    ----------
    columns : tuple of Column
    fills : tuple
        One a column; None where missing values are refused.
    texts : tuple of bool
        Whether a column's values are text.

    Examples
    --------
    >>> raw = [RawColumn("n", np.arange(5.0), False), RawColumn("s", np.array(list("aabab"), object), True)]
    >>> encoder = fit_encoder(raw, Frequency(), Raise(), ())
    >>> y, log_slope = encoder.encode(encoder.values(raw))
    >>> y.shape, log_slope.shape, [column.tolist() for column in encoder.decode(y)][1]
    ((5, 2), (5,), ['a', 'a', 'b', 'a', 'b'])
    """

    columns: tuple[Column, ...]
    fills: tuple[Fill, ...]
    texts: tuple[bool, ...]

    @property
    def dim(self) -> int:
        """Coordinates D."""
        return sum(column.width for column in self.columns)

    @property
    def owners(self) -> np.ndarray:
        """The place among the columns of what each coordinate belongs to, (D,)."""
        return np.repeat(np.arange(len(self.columns)), [column.width for column in self.columns])

    @property
    def continuous(self) -> np.ndarray:
        """Which coordinates (D,) have no cells."""
        found = [isinstance(column, Number) and not column.step for column in self.columns]
        return np.array(found)[self.owners]

    def values(self, raw: Sequence[RawColumn]) -> list[np.ndarray]:
        """Values (N,) of each column, missing ones filled; what is of another kind than fitted is refused."""
        return [self._filled(i, column) for i, column in enumerate(raw)]

    def encode(
        self, values: Sequence[np.ndarray], place: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (N, D) in float32, and the log-slope (N,) in nats.

        ``place`` (N, D) in [0, 1) says where in their cells values that are not continuous go; the middle
        where absent.
        """
        n = len(values[0])
        y, log_slope = np.empty((n, self.dim), np.float32), np.zeros(n)
        place = np.broadcast_to(0.5, y.shape) if place is None else place
        # column by column, in place: of many rows there is no room for more than one table of floats
        for column, own, at in zip(self.columns, values, self._slices, strict=True):
            y[:, at], slope = column.encode(own, place[:, at])
            log_slope += slope
        return y, log_slope

    def decode(self, y: np.ndarray) -> list[np.ndarray]:
        """Values (N,) of each column at coordinates (N, D)."""
        return [column.decode(y[:, at]) for column, at in zip(self.columns, self._slices, strict=True)]

    def places(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Places (N, D) in cells, uniform as if by chance, the same for rows that are the same."""
        numbers = [
            own if isinstance(column, Number) else codes(column.values, own).astype(float)
            for column, own in zip(self.columns, values, strict=True)
        ]
        salts = mixed_bits(np.arange(1, self.dim + 1, dtype=np.uint64))
        bits = mixed_bits(row_keys(np.stack(numbers, 1))[:, None] ^ salts[None])
        return (bits >> np.uint64(11)) * 2.0**-53

    @property
    def _slices(self) -> list[slice]:
        """Where the coordinates of each column are."""
        ends = np.cumsum([0, *(column.width for column in self.columns)])
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    def _filled(self, i: int, column: RawColumn) -> np.ndarray:
        if column.is_text != self.texts[i] and not column.missing.all():
            held, fitted = ("text", "numbers") if column.is_text else ("numbers", "text")
            row = int(np.argmin(column.missing))
            raise InputError(
                f"{column.name} holds {held}, {column.values[row]!r} in row {row}: "
                f"it held {fitted} in the fit"
            )
        if self.fills[i] is None:
            refuse_missing(column)
            return column.values
        return np.where(column.missing, np.array(self.fills[i], object), column.values).astype(
            object if self.texts[i] else float
        )


def fit_encoder(
    raw: Sequence[RawColumn], categorical: Categorical, missing: Missing, named: Sequence[str | int]
) -> Encoder:
    """Fit an encoder: text and the columns named are categories, integers and tied values have cells.

    Parameters
    ----------
    raw : sequence of RawColumn
    categorical : Frequency or OneHot
    missing : Refused or Imputed
    named : sequence of str or int
        Columns of numbers that are categories all the same.

    Raises
    ------
    InputError
        If a value is missing and none is to be, or a column of text mostly reads as numbers.
    """
    names = [column.name for column in raw]
    listed = chosen(names, named)
    fills = tuple(missing.fill(column) for column in raw)
    texts = tuple(column.is_text for column in raw)
    bare = Encoder((), fills, texts)
    columns: list[Column] = []
    for i, (column, values) in enumerate(zip(raw, bare.values(raw), strict=True)):
        if column.is_text and i not in listed:
            refuse_numbers_as_text(column)
        of_categories = column.is_text or i in listed
        columns.append((categorical.fit if of_categories else number)(column.name, values))
    return Encoder(tuple(columns), fills, texts)
