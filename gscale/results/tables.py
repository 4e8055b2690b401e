"""Tables on disk: one parquet file a cell, whole or absent, all of one schema."""

import io
import json
import os
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from gscale.errors import InputError
from gscale.results.arrow_cache import gather_many, read_together
from gscale.results.files import is_remote, make, write_whole, writing
from gscale.results.locks import claim, clean
from gscale.results.migration import migrated
from gscale.results.schema import FAILURE, HISTOGRAMS, OLDER_COLUMNS, SCHEMA

_ROW = [("seed", "ascending"), ("n_layers", "ascending")]
_MEASURED = ["seed", "n_layers", "metric", "loss_train", "loss_test"]  # what the setting alone decides

_ASIDE = "_histograms"  # who reads a folder of tables as one passes over names that begin like this


def cell_path(folder: Path, cell_id: str) -> Path:
    return folder / f"{cell_id}.parquet"


def failure_path(folder: Path, cell_id: str) -> Path:
    return folder / f"{cell_id}.failed.json"


def prepare(folder: Path) -> None:
    """Make a results folder, check that it can be written and that what it holds is ours; clean it up.

    Raises
    ------
    InputError
        If it cannot be written, or holds a corrupt or foreign table or one of another schema.
    """
    probe = folder / f".probe.{os.getpid()}.tmp"
    try:
        make(folder)
        write_whole(probe, b"") if is_remote(folder) else probe.touch()
        probe.unlink(missing_ok=True)  # another run may have cleaned up
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot write to {folder}: {reason}; choose another folder with --out") from None
    clean(folder)
    for path in folder.glob("*.parquet"):
        _opened(path, SCHEMA)


def write_cell(folder: Path, cell_id: str, rows: pd.DataFrame) -> Path:
    """Write a finished cell under another name, then rename it: a reader sees all of it or nothing."""
    with writing(folder):
        _write_table(cell_path(folder, cell_id), rows, SCHEMA)
        failure_path(folder, cell_id).unlink(missing_ok=True)
    return cell_path(folder, cell_id)


def write_histograms(folder: Path, cell_id: str, counts: pd.DataFrame) -> Path:
    """Write a cell's histograms, whole or not at all; before its table, so that a finished cell has them."""
    path = folder / _ASIDE / f"{cell_id}.parquet"
    with writing(folder):
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
    with writing(folder):
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


def gather(folder: Path) -> None:
    """Bring up to date what makes reading a large folder fast; nothing is lost if it is not done."""
    if paths := sorted(folder.glob("*.parquet")):
        gather_many(paths, lambda path: _read_one(path, SCHEMA), SCHEMA)


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
    folders = [list(group) for _, group in groupby(paths, lambda path: path.parent)]
    tables = [read_together(group, lambda path: _read_one(path, schema), schema) for group in folders]
    return pa.concat_tables(tables).to_pandas()


def _read_one(path: Path, schema: pa.Schema) -> pa.Table:
    """A checked table; damage behind its header is told like damage of it."""
    file = _opened(path, schema)
    try:
        table = file.read(use_threads=False)
        return table if table.schema.equals(schema) else migrated(table, schema)
    except (pa.ArrowException, OSError) as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = str(error).splitlines()[0]
    return InputError(f"{path} is not a readable parquet file ({reason}): move or delete it")


def read_failures(folder: Path) -> list[dict[str, str]]:
    """The failure records in a folder, or in the folders right below it.

    Raises
    ------
    InputError
        If one is corrupt.
    """
    return [_failure(path) for path in _failure_paths(folder)]


def _failure_paths(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.failed.json")) or sorted(folder.glob("*/*.failed.json"))


def read_failures_of(folder: Path) -> list[dict[str, str]]:
    """The failure records in a folder alone."""
    return [_failure(path) for path in sorted(folder.glob("*.failed.json"))]


def _failure(path: Path) -> dict[str, str]:
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        record.setdefault("seconds", "")  # older ones lack it
        return {name: str(record[name]) for name in FAILURE}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise InputError(f"{path} is no failure record: delete it, and run the sweep again") from None


def _opened(path: Path, expected: pa.Schema) -> pq.ParquetFile:
    """A file of a schema that is ours."""
    try:
        file = pq.ParquetFile(pa.BufferReader(path.read_bytes()))
    except (pa.ArrowInvalid, OSError) as error:
        raise _unreadable(path, error) from None
    _check(path, file.schema_arrow, expected)
    return file


def _check(path: Path, schema: pa.Schema, expected: pa.Schema) -> None:
    version = (schema.metadata or {}).get(b"gscale_schema")
    if version is None:
        raise InputError(f"{path} is not a gscale table: move it out of the results folder")
    written, current = version.decode(), (expected.metadata or {})[b"gscale_schema"].decode()
    older = OLDER_COLUMNS.get(written) if expected is SCHEMA else None
    if older is None and written != current:
        raise InputError(f"{path} has schema {written}, this gscale reads {current}: use another folder")
    fits = schema.equals(expected) if older is None else schema.names == older
    if not fits:
        raise InputError(f"{path} does not have the columns of schema {written}: move or delete it")


def merge(folders: Iterable[Path], out: Path) -> int:
    """Copy the cells of results folders into one, ``out/<sweep>``; return how many were looked at.

    A failure record is copied where no folder has the cell's result.

    Raises
    ------
    InputError
        If a folder is none or holds no results, a file is damaged, foreign or of another schema, or a cell
        has different numbers in two of them: nothing is written then.
    """
    folders = list(folders)
    if (unknown := [path for path in folders if not path.is_dir()]) or not folders:
        raise InputError(
            f"{unknown[0] if unknown else 'nothing'} is no folder: give results folders to merge"
        )
    sources: dict[Path, Path] = {}
    for path in (path for folder in (out, *folders) for path in _table_paths(folder)):
        target = out / str(_read_one(path, SCHEMA).column("sweep")[0]) / path.name
        if (other := sources.setdefault(target, path)) != path:
            # other losses are refused; seconds and devices may differ
            a, b = (
                _read_one(one, SCHEMA).select(_MEASURED).sort_by(_ROW).to_pandas() for one in (other, path)
            )
            if not a.equals(b):
                reason = f"cell {path.stem} has other numbers in {path} than in {other}"
                raise InputError(f"{reason}: move or delete one of the two")
    targets = {target.parent for target in sources}
    for folder in targets:
        prepare(folder)
    for target, path in sources.items():
        if target.resolve() != path.resolve():
            _copy(path, target)
    for path in (path for folder in folders for path in _failure_paths(folder)):
        _copy_failure(path, out)
    for folder in targets:
        gather(folder)
    return len(sources)


def _copy(path: Path, target: Path) -> None:
    histograms = path.parent / _ASIDE / path.name
    with claim(target.parent, path.stem), writing(target.parent):  # so that no run takes it for a leftover
        if histograms.exists():
            aside = target.parent / _ASIDE
            aside.mkdir(exist_ok=True)
            write_whole(aside / path.name, histograms.read_bytes())
        write_whole(target, path.read_bytes())
        failure_path(target.parent, path.stem).unlink(missing_ok=True)


def _copy_failure(path: Path, out: Path) -> None:
    record = _failure(path)
    folder = out / record["sweep"]
    if not cell_path(folder, record["cell_id"]).exists():
        prepare(folder)
        with claim(folder, record["cell_id"]):
            write_failure(folder, record["cell_id"], record)
