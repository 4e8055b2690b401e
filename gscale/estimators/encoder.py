"""Encoders of mixed tables: rows of numbers and categories as rows of real numbers for a flow, and back."""

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
from gscale.estimators.table_checks import (
    RawColumn,
    check_not_missing,
    check_not_numbers,
    column_indices,
)
from gscale.validation import check_at_least

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
    """One coordinate for each value of a column, 1 where it is that one; `Frequency` where there are many.

    Parameters
    ----------
    most : int
        Greatest number of values with a coordinate each, at least 2.

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
        check_at_least(2, {"most": self.most})

    def fit(self, name: str, values: np.ndarray) -> Category | Indicators:
        """Fit to the values (N,) of a column."""
        return (indicators if len(np.unique(values)) <= self.most else category)(name, values)


class Missing(Protocol):
    """A choice of what to do about missing values, frozen and hashable."""

    accepts: bool

    def fill(self, column: RawColumn) -> Fill:
        """The value in place of a missing one in a fitted column; None where missing values are refused."""
        ...


@dataclass(frozen=True)
class Raise:
    """Missing values are an error."""

    accepts = False

    def fill(self, column: RawColumn) -> Fill:
        """Raise InputError where there is a missing value."""
        check_not_missing(column)
        return None


@dataclass(frozen=True)
class Impute:
    """A missing number is the median of the rows fitted to, a missing category the most frequent one."""

    accepts = True

    def fill(self, column: RawColumn) -> Fill:
        """Median or most frequent value."""
        present = column.values[~column.missing]
        if not len(present):
            raise InputError(f"{column.name} has only missing values (NaN): leave it out")
        if not column.is_text:
            return float(np.quantile(present, 0.5, method="lower"))
        values, counts = np.unique(present.astype(str), return_counts=True)
        return str(values[counts.argmax()])


@dataclass(frozen=True)
class Encoder:
    """Columns fitted to a table, and the values in place of missing ones; made by `fit_encoder`.

    Parameters
    ----------
    columns : tuple of Column
    fills : tuple
        One for each column; None where missing values are refused.
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
    def column_of_coordinate(self) -> np.ndarray:
        """The index of the column of each coordinate, (D,)."""
        return np.repeat(np.arange(len(self.columns)), [column.width for column in self.columns])

    @property
    def continuous(self) -> np.ndarray:
        """Which coordinates (D,) have no cells."""
        is_continuous = [isinstance(column, Number) and not column.step for column in self.columns]
        return np.array(is_continuous)[self.column_of_coordinate]

    def values(self, raw: Sequence[RawColumn]) -> list[np.ndarray]:
        """Values (N,) of each column, missing ones filled; columns of another kind are refused."""
        return [self._filled(i, column) for i, column in enumerate(raw)]

    def encode(
        self, values: Sequence[np.ndarray], u: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Coordinates (N, D) in float32, and the log-slope (N,) in nats.

        ``u`` (N, D) in [0, 1) are the positions in their cells of values that are not continuous; the middle
        where absent.
        """
        n = len(values[0])
        y, log_slope = np.empty((n, self.dim), np.float32), np.zeros(n)
        u = np.broadcast_to(0.5, y.shape) if u is None else u
        # column by column into one array: of many rows a second table of floats may not fit into memory
        for column, part, at in zip(self.columns, values, self._slices, strict=True):
            y[:, at], slope = column.encode(part, u[:, at])
            log_slope += slope
        return y, log_slope

    def decode(self, y: np.ndarray) -> list[np.ndarray]:
        """Values (N,) of each column at coordinates (N, D)."""
        return [column.decode(y[:, at]) for column, at in zip(self.columns, self._slices, strict=True)]

    def cell_positions(self, values: Sequence[np.ndarray]) -> np.ndarray:
        """Positions (N, D) in cells, pseudo-random and uniform, a function of the row's values alone."""
        numbers = [
            part if isinstance(column, Number) else codes(column.values, part).astype(float)
            for column, part in zip(self.columns, values, strict=True)
        ]
        salts = mixed_bits(np.arange(1, self.dim + 1, dtype=np.uint64))
        bits = mixed_bits(row_keys(np.stack(numbers, 1))[:, None] ^ salts[None])
        return (bits >> np.uint64(11)) * 2.0**-53

    @property
    def _slices(self) -> list[slice]:
        """The coordinates of each column."""
        ends = np.cumsum([0, *(column.width for column in self.columns)])
        return [slice(int(a), int(b)) for a, b in pairwise(ends)]

    def _filled(self, i: int, column: RawColumn) -> np.ndarray:
        if column.is_text != self.texts[i] and not column.missing.all():
            kind, fitted = ("text", "numbers") if column.is_text else ("numbers", "text")
            row = int(np.argmin(column.missing))
            raise InputError(
                f"{column.name} holds {kind}, {column.values[row]!r} in row {row}: "
                f"it held {fitted} in the fit"
            )
        if self.fills[i] is None:
            check_not_missing(column)
            return column.values
        return np.where(column.missing, np.array(self.fills[i], object), column.values).astype(
            object if self.texts[i] else float
        )


def fit_encoder(
    raw: Sequence[RawColumn], categorical: Categorical, missing: Missing, categories: Sequence[str | int]
) -> Encoder:
    """Fit an encoder: text and the listed columns are categories, integers and tied values have cells.

    Parameters
    ----------
    raw : sequence of RawColumn
    categorical : Frequency or OneHot
    missing : Raise or Impute
    categories : sequence of str or int
        Columns of numbers that are categories.

    Raises
    ------
    InputError
        If a value is missing and that is refused, or most of a column of text reads as numbers.
    """
    listed = column_indices([column.name for column in raw], categories)
    fills = tuple(missing.fill(column) for column in raw)
    texts = tuple(column.is_text for column in raw)
    filled = Encoder((), fills, texts).values(raw)
    columns: list[Column] = []
    for i, (column, values) in enumerate(zip(raw, filled, strict=True)):
        if column.is_text and i not in listed:
            check_not_numbers(column)
        is_category = column.is_text or i in listed
        columns.append((categorical.fit if is_category else number)(column.name, values))
    return Encoder(tuple(columns), fills, texts)
