"""Files of a results folder: whole or absent, and errors of one line."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, cast

from gscale.errors import InputError, one_line
from gscale.runtime import write_atomic

if TYPE_CHECKING:
    import pandas as pd

_PAUSES = (0.1, 0.4, 1.6, 6.4)  # seconds before a write to an object store is tried again


def folder_named(folder: str | Path) -> Path:
    """A folder by its name: of this machine, or with :// of an object store such as s3://bucket/results.

    Raises
    ------
    InputError
        If what the store needs is not installed, or the store does not answer.
    """
    name = str(folder)
    if "://" not in name:
        return Path(name)
    try:
        from upath import UPath

        remote = UPath(name, use_listings_cache=False)  # others write there meanwhile
        remote.exists()
    except (ImportError, ValueError) as error:
        raise InputError(f"{name}: {one_line(error)}; for s3:// install gscale[s3]") from None
    except Exception as error:  # each store has errors of its own
        raise InputError(f"{name} cannot be reached: {one_line(error)}") from None
    return cast(Path, remote)


def make(folder: Path) -> None:
    """Make a folder, in an object store its bucket, where it is not there yet."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError:
        raise
    except Exception as error:  # each store has errors of its own
        raise OSError(f"{type(error).__name__}: {error}") from error


def is_remote(path: Path) -> bool:
    """Whether it lies in an object store: a file there appears whole, and there are no locks."""
    return "://" in str(path)


@contextmanager
def writing(folder: Path) -> Iterator[None]:
    """A full disk, a folder that is gone or read-only: an error of one line, and nothing half written."""
    try:
        yield
    except TimeoutError:  # of a lock, which is an OSError too
        raise
    except OSError as error:
        raise InputError(
            f"cannot write to {folder}: {error.strerror or error}; when it can be written, the same command "
            "goes on from what is finished"
        ) from None


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, whole or not at all: a reader sees all of it or nothing."""
    if is_remote(path):
        _put(path, content)
    else:
        write_atomic(path, content)


def table_bytes(frame: "pd.DataFrame", path: Path) -> bytes:
    """A table as the content of a file: text where its name ends in .csv, else parquet; no index."""
    return frame.to_csv(index=False).encode() if path.suffix == ".csv" else frame.to_parquet(index=False)


def _put(path: Path, content: bytes) -> None:
    """Write an object, which is whole or absent; a store that fails is asked again, longer apart."""
    for pause in (*_PAUSES, None):
        try:
            path.write_bytes(content)
        except Exception as error:  # each store has errors of its own
            if pause is None:
                raise OSError(f"{type(error).__name__}: {error}") from error
            time.sleep(pause)
        else:
            return
