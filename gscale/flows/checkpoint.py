"""Keeping a training on disk, so that what is killed goes on."""

import io
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx

from gscale.errors import InputError

_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A file that holds the last state of a training; it is written whole or not at all.

    Parameters
    ----------
    path : Path or str
        The file; its folder is made when the first state is kept.

    Examples
    --------
    >>> import tempfile
    >>> import jax.numpy as jnp
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     checkpoint = Checkpoint(Path(folder) / "training.ckpt")
    ...     before = checkpoint.load(jnp.zeros(2), "mine")
    ...     checkpoint.save(jnp.ones(2), "mine")
    ...     before, checkpoint.load(jnp.zeros(2), "mine").tolist()
    (None, [1.0, 1.0])
    """

    path: Path | str

    def load(self, like: Any, setting: str) -> Any | None:
        """The state kept of the training called ``setting``, structured as ``like``; None without a file.

        Raises
        ------
        InputError
            If the file is no checkpoint, or one of another training.
        """
        path = Path(self.path)
        if not path.exists():
            return None
        try:
            with path.open("rb") as file:
                header = json.loads(file.readline())
                same = header["checkpoint"] == _VERSION and header["setting"] == setting
                state = eqx.tree_deserialise_leaves(file, like) if same else None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path} is no readable checkpoint ({reason}): delete it") from None
        if not same:
            raise InputError(
                f"{path} is the checkpoint of another training, with other rows, flow, key or settings: "
                "delete it or choose another file"
            )
        return state

    def save(self, state: Any, setting: str) -> None:
        """Keep a state in place of the one before.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        content = io.BytesIO()
        content.write(json.dumps({"checkpoint": _VERSION, "setting": setting}).encode() + b"\n")
        eqx.tree_serialise_leaves(content, state)
        path = Path(self.path)
        partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with partial.open("wb") as file:
                file.write(content.getvalue())
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}; choose another file") from None
