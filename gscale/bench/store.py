"""Tables on disk: one parquet file a cell, whole or absent, all of one schema."""

import io
import json
import os
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gscale.errors import InputError

SCHEMA_VERSION = 1

SCHEMA = pa.schema(
    [
        pa.field("schema", pa.int32(), nullable=False),  # version of this list of columns
        pa.field("sweep", pa.string(), nullable=False),  # name of the experiment
        pa.field("cell_id", pa.string(), nullable=False),  # hash of the setting, and the name of the file
        pa.field("seed", pa.int64(), nullable=False),  # of data and layers; one curve each
        pa.field("dataset", pa.string(), nullable=False),  # as Python would write it, like all settings
        pa.field("dim", pa.int64(), nullable=False),  # dimension D
        pa.field("n_samples", pa.int64()),  # N rows fitted to; null: the population, infinitely many
        pa.field("rotation", pa.string(), nullable=False),  # how a layer mixes coordinates
        pa.field("marginal", pa.string(), nullable=False),  # how it makes each coordinate normal
        pa.field("coupling", pa.string()),  # and conditions one half on the other; null: no coupling
        pa.field("training", pa.string(), nullable=False),  # how layers are fitted
        pa.field("dtype", pa.string(), nullable=False),  # float32; float64
        pa.field("n_layers", pa.int64(), nullable=False),  # the loss is that with so many layers
        pa.field("metric", pa.string(), nullable=False),  # kl: floor 0; nll: floor unknown; w2: a distance
        pa.field("loss_train", pa.float64()),  # nats, on the rows fitted to; null for the population
        pa.field("loss_test", pa.float64(), nullable=False),  # nats, on new rows
        pa.field("seconds", pa.float64(), nullable=False),  # to this depth, a seed's share of its batch
        pa.field("seconds_compile", pa.float64(), nullable=False),  # or to read it; not in seconds
        pa.field("device", pa.string(), nullable=False),  # what it was computed on
        pa.field("jax", pa.string(), nullable=False),  # version
        pa.field("gscale", pa.string(), nullable=False),  # version
        pa.field("commit", pa.string()),  # of the checkout, marked where files differ; null outside of one
        pa.field("created", pa.timestamp("us", tz="UTC"), nullable=False),  # when the cell was finished
    ],
    metadata={"gscale_schema": str(SCHEMA_VERSION)},
)

# What does not fit one loss a row, beside the tables: how many rows fall where along a projection.
HISTOGRAMS = pa.schema(
    [
        pa.field("cell_id", pa.string(), nullable=False),  # as in the table
        pa.field("seed", pa.int64(), nullable=False),  # as in the table
        pa.field("projection", pa.string(), nullable=False),  # random; furthest; bimodal
        pa.field("rows", pa.string(), nullable=False),  # searched; fresh
        pa.field("low", pa.float64(), nullable=False),  # of the bin; the outer ones hold all beyond
        pa.field("high", pa.float64(), nullable=False),  # of the bin
        pa.field("count", pa.int64(), nullable=False),  # rows in the bin
    ],
    metadata={"gscale_schema": str(SCHEMA_VERSION)},
)

# What a failure record says of a cell.
FAILURE = ("sweep", "cell_id", "cell", "setting", "error", "traceback")

_ASIDE = "_histograms"  # who reads a folder of tables as one passes over names that begin like this


def short(setting: object) -> str:
    """A setting as kept in a table, without parameter names and empty parentheses, for people.

    Examples
    --------
    >>> short("Gaussian(covariance=Wishart(ratio=2.0))"), short("Haar()")
    ('Gaussian(Wishart(2.0))', 'Haar')
    """
    return re.sub(r"\w+=", "", str(setting)).replace("()", "")


def cell_path(folder: Path, cell_id: str) -> Path:
    return folder / f"{cell_id}.parquet"


def failure_path(folder: Path, cell_id: str) -> Path:
    return folder / f"{cell_id}.failed.json"


