"""Files of data sets on disk: fetched once, whole and checked, or copied from a folder.

They lie in the folder GSCALE_DATA, by default the user's cache, in one folder a data set.
"""

import gzip
import hashlib
import os
import shutil
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pooch
import requests

from gscale.data.cards import Card, File
from gscale.errors import InputError
from gscale.runtime import atomic_path, write_atomic

OnProgress = Callable[[int, int | None], None]
_CHUNK = 2**16
_TIMEOUT = 30  # seconds without a byte


def file_path(card: Card, file: File) -> Path:
    """Where a file of a data set belongs."""
    return Path(os.environ.get("GSCALE_DATA") or pooch.os_cache("gscale")) / card.folder / file.name


def is_cached(card: Card) -> bool:
    """Whether all files of a data set are on disk."""
    return all(file_path(card, file).is_file() for file in card.files)


def fetch_files(card: Card, on_progress: OnProgress | None = None) -> list[Path]:
    """The files of a data set, fetched where they are not on disk, and checked.

    Parameters
    ----------
    card : Card
        The data set.
    on_progress : callable, optional
        Called with the bytes of a file that are on disk, and their number in all where it is known.

    Raises
    ------
    InputError
        If a file cannot be fetched or does not have the published checksum; the line says where to put it by
        hand.
    """
    return [_fetch_file(card, file, on_progress) for file in card.files]


def copy_files(card: Card, folder: Path) -> list[Path]:
    """Copy the files of a data set from a folder into the cache, each checked before.

    Raises
    ------
    InputError
        If a file is not there, does not have the published checksum, or cannot be written.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    return [_copy_file(card, file, folder) for file in card.files]


def _fetch_file(card: Card, file: File, on_progress: OnProgress | None) -> Path:
    path = file_path(card, file)
    if path.is_dir():
        raise InputError(f"{path} is a folder, and should be a file of {card.name}: move it away")
    if not path.is_file():
        _download(card, file, path, on_progress)
        return path
    note = _note(path)
    checksum = note.read_text().strip() if file.checksum is None and note.is_file() else file.checksum
    if not _fits(path, checksum, file.content):
        raise InputError(f"{path} has not the checksum {checksum}: delete it, and it is fetched again")
    return path


def _copy_file(card: Card, file: File, folder: Path) -> Path:
    candidates = folder / file.name, folder / card.folder / file.name
    source = next((path for path in candidates if path.is_file()), None)
    if source is None:
        raise InputError(f"{folder} has no file {file.name} of {card.name}; it is fetched from {file.url}")
    if not _fits(source, file.checksum, file.content):
        raise InputError(
            f"{source} has not the checksum {file.checksum} published for {card.name}: get it again"
        )
    path = file_path(card, file)
    with _writing(path):
        with atomic_path(path) as temporary:
            shutil.copyfile(source, temporary)
        _note_digest(file, path)
    return path


def _download(card: Card, file: File, path: Path, on_progress: OnProgress | None) -> None:
    by_hand = f"put {file.name} into {path.parent}, or run gscale data fetch {card.name} --from FOLDER"
    partial = path.with_name(f".{path.name}.partial")
    with _writing(path):
        try:
            _append(file.url, partial, on_progress)
        except requests.RequestException as error:
            raise InputError(f"cannot fetch {file.url} ({_reason(error)}): try again, or {by_hand}") from None
        if not _fits(partial, file.checksum, file.content):
            partial.unlink()
            raise InputError(f"{file.url} has not the checksum {file.checksum} and was deleted: {by_hand}")
        partial.replace(path)  # what is in place is whole and checked
        _note_digest(file, path)


def _append(url: str, partial: Path, on_progress: OnProgress | None) -> None:
    """Download a file, from where the last download of it stopped if the server can."""
    size = partial.stat().st_size if partial.exists() else 0
    headers = {"Range": f"bytes={size}-", "Accept-Encoding": "identity"} if size else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
        resumed = answer.headers.get("Content-Range", "").startswith(f"bytes {size}-")
        if size and not (answer.status_code == 206 and resumed):
            partial.unlink()
            _append(url, partial, on_progress)
            return
        answer.raise_for_status()
        length = answer.headers.get("Content-Length")
        with partial.open("ab") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                if on_progress is not None:
                    on_progress(file.tell(), size + int(length) if length else None)


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"status {error.response.status_code}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "it ended early; the next download goes on from there"
    return "no answer in time" if isinstance(error, requests.Timeout) else "no connection"


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    """Make the folder of a file; where nothing can be written, an error of one line."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield
    except OSError as error:
        raise InputError(
            f"cannot write {path}: {error.strerror or error}; set GSCALE_DATA to a folder that can be written"
        ) from None


def _fits(path: Path, checksum: str | None, content: str | None) -> bool:
    """Whether a file has its checksum, or what it holds as a gzip the checksum of the content."""
    if checksum is None or _has_checksum(path.open("rb"), checksum):
        return True
    return content is not None and _has_checksum(cast(BinaryIO, gzip.open(path)), content)


def _has_checksum(opened: BinaryIO, checksum: str) -> bool:
    algorithm, _, digest = checksum.partition(":")
    try:
        with opened as file:
            return hashlib.file_digest(cast(Any, file), algorithm).hexdigest() == digest
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False


def _note_digest(file: File, path: Path) -> None:
    """Write down the digest of a file that has no published checksum, so that a change is noticed."""
    if file.checksum is None:
        write_atomic(_note(path), f"sha256:{pooch.file_hash(str(path))}\n".encode())


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
