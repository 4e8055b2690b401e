"""Maps on disk: their arrays and how they are nested, in one .npz file that runs nothing when it is read."""

import hashlib
import importlib
import io
import json
import os
import zipfile
from dataclasses import fields
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from gscale.errors import InputError
from gscale.flow import Flow

_STRUCTURE = "gscale_flow"


def save_flow(path: Path | str, flow: Flow) -> None:
    """Write a fitted flow to a .npz file, whole or not at all.

    Parameters
    ----------
    path : Path or str
        The file.
    flow : Flow
        Made of the maps of gscale: arrays, numbers, text and other maps.

    Raises
    ------
    InputError
        If the flow holds something else, such as a map of the user's, or the file cannot be written.

    Examples
    --------
    >>> import tempfile
    >>> from gscale import Haar, LayerSpec, Moments, fit_layerwise
    >>> x = jax.random.normal(jax.random.key(0), (100, 3))
    >>> flow, _ = fit_layerwise(jax.random.key(1), x, LayerSpec(Haar(), Moments()), n_layers=2)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save_flow(Path(folder) / "flow.npz", flow)
    ...     again = load_flow(Path(folder) / "flow.npz")
    >>> bool((again.log_prob(x[0]) == flow.log_prob(x[0])).all())
    True
    """
    arrays: list[np.ndarray] = []
    structure = json.dumps({"flow": _described(flow, arrays)})
    content = io.BytesIO()
    named: dict[str, Any] = {f"array_{i}": array for i, array in enumerate(arrays)}
    named[_STRUCTURE] = np.frombuffer(structure.encode(), np.uint8)
    np.savez(content, **named)
    _write(Path(path), content.getvalue())


def load_flow(path: Path | str) -> Flow:
    """Read a flow that `save_flow` wrote.

    Raises
    ------
    InputError
        If it is no such file, or a damaged one.
    """
    path = Path(path)
    try:
        with path.open("rb") as opened, np.load(opened, allow_pickle=False) as file:
            found = json.loads(file[_STRUCTURE].tobytes())
            arrays = [file[f"array_{i}"] for i in range(len(file.files) - 1)]
        flow = _built(found["flow"], arrays)
    except InputError:
        raise
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (KeyError, TypeError, AttributeError, EOFError, zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"{path} is no flow saved by gscale: {' '.join(str(error).split())[:99]}") from None
    if not isinstance(flow, Flow):
        raise InputError(f"{path} holds a {type(flow).__name__}, no flow")
    return flow


def is_flow(path: Path) -> bool:
    """Whether a file is a flow that `save_flow` wrote, by the names of what it holds."""
    if not path.name.lower().endswith(".npz") or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return f"{_STRUCTURE}.npy" in archive.namelist()


def digest(path: Path) -> str:
    """A short digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _described(part: Any, arrays: list[np.ndarray]) -> Any:
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, jax.Array | np.ndarray):
        arrays.append(np.asarray(part))
        return {"array": len(arrays) - 1}
    if isinstance(part, list | tuple):
        return {type(part).__name__: [_described(item, arrays) for item in part]}
    kind = type(part)
    if not isinstance(part, eqx.Module) or kind.__module__.split(".")[0] != "gscale":
        raise InputError(f"a {kind.__name__} cannot be saved: only the maps that come with gscale are")
    inside = {field.name: _described(getattr(part, field.name), arrays) for field in fields(part)}
    return {"map": f"{kind.__module__}:{kind.__qualname__}", "fields": inside}


def _built(found: Any, arrays: list[np.ndarray]) -> Any:
    if not isinstance(found, dict):
        return found
    if "array" in found:
        return jnp.asarray(arrays[found["array"]])
    if "list" in found:
        return [_built(item, arrays) for item in found["list"]]
    if "tuple" in found:
        return tuple(_built(item, arrays) for item in found["tuple"])
    module, _, name = found["map"].partition(":")
    kind: Any = getattr(importlib.import_module(module), name) if module.split(".")[0] == "gscale" else object
    if not (isinstance(kind, type) and issubclass(kind, eqx.Module)):
        raise InputError(f"{found['map']} is no map of gscale")
    part = object.__new__(kind)
    for field in fields(kind):
        object.__setattr__(part, field.name, _built(found["fields"][field.name], arrays))
    return part


def _write(path: Path, content: bytes) -> None:
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another file") from None
