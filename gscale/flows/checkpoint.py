"""The state of a training on disk: a training that was killed is resumed from it."""

import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import equinox as eqx

from gscale.errors import InputError
from gscale.runtime import write_output

_VERSION = 1


@dataclass(frozen=True)
class Checkpoint:
    """A file with the last state of a training; it is written whole or not at all.

    Parameters
    ----------
    path : Path or str
        The file; its folder is made with the first state.

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
        """The saved state of the training called ``setting``, structured as ``like``; None without a file.

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
                is_same = header["checkpoint"] == _VERSION and header["setting"] == setting
                state = eqx.tree_deserialise_leaves(file, like) if is_same else None
        except (OSError, ValueError, KeyError, TypeError, RuntimeError, EOFError) as error:
            reason = str(error).splitlines()[0]
            raise InputError(f"{path} is no readable checkpoint ({reason}): delete it") from None
        if not is_same:
            raise InputError(
                f"{path} is the checkpoint of another training, with other rows, flow, key or settings: "
                "delete it or choose another file"
            )
        return state

    def save(self, state: Any, setting: str) -> None:
        """Write a state over the one before.

        Raises
        ------
        InputError
            If the file cannot be written.
        """
        content = io.BytesIO()
        content.write(json.dumps({"checkpoint": _VERSION, "setting": setting}).encode() + b"\n")
        eqx.tree_serialise_leaves(content, state)
        path = Path(self.path)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise InputError(f"cannot write {path}: {error.strerror}; choose another file") from None
        write_output(path, content.getvalue())
