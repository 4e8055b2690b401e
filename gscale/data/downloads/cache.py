"""Files of data sets on disk: fetched once, whole and checked, or taken from where they are.

They lie in the folder GSCALE_DATA, by default the user's cache, in one folder a data set.
"""

import gzip
import hashlib
import logging
import os
import shutil
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

import pooch
import requests

from gscale.data.downloads.card import Card, File
from gscale.errors import InputError

Report = Callable[[int, int | None], None]
_CHUNK = 2**16
_TIMEOUT = 30  # seconds without a byte

pooch.get_logger().setLevel(logging.WARNING)  # who calls says what happens


def root() -> Path:
    """The folder of all data sets."""
    chosen = os.environ.get("GSCALE_DATA")
    return Path(chosen) if chosen else Path(pooch.os_cache("gscale"))


def place(card: Card, file: File) -> Path:
    """Where a file of a data set belongs."""
    return root() / card.folder / file.name


def cached(card: Card) -> bool:
    """Whether all files of a data set are on disk."""
    return all(place(card, file).is_file() for file in card.files)


def ready(card: Card, report: Report | None = None) -> list[Path]:
    """The files of a data set, fetched where they are not on disk, and checked.

    Parameters
    ----------
    card : Card
        The data set.
    report : callable, optional
        Called with the bytes of a file that are there, and their number where it is known.

    Raises
    ------
    InputError
        If a file cannot be had or has not the published checksum; the line says where to put it by hand.
    """
    return [_ready(card, file, report) for file in card.files]


def take(card: Card, folder: Path) -> list[Path]:
    """Copy the files of a data set from a folder, checked on the way, whole or not at all.

    Raises
    ------
    InputError
        If a file is not there, has not the published checksum, or cannot be written.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder")
    return [_taken(card, file, folder) for file in card.files]


def _ready(card: Card, file: File, report: Report | None) -> Path:
    path = place(card, file)
    if path.is_dir():
        raise InputError(f"{path} is a folder, and should be a file of {card.name}: move it away")
    if not path.is_file():
        return _fetched(card, file, path, report)
    if not _fits(path, _expected(file, path), file.content):
        raise InputError(
            f"{path} has not the checksum {_expected(file, path)}: delete it, and it is fetched again"
        )
    return path


def _taken(card: Card, file: File, folder: Path) -> Path:
    found = next(
        (path for path in (folder / file.name, folder / card.folder / file.name) if path.is_file()), None
    )
    if found is None:
        raise InputError(f"{folder} has no file {file.name} of {card.name}; it is fetched from {file.url}")
    if not _fits(found, file.checksum, file.content):
        raise InputError(
            f"{found} has not the checksum {file.checksum} published for {card.name}: get it again"
        )
    path = place(card, file)
    _make_folder(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        shutil.copyfile(found, partial)
        partial.replace(path)
        _remember(file, path)
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise _unwritable(path, error) from None
    return path


def _fetched(card: Card, file: File, path: Path, report: Report | None) -> Path:
    by_hand = f"or put {file.name} into {path.parent}, or run gscale data fetch {card.name} --from FOLDER"
    downloader = _Resuming(path.with_name(f".{path.name}.partial"), report)
    _make_folder(path)
    try:
        pooch.retrieve(file.url, file.checksum, path.name, path.parent, downloader=downloader)
        _remember(file, path)
    except requests.RequestException as error:
        raise InputError(f"cannot fetch {file.url} ({_reason(error)}): try again, {by_hand}") from None
    except ValueError:
        raise InputError(
            f"{file.url} has not the checksum {file.checksum}, nothing is kept: {by_hand}"
        ) from None
    except OSError as error:
        raise _unwritable(path, error) from None
    return path


class _Resuming:
    """A downloader for pooch that goes on where the last one stopped; what is there has another name."""

    def __init__(self, partial: Path, report: Report | None) -> None:
        self.partial, self.report = partial, report

    def __call__(self, url: str, output_file: str, pooch: Any) -> None:
        done = self.partial.stat().st_size if self.partial.exists() else 0
        headers = {"Range": f"bytes={done}-", "Accept-Encoding": "identity"} if done else {}
        with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as answer:
            if done and not _goes_on(answer, done):
                self.partial.unlink()
                self(url, output_file, pooch)
                return
            answer.raise_for_status()
            self._append(answer, done)
        self.partial.replace(output_file)

    def _append(self, answer: requests.Response, done: int) -> None:
        length = answer.headers.get("Content-Length")
        total = done + int(length) if length else None
        with self.partial.open("ab") as file:
            for chunk in answer.iter_content(_CHUNK):
                file.write(chunk)
                if self.report is not None:
                    self.report(file.tell(), total)


def _goes_on(answer: requests.Response, done: int) -> bool:
    return answer.status_code == 206 and answer.headers.get("Content-Range", "").startswith(f"bytes {done}-")


def _reason(error: requests.RequestException) -> str:
    if error.response is not None:
        return f"status {error.response.status_code}"
    if isinstance(error, requests.exceptions.ChunkedEncodingError):
        return "it ended early; what is there is kept to go on from"
    return "no answer in time" if isinstance(error, requests.Timeout) else "no connection"


def _make_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> InputError:
    return InputError(
        f"cannot write {path}: {error.strerror or error}; set GSCALE_DATA to a folder that can be written"
    )


def _fits(path: Path, checksum: str | None, content: str | None) -> bool:
    """Whether a file, or what it holds where that has a checksum of its own, is the published one."""
    if checksum is None or _is(path.open("rb"), checksum):
        return True
    return content is not None and _is(cast(BinaryIO, gzip.open(path)), content)


def _is(opened: BinaryIO, checksum: str) -> bool:
    algorithm, _, digest = checksum.partition(":")
    try:
        with opened as file:
            return hashlib.file_digest(cast(Any, file), algorithm).hexdigest() == digest
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False


def _remember(file: File, path: Path) -> None:
    """Keep the digest of a file that has no published one: then a change can be told."""
    if file.checksum is None:
        _note(path).write_text(f"sha256:{pooch.file_hash(str(path))}\n")


def _expected(file: File, path: Path) -> str | None:
    if file.checksum is None and _note(path).is_file():
        return _note(path).read_text().strip()
    return file.checksum


def _note(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")
