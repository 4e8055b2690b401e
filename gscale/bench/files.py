"""Files of a results folder: whole or absent, and errors of one line."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from gscale.errors import InputError


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
