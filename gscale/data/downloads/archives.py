"""Files out of archives: small ones into memory, large ones beside the archive."""

import shutil
import tarfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from gscale.errors import InputError, one_line
from gscale.runtime import atomic_path


def read_members(archive: Path, endings: list[str]) -> list[bytes]:
    """The files of a .tar.gz whose names have these endings, in this order.

    Raises
    ------
    InputError
        If the archive is damaged or lacks one.
    """
    with _opened(archive) as packed:
        return [_member(archive, packed, ending).read() for ending in endings]


def unpack_member(archive: Path, ending: str) -> Path:
    """The file of a .tar.gz whose name has this ending, unpacked beside it once.

    Raises
    ------
    InputError
        If the archive is damaged or lacks the file, or it cannot be written.
    """
    path = archive.with_name(ending.replace("/", "-"))
    if path.is_file():
        return path
    with _opened(archive) as packed:
        member = _member(archive, packed, ending)
        try:
            with atomic_path(path) as temporary, temporary.open("wb") as file:
                shutil.copyfileobj(member, file)
        except OSError as error:
            raise InputError(f"cannot unpack {ending} of {archive}: {error.strerror or error}") from None
    return path


@contextmanager
def _opened(archive: Path) -> Iterator[tarfile.TarFile]:
    try:
        with tarfile.open(archive, "r:gz") as packed:
            yield packed
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{archive} is a damaged archive ({one_line(error)}): get it again") from None


def _member(archive: Path, packed: tarfile.TarFile, ending: str) -> IO[bytes]:
    for member in packed:
        file = packed.extractfile(member) if member.name.endswith(ending) else None
        if file is not None:
            return file
    raise InputError(f"{archive} lacks {ending}: get it again")
