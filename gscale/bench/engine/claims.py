"""Who is at which cell, where several processes share a results folder."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from gscale.errors import InputError


@contextmanager
def claim(folder: Path, cell_id: str) -> Iterator[bool]:
    """Whether this process has the cell for itself, as long as the context lasts.

    The kernel holds the lock and drops it when the process ends, killed or not: no clock is asked, and
    nothing stale stays behind.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with claim(Path(name), "a") as first, claim(Path(name), "a") as second:
    ...         print(first, second)
    True False
    """
    path = folder / f".{cell_id}.lock"
    lock = FileLock(path)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    except OSError as error:
        raise InputError(f"cannot write to {folder}: {error.strerror}; the same command goes on") from None
    try:
        yield True
    finally:
        # Who opened the file before has a lock on a name that is gone: it looks whether the cell is there
        # and at worst measures it again, to the same numbers.
        path.unlink(missing_ok=True)
        lock.release()
