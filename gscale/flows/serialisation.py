"""Models on disk: one .safetensors file, its header says how arrays are nested. Reading runs nothing."""

import hashlib
import importlib
import json
import os
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from safetensors.numpy import save as as_safetensors

from gscale.errors import InputError
from gscale.flows.flow import Flow

_FORMAT = "1"
_ENDING = ".safetensors"
# The only rooms whose maps and specs a file may name; nothing of them but its fields is ever called.
_ROOMS = {
    f"gscale.{room}"
    for room in (
        *("conditioner", "coupling", "elementwise", "flow", "learned", "marginals", "mixture", "optimise"),
        *("end_to_end", "rotations", "stopping", "transformer"),
        *("estimators.columns", "estimators.detector", "estimators.encoder"),
        *("images.classifier", "images.cvae", "images.network"),
    )
}


def save_flow(path: Path | str, flow: Flow) -> None:
    """Write a fitted flow to a .safetensors file, whole or not at all.

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
    ...     save_flow(Path(folder) / "flow.safetensors", flow)
    ...     again = load_flow(Path(folder) / "flow.safetensors")
    >>> bool((again.log_prob(x[0]) == flow.log_prob(x[0])).all())
    True
    """
    save(path, "flow", flow, {"dim": flow.dim})


def load_flow(path: Path | str) -> Flow:
    """Read a flow that `save_flow` wrote.

    Raises
    ------
    InputError
        If it is no such file, or a damaged one.
    """
    flow = load(path, "flow")
    if not isinstance(flow, Flow):
        raise InputError(f"{path} holds a {type(flow).__name__}, no flow")
    return flow


def save(path: Path | str, kind: str, content: Any, summary: Mapping[str, Any]) -> None:
    """Write maps, specs, arrays, numbers and text, nested as they are, whole or not at all.

    Parameters
    ----------
    path : Path or str
        The file, a .safetensors.
    kind : str
        What it is, for who reads it.
    content : object
        Made of the maps and specs of gscale, arrays, numbers, text, None, lists, tuples and dicts.
    summary : mapping
        What the header says to a human about the content, as JSON has it.

    Raises
    ------
    InputError
        If the content holds something else, the name ends otherwise, or the file cannot be written.
    """
    path = Path(path)
    check_ending(path)
    arrays: list[np.ndarray] = []
    structure = json.dumps(_described(content, arrays))
    header = {
        "format": _FORMAT,
        "gscale": version("gscale"),
        "kind": kind,
        "summary": json.dumps(summary, ensure_ascii=False),
        "structure": structure,
    }
    named = {f"array_{i}": np.ascontiguousarray(array) for i, array in enumerate(arrays)}
    write_whole(path, as_safetensors(named, {**header, "sha256": _digest_of(header, named)}))


def load(path: Path | str, kind: str) -> Any:
    """Read what `save` wrote, if it is of that kind.

    Raises
    ------
    InputError
        If it is no such file, is cut short or changed, or of another kind or a newer format.
    """
    path = Path(path)
    header, named = _read(path)
    if header.get("format") != _FORMAT:
        raise InputError(
            f"{path} has format {header.get('format')!r}: this gscale reads {_FORMAT!r}, update it"
        )
    if _digest_of(header, named) != header.get("sha256"):
        raise InputError(f"{path} is damaged: its content is not what its checksum is of")
    if header["kind"] != kind:
        raise InputError(f"{path} holds a {header['kind']}, no {kind}")
    try:
        return _built(json.loads(header["structure"]), named)
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is no {kind} saved by gscale: {_one_line(error)}") from None


def header_of(path: Path | str) -> dict[str, str]:
    """The header of a file that `save` wrote: format, version of gscale, kind, summary, structure.

    Raises
    ------
    InputError
        If it is no such file.
    """
    return _read(Path(path), arrays=False)[0]


def check_ending(path: Path) -> None:
    """Refuse a name that does not say what the file is, before there is anything to write."""
    if not path.name.endswith(_ENDING):
        raise InputError(f"{path} does not end in {_ENDING}")


def is_flow(path: Path) -> bool:
    """Whether a file is a flow that `save_flow` wrote, by its header."""
    return path.name.lower().endswith(_ENDING) and header_of(path).get("kind") == "flow"


def digest(path: Path) -> str:
    """A short digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _read(path: Path, *, arrays: bool = True) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    try:
        with path.open("rb"), safetensors.safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            # An open file can only be iterated over by its keys().
            named = {name: file.get_tensor(name) for name in file.keys()} if arrays else {}  # noqa: SIM118
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (safetensors.SafetensorError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no readable .safetensors file: {_one_line(error)}") from None
    if not {"format", "kind", "structure"} <= header.keys():
        raise InputError(f"{path} was not saved by gscale: its header says nothing of it")
    return header, named


def _digest_of(header: Mapping[str, str], named: Mapping[str, np.ndarray]) -> str:
    told = {key: text for key, text in header.items() if key != "sha256"}
    found = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
    for name in sorted(named):
        found.update(f"{name} {named[name].dtype} {named[name].shape}".encode())
        found.update(np.ascontiguousarray(named[name]).data)
    return found.hexdigest()


def _described(part: Any, arrays: list[np.ndarray]) -> Any:
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, jax.Array | np.ndarray) and part.dtype != object:
        arrays.append(np.asarray(part))
        return {"array" if isinstance(part, jax.Array) else "numpy": f"array_{len(arrays) - 1}"}
    if isinstance(part, list | tuple):
        return {type(part).__name__: [_described(item, arrays) for item in part]}
    if isinstance(part, dict):
        return {"dict": {str(key): _described(item, arrays) for key, item in part.items()}}
    kind = type(part)
    if kind.__module__ not in _ROOMS or not is_dataclass(part):
        raise InputError(f"a {kind.__name__} cannot be saved: only what comes with gscale is")
    inside = {field.name: _described(getattr(part, field.name), arrays) for field in fields(part)}
    return {"of": f"{kind.__module__}:{kind.__qualname__}", "fields": inside}


def _built(found: Any, named: Mapping[str, np.ndarray]) -> Any:
    if not isinstance(found, dict):
        return found
    if "array" in found:
        return jnp.asarray(named[found["array"]])
    if "numpy" in found:
        return named[found["numpy"]]
    if "list" in found:
        return [_built(item, named) for item in found["list"]]
    if "tuple" in found:
        return tuple(_built(item, named) for item in found["tuple"])
    if "dict" in found:
        return {key: _built(item, named) for key, item in found["dict"].items()}
    return _dataclass(found, named)


def _dataclass(found: dict[str, Any], named: Mapping[str, np.ndarray]) -> Any:
    """A map with its fields as they were, or a spec, which looks at its own."""
    module, _, name = found["of"].partition(":")
    kind: Any = getattr(importlib.import_module(module), name, None) if module in _ROOMS else None
    if not (isinstance(kind, type) and kind.__module__ == module and is_dataclass(kind)):
        raise InputError(f"{found['of']} is no map or spec of gscale")
    inside = {field.name: _built(found["fields"][field.name], named) for field in fields(kind)}
    if not issubclass(kind, eqx.Module):
        return kind(**inside)
    part = object.__new__(kind)
    for field, value in inside.items():
        object.__setattr__(part, field, value)
    return part


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:99]


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it: it is whole or not there.

    Raises
    ------
    InputError
        If it cannot be written.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        partial.write_bytes(content)
        partial.replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror}; choose another file") from None
