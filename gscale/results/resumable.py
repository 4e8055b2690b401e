"""A table that is added to row by row: what is in it is not computed again, and each row says where from."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from gscale.errors import InputError
from gscale.runtime import write_output


class ResumableTable:
    """Rows in a parquet file, told apart by some of their columns; written whole after each addition.

    Parameters
    ----------
    path : Path
        The file; it and its folder are made with the first row.
    keys : sequence of str
        Columns that tell rows apart.
    provenance : mapping
        What is added to every row: device, versions and commit. The time is added too.

    Raises
    ------
    InputError
        If the file is no readable table, or lacks one of the keys.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     table = ResumableTable(Path(folder) / "scores.parquet", ["method", "seed"], {"commit": "abc"})
    ...     table.add({"method": "a", "seed": 0, "score": 0.5})
    ...     again = ResumableTable(Path(folder) / "scores.parquet", ["method", "seed"], {"commit": "def"})
    ...     again.has(method="a", seed=0), again.has(method="a", seed=1), again.rows["commit"].tolist()
    (True, False, ['abc'])
    """

    def __init__(self, path: Path, keys: Sequence[str], provenance: Mapping[str, Any]) -> None:
        self.path, self.keys, self._provenance = path, tuple(keys), dict(provenance)
        self.rows = _read(path, self.keys) if path.is_file() else pd.DataFrame()

    def has(self, **key: object) -> bool:
        """Whether there is a row with these values in the key columns that are given."""
        if self.rows.empty:
            return False
        same = [self.rows[name].eq(value) for name, value in key.items()]
        return bool(pd.concat(same, axis=1).all(axis=1).any())

    def add(self, *rows: Mapping[str, Any]) -> None:
        """Add rows and write the file.

        Raises
        ------
        InputError
            If it cannot be written.
        """
        added = pd.DataFrame([{**row, **self._provenance, "created": datetime.now(UTC)} for row in rows])
        self.rows = added if self.rows.empty else pd.concat([self.rows, added], ignore_index=True)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {self.path}: {error.strerror}; choose another folder") from None
        write_output(self.path, self.rows.to_parquet(index=False), "choose another folder")


def _read(path: Path, keys: tuple[str, ...]) -> pd.DataFrame:
    try:
        rows = pd.read_parquet(path)
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is no readable table ({error}): move or delete it") from None
    if missing := [name for name in keys if name not in rows]:
        raise InputError(f"{path} lacks the column {missing[0]!r}: move or delete it")
    return rows
