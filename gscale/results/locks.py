"""Locks on cells, where several processes share a results folder."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from gscale.results.files import is_remote, writing


@contextmanager
def claim(folder: Path, cell_id: str) -> Iterator[bool]:
    """Whether this process has the cell for itself, as long as the context lasts.

    The kernel holds the lock and drops it when the process ends, killed or not: no clock is asked, and
    nothing stale stays behind. An object store has no locks: there, every cell is free.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as name:
    ...     with claim(Path(name), "a") as first, claim(Path(name), "a") as second:
    ...         print(first, second)
    True False
    """
    if is_remote(folder):
        yield True
        return
    path = folder / f".{cell_id}.lock"
    lock = FileLock(path)
    try:
        with writing(folder):
            lock.acquire(blocking=False)
    except Timeout:
        yield False
        return
    try:
        yield True
    finally:
        # Who opened the file before has a lock on a name that is gone: it looks whether the cell is there
        # and at worst measures it again, to the same numbers.
        with suppress(OSError):  # it may be gone, with its folder; Windows keeps a file that is open
            path.unlink()
        lock.release()


def clean(folder: Path) -> None:
    """Remove what killed runs left: half-written files of cells that nobody computes, and their locks."""
    if is_remote(folder):
        return
    halves = [*folder.glob(".*.tmp"), *folder.glob("_*/.*.tmp")]
    locks = [*folder.glob(".*.lock")]
    for path in halves:
        with claim(folder, path.name.split(".")[1]) as claimed:
            if claimed:
                path.unlink(missing_ok=True)
    for path in locks:
        with claim(folder, path.name.split(".")[1]):  # releasing it removes the file, where nobody holds it
            pass
