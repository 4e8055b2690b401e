"""Settings as data: a spec, a data set or a way of training as JSON of the fields that are not default.

``Quantiles(n_bins=16)`` is ``{"Quantiles":{"n_bins":16}}``, ``Haar()`` is ``{"Haar":{}}``. The id of a
cell is a hash of this text, so that the same setting has the same id, whatever

- the version of Python or the order of fields: keys are sorted;
- the kind of number: 2, 2.0, ``np.int64(2)`` and ``np.float64(2)`` are one number;
- a field that is added later: with its default it is left out;
- what a class is renamed to: its ``stored_name`` goes on (see `gscale.naming`).

A *changed* default is another setting: rename the class, or write the old value where it was meant.
"""

import json
import math
from dataclasses import MISSING, Field, fields, is_dataclass
from functools import cache
from typing import Any

import numpy as np

from gscale.errors import InputError
from gscale.naming import stored_name

_EXACT = 2**53  # integers below are floats exactly


def encode(value: Any) -> Any:
    """A setting as JSON has it: a dataclass as ``{name: {field: value}}``, tuples as lists, plain numbers.

    Raises
    ------
    InputError
        If a part has no value of its own, such as a function: it would be another setting in each process.

    Examples
    --------
    >>> from gscale.data import Gaussian, NearIdentity
    >>> encode(Gaussian(NearIdentity(size=np.float64(0.1)))), encode(Gaussian())
    ({'Gaussian': {'covariance': {'NearIdentity': {'size': 0.1}}}}, {'Gaussian': {}})
    """
    if isinstance(value, np.generic):
        value = value.item()
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        whole = math.isfinite(value) and value == int(value) and abs(value) < _EXACT
        return int(value) if whole else value
    if isinstance(value, list | tuple):
        return [encode(item) for item in value]
    if isinstance(value, dict):
        return {str(key): encode(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return {stored_name(type(value)): _chosen(value)}
    raise InputError(
        f"{value!r} is a {type(value).__name__} without a value of its own: make it a frozen dataclass"
    )


def to_json(value: Any) -> str:
    """`encode`, as text: the same for the same setting.

    Examples
    --------
    >>> from gscale import Quantiles
    >>> to_json(Quantiles(n_bins=16)), to_json(Quantiles())
    ('{"Quantiles":{"n_bins":16}}', '{"Quantiles":{}}')
    """
    return json.dumps(encode(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)


@cache
def parts(text: str) -> tuple[str, dict[str, Any]]:
    """The name and the chosen fields of a setting in a table.

    Examples
    --------
    >>> parts('{"Quantiles":{"n_bins":16}}')
    ('Quantiles', {'n_bins': 16})
    """
    ((name, chosen),) = json.loads(text).items()
    return name, chosen


@cache
def label(text: str) -> str:
    """A setting of a table, for people.

    Examples
    --------
    >>> label('{"Gaussian":{"covariance":{"NearIdentity":{"size":0.1}}}}'), label('{"Haar":{}}')
    ('Gaussian(NearIdentity(size=0.1))', 'Haar')
    """
    return _label(json.loads(text))


def _chosen(value: Any) -> dict[str, Any]:
    """The fields that make a setting what it is and are not default."""
    encoded = {field.name: encode(getattr(value, field.name)) for field in fields(value) if field.repr}
    return {
        name: part
        for name, part in encoded.items()
        if _is_missing(default := _default(type(value), name)) or encode(default) != part
    }


def _default(kind: type, name: str) -> Any:
    field: Field[Any] = kind.__dataclass_fields__[name]  # type: ignore[attr-defined]
    make = field.default_factory
    return field.default if _is_missing(make) else make()  # type: ignore[operator]


def _is_missing(value: Any) -> bool:
    """Whether it is `MISSING`, or its copy in a class that was pickled by value."""
    return isinstance(value, type(MISSING))


def _label(value: Any) -> str:
    if isinstance(value, dict) and len(value) == 1 and isinstance(next(iter(value.values())), dict):
        ((name, chosen),) = value.items()
        inner = ", ".join(
            _label(part) if isinstance(part, dict) else f"{field}={_label(part)}"
            for field, part in chosen.items()
        )
        return f"{name}({inner})" if inner else name
    if isinstance(value, list):
        return f"({', '.join(map(_label, value))})"
    return str(value)