def prepare(folder: Path) -> None:
    """Make a results folder, check that it can be written and that what it holds is ours.

    Raises
    ------
    InputError
        If it cannot be written, or holds a corrupt or foreign table or one of another schema.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".{os.getpid()}.tmp"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror}; choose another folder with --out"
        ) from None
    for path in folder.glob("*.parquet"):
        _check(path)


def write_cell(folder: Path, cell_id: str, rows: pd.DataFrame) -> Path:
    """Write a finished cell under another name, then rename it: a reader sees all of it or nothing."""
    _write_table(cell_path(folder, cell_id), rows, SCHEMA)
    failure_path(folder, cell_id).unlink(missing_ok=True)
    return cell_path(folder, cell_id)


def write_histograms(folder: Path, cell_id: str, counts: pd.DataFrame) -> Path:
    """Write a cell's histograms, whole or not at all; before its table, so that a finished cell has them."""
    path = folder / _ASIDE / f"{cell_id}.parquet"
    path.parent.mkdir(exist_ok=True)
    _write_table(path, counts, HISTOGRAMS)
    return path


def _write_table(path: Path, rows: pd.DataFrame, schema: pa.Schema) -> None:
    buffer = io.BytesIO()
    table = pa.Table.from_pandas(rows, schema=schema, preserve_index=False)
    pq.write_table(table, buffer, compression="zstd")
    write_whole(path, buffer.getvalue())


def write_failure(folder: Path, cell_id: str, record: dict[str, str]) -> Path:
    """Write why a cell failed; it is no result, and the next run tries the cell again."""
    write_whole(failure_path(folder, cell_id), json.dumps(record, indent=2).encode())
    return failure_path(folder, cell_id)


def read_tables(folder: Path) -> pd.DataFrame:
    """Read all cells in a folder, or in the folders right below it, as one table.

    Raises
    ------
    InputError
        If there is no such folder, no table in it, or one that is corrupt, foreign or of another schema.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder: give a results folder, such as results")
    paths = _table_paths(folder)
    if not paths:
        raise InputError(f"{folder} holds no results: make some with gscale run")
    return _read(paths, SCHEMA)


def has_tables(folder: Path) -> bool:
    """Whether there is a cell in a folder, or in the folders right below it."""
    return bool(_table_paths(folder))


def _table_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.parquet")) or sorted(folder.glob("[!_]*/*.parquet"))


def read_histograms(folder: Path) -> pd.DataFrame:
    """The histograms of all cells in a folder, or in the folders right below it; no rows if there are none.

    Raises
    ------
    InputError
        If one is corrupt, foreign or of another schema.
    """
    paths = sorted(folder.glob(f"{_ASIDE}/*.parquet")) or sorted(folder.glob(f"*/{_ASIDE}/*.parquet"))
    return _read(paths, HISTOGRAMS) if paths else no_histograms()


def no_histograms() -> pd.DataFrame:
    """A table of histograms without rows."""
    return HISTOGRAMS.empty_table().to_pandas()


def _read(paths: list[Path], schema: pa.Schema) -> pd.DataFrame:
    for path in paths:
        _check(path, schema)
    tables = [pq.read_table(path, schema=schema) for path in paths]
    return pa.concat_tables(tables).to_pandas()


def read_failures(folder: Path) -> list[dict[str, str]]:
    """The failure records in a folder, or in the folders right below it.

    Raises
    ------
    InputError
        If one is corrupt.
    """
    paths = sorted(folder.glob("*.failed.json")) or sorted(folder.glob("*/*.failed.json"))
    return [_failure(path) for path in paths]


def _failure(path: Path) -> dict[str, str]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        return {name: str(record[name]) for name in FAILURE}
    except (OSError, ValueError, KeyError, TypeError):
        raise InputError(f"{path} is no failure record: delete it, and run the sweep again") from None


def _check(path: Path, expected: pa.Schema = SCHEMA) -> None:
    try:
        schema = pq.read_schema(path)
    except (pa.ArrowInvalid, OSError) as error:
        reason = str(error).splitlines()[0]
        raise InputError(f"{path} is not a readable parquet file ({reason}): move or delete it") from None
    version = (schema.metadata or {}).get(b"gscale_schema")
    if version is None:
        raise InputError(f"{path} is not a gscale table: move it out of the results folder")
    if version != str(SCHEMA_VERSION).encode():
        raise InputError(
            f"{path} has schema {version.decode()}, this gscale reads {SCHEMA_VERSION}: use another folder"
        )
    if not schema.equals(expected):
        raise InputError(f"{path} does not have the columns of schema {SCHEMA_VERSION}: move or delete it")


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name, then rename it: a reader sees all of it or nothing."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with partial.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)  # half a file, where the disk is full
        raise
