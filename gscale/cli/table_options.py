"""Options and files that the commands ``gscale density`` and ``gscale detect`` share."""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from gscale.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from gscale.estimators import GaussianizationDensity, GaussianizationDetector

Rows = Annotated[Path, typer.Argument(help="Rows: a .csv, .parquet, .npy or .npz.")]
Model = Annotated[Path, typer.Argument(help="A model, the .safetensors that fit wrote.")]
ModelOut = Annotated[Path, typer.Option("--out", help="The model to write, a .safetensors.")]
TableOut = Annotated[Path, typer.Option("--out", help="The table to write, a .parquet or .csv.")]
Columns = Annotated[
    str | None, typer.Option("--columns", help="Some columns, such as a,b; all if not given.")
]
Without = Annotated[str, typer.Option("--without", help="Columns to leave out, such as label.")]
Categories = Annotated[str, typer.Option("--categories", help="Columns of numbers that are categories.")]
ByFrequency = Annotated[
    bool, typer.Option("--frequency", help="Categories by their frequency, not a coordinate for each.")
]
Fill = Annotated[bool, typer.Option("--impute", help="Fill missing values: median, most frequent category.")]
Layers = Annotated[int, typer.Option(help="Layers at most.")]
Seed = Annotated[int, typer.Option(help="Seed of all random numbers.")]
_ENDINGS = (".parquet", ".csv")


def make_density(
    categories: str, frequency: bool, impute: bool, layers: int, seed: int
) -> "GaussianizationDensity":
    """The estimator of some options."""
    from gscale.estimators import Frequency, GaussianizationDensity, Impute, OneHot, Raise

    return GaussianizationDensity(
        n_layers=layers,
        categorical=Frequency() if frequency else OneHot(),
        categorical_columns=tuple(_names(categories)),
        missing=Impute() if impute else Raise(),
        random_state=seed,
    )


def describe_fit(density: "GaussianizationDensity", n: int) -> str:
    return f"{n:,} rows, {len(density.encoder_.columns)} columns, {density.n_layers_} layers"


def read_frame(path: Path, columns: str | None, without: str = "") -> "pd.DataFrame":
    """Some columns of a file.

    Raises
    ------
    InputError
        If the file cannot be read or has no such column.
    """
    from gscale.data.readers import read_table

    table = read_table(path, None if columns is None else tuple(_names(columns)))
    for name in _names(without):
        if name not in table.column_names:
            raise InputError(f"{path} has no column {name!r} to leave out")
        table = table.drop_columns(name)
    return table.to_pandas()


def read_like(model: "GaussianizationDensity | GaussianizationDetector", path: Path) -> "pd.DataFrame":
    """The columns of a file that a model was fitted to, in its order; others are ignored."""
    return read_frame(path, ",".join(getattr(model, "feature_names_in_", ())) or None)


def check_table_name(path: Path) -> None:
    """Refuse the name of a table to write that has another ending, before there is anything to write."""
    if path.suffix not in _ENDINGS:
        raise InputError(f"{path} ends in none of {', '.join(_ENDINGS)}")


def write_table(path: Path, table: "pd.DataFrame") -> None:
    from gscale.results.files import table_bytes
    from gscale.runtime import write_output

    write_output(path, table_bytes(table, path))


@contextmanager
def naming_file(path: Path) -> Iterator[None]:
    """Errors of estimators with the name of the file, and warnings as lines on standard error."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", UserWarning)
        try:
            yield
        except (ValueError, TypeError) as error:
            raise InputError(f"{path}: {' '.join(str(error).split())}") from None
    for warning in caught:
        if issubclass(warning.category, UserWarning):
            print(f"gscale: {warning.message}", file=sys.stderr)


def _names(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]
