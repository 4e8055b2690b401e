"""Files out of archives: small ones into memory, large ones beside the archive."""

import os
import shutil
import tarfile
import zlib
from pathlib import Path

from gscale.errors import InputError


def members(path: Path, endings: list[str]) -> list[bytes]:
    """The files in a .tar.gz whose names end so, in this order.

    Raises
    ------
    InputError
        If the archive is damaged or lacks one.
    """
    found: dict[str, bytes] = {}
    try:
        with tarfile.open(path, "r:gz") as archive:
            for member in archive:
                for ending in (ending for ending in endings if member.name.endswith(ending)):
                    file = archive.extractfile(member)
                    found[ending] = file.read() if file else b""
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is a damaged archive ({error}): get it again") from None
    for ending in endings:
        if ending not in found:
            raise InputError(f"{path} lacks {ending}: get it again")
    return [found[ending] for ending in endings]


def unpacked(archive: Path, ending: str) -> Path:
    """The file of a .tar.gz whose name ends so, unpacked beside it, once and whole.

    Raises
    ------
    InputError
        If the archive is damaged or lacks the file, or there is no room for it.
    """
    path = archive.with_name(ending.replace("/", "-"))
    if path.is_file():
        return path
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _unpack(archive, ending, partial)
        partial.replace(path)
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise InputError(f"{archive} is a damaged archive ({error}): get it again") from None
    except OSError as error:
        raise InputError(f"cannot unpack {ending} of {archive}: {error.strerror or error}") from None
    finally:
        partial.unlink(missing_ok=True)
    return path


def _unpack(archive: Path, ending: str, target: Path) -> None:
    with tarfile.open(archive, "r:gz") as packed:
        for found in packed:
            source = packed.extractfile(found) if found.name.endswith(ending) else None
            if source is not None:
                with target.open("wb") as file:
                    shutil.copyfileobj(source, file)
                return
    raise InputError(f"{archive} lacks {ending}: get it again")
