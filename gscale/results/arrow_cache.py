"""All tables of a large folder in one file beside them: ten thousand small files take long to open."""

import json
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa

from gscale.results.files import is_remote, write_whole

_MANY = 1000  # files of a folder; with fewer, opening them takes less than 2 s
_NAME = "_arrow_cache.arrow"
_FILES = b"gscale_files"

Stamps = dict[str, list[int]]  # by name of a file: its size, time of change in ns, and rows


def read_together(paths: Sequence[Path], read: Callable[[Path], pa.Table], schema: pa.Schema) -> pa.Table:
    """The tables of one folder as one, in the order of their paths.

    Only files that changed since the last time are opened; the others' rows come from the file that was
    written then. That one may be deleted at any time.
    """
    table = gather_many(paths, read, schema)
    return pa.concat_tables([read(path) for path in paths]) if table is None else table


def gather_many(
    paths: Sequence[Path], read: Callable[[Path], pa.Table], schema: pa.Schema
) -> pa.Table | None:
    """The tables of one large folder, kept for the next time; None where there are few or in a store."""
    if len(paths) < _MANY or is_remote(paths[0]):
        return None
    cache = paths[0].parent / _NAME
    stamps = _stamps(paths)
    known, table = _cached(cache, schema)
    same = {name for name, stamp in known.items() if stamps.get(name) == stamp[:2]}
    if same == stamps.keys() == known.keys():
        return table
    fresh = [path for path in paths if path.name not in same]
    with ThreadPoolExecutor() as threads:
        tables = list(threads.map(read, fresh))
    rows = {name: stamp[2] for name, stamp in known.items() if name in same}
    rows |= {path.name: len(one) for path, one in zip(fresh, tables, strict=True)}
    unchanged = table.filter(pa.array(_by_row(known, [name in same for name in known]), pa.bool_()))
    parts = [unchanged, *tables] if same else tables  # the first has the notes for pandas
    complete = {name: [*stamps[name], n] for name, n in rows.items()}
    rank = np.argsort(np.argsort(list(complete)))  # rows of files in the order of their names
    order = np.argsort(_by_row(complete, list(rank)), kind="stable")
    whole = pa.concat_tables(parts).take(order).combine_chunks()
    with suppress(OSError):  # a folder that cannot be written is read all the same
        write_whole(cache, _as_bytes(whole, dict(sorted(complete.items()))))
    return whole


def _stamps(paths: Sequence[Path]) -> Stamps:
    with os.scandir(paths[0].parent) as entries:
        stats = {entry.name: entry.stat() for entry in entries if entry.name.endswith(".parquet")}
    gone = os.stat_result([0] * 10)  # which reading it will say
    by_name = {path.name: stats.get(path.name, gone) for path in paths}
    return {name: [stat.st_size, stat.st_mtime_ns or 0] for name, stat in by_name.items()}


def _cached(path: Path, schema: pa.Schema) -> tuple[Stamps, pa.Table]:
    """What was written the last time; nothing, where it is of another schema or cannot be read."""
    try:
        table = pa.ipc.open_file(path.read_bytes()).read_all()
        files = json.loads(table.schema.metadata[_FILES])
        whole = sum(rows for _, _, rows in files.values()) == len(table)
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError):
        return {}, schema.empty_table()
    metadata = {key: value for key, value in table.schema.metadata.items() if key != _FILES}
    valid = whole and (schema.metadata or {}).items() <= metadata.items() and table.schema.equals(schema)
    return (files, table.replace_schema_metadata(metadata)) if valid else ({}, schema.empty_table())


def _as_bytes(table: pa.Table, stamps: Stamps) -> bytes:
    metadata = {**(table.schema.metadata or {}), _FILES: json.dumps(stamps)}
    sink = pa.BufferOutputStream()
    with pa.ipc.new_file(sink, table.schema.with_metadata(metadata)) as file:
        file.write_table(table.replace_schema_metadata(metadata))
    return sink.getvalue().to_pybytes()


def _by_row(stamps: Stamps, values: Sequence[object]) -> np.ndarray:
    """A value for each file, for each of its rows."""
    return np.repeat(np.asarray(values), [n for _, _, n in stamps.values()])
