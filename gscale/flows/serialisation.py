"""Models on disk: arrays in one .safetensors file, and their structure as JSON in its header.

The structure names specs and maps of gscale by their stored names (see `gscale.naming`): reading a file makes
these, and runs no code that is in the file.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import fields
from importlib.metadata import version
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import safetensors
from safetensors.numpy import save as as_safetensors

from gscale.errors import InputError, one_line
from gscale.flows.flow import Flow
from gscale.naming import class_named, is_stored, stored_name
from gscale.runtime import write_output

_FORMAT = "2"
_ENDING = ".safetensors"


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
        raise InputError(f"{path} holds a {type(flow).__name__}, not a flow")
    return flow


def save(path: Path | str, kind: str, content: Any, summary: Mapping[str, Any]) -> None:
    """Write maps, specs, arrays, numbers and text, nested as they are, whole or not at all.

    Parameters
    ----------
    path : Path or str
        The file, a .safetensors.
    kind : str
        Kind of the content, such as "flow": `load` refuses any other.
    content : object
        Made of the maps and specs of gscale, arrays, numbers, text, None, lists, tuples and dicts.
    summary : mapping
        A description for people, in the header of the file, as JSON has it.

    Raises
    ------
    InputError
        If the content holds something else, the name ends otherwise, or the file cannot be written.
    """
    path = Path(path)
    check_ending(path)
    parts: list[np.ndarray] = []
    structure = json.dumps(_to_json(content, parts))
    header = {
        "format": _FORMAT,
        "gscale": version("gscale"),
        "kind": kind,
        "summary": json.dumps(summary, ensure_ascii=False),
        "structure": structure,
    }
    arrays = {f"array_{i}": np.ascontiguousarray(part) for i, part in enumerate(parts)}
    write_output(path, as_safetensors(arrays, {**header, "sha256": _checksum(header, arrays)}))


def load(path: Path | str, kind: str) -> Any:
    """Read the content of a file that `save` wrote.

    Raises
    ------
    InputError
        If it is no such file, is cut short or changed, or of another kind or format.
    """
    path = Path(path)
    header, arrays = _read(path)
    if header["format"] != _FORMAT:
        remedy = "fit and save it again" if header["format"] == "1" else "update gscale"
        raise InputError(f"{path} has format {header['format']!r}, this gscale reads {_FORMAT!r}: {remedy}")
    if _checksum(header, arrays) != header.get("sha256"):
        raise InputError(f"{path} is damaged: its content does not have the checksum in its header")
    if header["kind"] != kind:
        raise InputError(f"{path} holds a {header['kind']}, not a {kind}")
    try:
        return _from_json(json.loads(header["structure"]), arrays)
    except InputError:
        raise
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise InputError(f"{path} is no {kind} saved by gscale: {one_line(error)}") from None


def header_of(path: Path | str) -> dict[str, str]:
    """The header of a file that `save` wrote: format, version of gscale, kind, summary, structure.

    Raises
    ------
    InputError
        If it is no such file.
    """
    return _read(Path(path), with_arrays=False)[0]


def check_ending(path: Path) -> None:
    """Refuse a file name with another ending: called before a model is fitted, not when it is written."""
    if not path.name.endswith(_ENDING):
        raise InputError(f"{path} does not end in {_ENDING}")


def is_flow(path: Path) -> bool:
    """Whether a file is a flow that `save_flow` wrote, by its header."""
    return path.name.lower().endswith(_ENDING) and header_of(path).get("kind") == "flow"


def digest(path: Path) -> str:
    """A short digest of a file's content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:12]


def _read(path: Path, *, with_arrays: bool = True) -> tuple[dict[str, str], dict[str, np.ndarray]]:
    try:
        with path.open("rb"), safetensors.safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            # An open file can only be iterated over by its keys().
            arrays = {name: file.get_tensor(name) for name in file.keys()} if with_arrays else {}  # noqa: SIM118
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from None
    except (safetensors.SafetensorError, ValueError, TypeError) as error:
        raise InputError(f"{path} is no readable .safetensors file: {one_line(error)}") from None
    if not {"format", "kind", "structure"} <= header.keys():
        raise InputError(f"{path} was not saved by gscale: its header has no format, kind and structure")
    return header, arrays


def _checksum(header: Mapping[str, str], arrays: Mapping[str, np.ndarray]) -> str:
    content = {key: text for key, text in header.items() if key != "sha256"}
    checksum = hashlib.sha256(json.dumps(content, sort_keys=True).encode())
    for name in sorted(arrays):
        checksum.update(f"{name} {arrays[name].dtype} {arrays[name].shape}".encode())
        checksum.update(np.ascontiguousarray(arrays[name]).data)
    return checksum.hexdigest()


def _to_json(part: Any, arrays: list[np.ndarray]) -> Any:
    """The structure of a part as JSON has it; its arrays are appended to the list."""
    if isinstance(part, np.generic):
        part = part.item()
    if part is None or isinstance(part, bool | int | float | str):
        return part
    if isinstance(part, jax.Array | np.ndarray) and part.dtype != object:
        arrays.append(np.asarray(part))
        return {"array" if isinstance(part, jax.Array) else "numpy": f"array_{len(arrays) - 1}"}
    if isinstance(part, list | tuple):
        return {type(part).__name__: [_to_json(item, arrays) for item in part]}
    if isinstance(part, dict):
        return {"dict": {str(key): _to_json(item, arrays) for key, item in part.items()}}
    if not is_stored(type(part)):
        raise InputError(f"a {type(part).__name__} cannot be saved: only the specs and maps of gscale can be")
    inside = {field.name: _to_json(getattr(part, field.name), arrays) for field in fields(part)}
    return {"class": stored_name(type(part)), "fields": inside}


def _from_json(content: Any, arrays: Mapping[str, np.ndarray]) -> Any:
    """The part of a structure; the only code that runs is that of the specs of gscale when they are made."""
    if not isinstance(content, dict):
        return content
    if "array" in content:
        return jnp.asarray(arrays[content["array"]])
    if "numpy" in content:
        return arrays[content["numpy"]]
    if "list" in content:
        return [_from_json(item, arrays) for item in content["list"]]
    if "tuple" in content:
        return tuple(_from_json(item, arrays) for item in content["tuple"])
    if "dict" in content:
        return {key: _from_json(item, arrays) for key, item in content["dict"].items()}
    kind = class_named(content["class"])
    if kind is None:
        raise InputError(f"{content['class']!r} is no map or spec of gscale")
    inside = {name: _from_json(item, arrays) for name, item in content["fields"].items()}
    if not issubclass(kind, eqx.Module):
        return kind(**inside)
    part = object.__new__(kind)
    for field in fields(kind):
        object.__setattr__(part, field.name, inside[field.name])
    return part
