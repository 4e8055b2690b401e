"""IDX, the format of MNIST: a header of sizes, then the values."""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np

from gscale.errors import InputError

_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}


def read_idx(path: Path) -> np.ndarray:
    """The array in an IDX file, gzipped or not.

    Raises
    ------
    InputError
        If the gzip ends early or is damaged, or the header does not fit what follows.
    """
    content = _content(path)
    if len(content) < 4 or content[:2] != b"\0\0" or content[2] not in _TYPES or not content[3]:
        raise InputError(f"{path} is no IDX file: it begins with {content[:4].hex(' ') or 'nothing'}")
    dtype, n_axes = np.dtype(_TYPES[content[2]]), content[3]
    start = 4 + 4 * n_axes
    if len(content) < start:
        raise InputError(f"{path} ends within its header: get the file again")
    shape = struct.unpack(f">{n_axes}I", content[4:start])
    expected = math.prod(shape) * dtype.itemsize
    if len(content) - start != expected:
        sizes = "×".join(map(str, shape))
        raise InputError(
            f"{path} says {sizes} values, {expected} bytes, and holds {len(content) - start}: get it again"
        )
    return np.frombuffer(content, dtype, offset=start).reshape(shape).astype(dtype.newbyteorder("="))


def _content(path: Path) -> bytes:
    content = path.read_bytes()
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise InputError(f"{path} is a damaged gzip ({error}): get the file again") from None
