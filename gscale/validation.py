"""Checks of arguments and of rows, each an error of one line: the value, the limit, what to do."""

import math
import sys
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from gscale.errors import InputError


def check_at_least(least: float, values: Mapping[str, float]) -> None:
    """Refuse numbers, given by name, that are below a limit or not finite.

    Raises
    ------
    InputError
        Naming the first of them.

    Examples
    --------
    >>> check_at_least(1, {"n_steps": 10})
    """
    for name, value in values.items():
        if not least <= value < math.inf:
            finite = "" if math.isfinite(value) else "finite and "
            raise InputError(f"{name} is {value}: it is {finite}at least {least}")


def check_positive(values: Mapping[str, float]) -> None:
    """Refuse numbers, given by name, that are not above 0, or not finite.

    Raises
    ------
    InputError
        Naming the first of them.
    """
    for name, value in values.items():
        if not 0 < value < math.inf:
            raise InputError(f"{name} is {value}: it is positive and finite")


def check_share(values: Mapping[str, float]) -> None:
    """Refuse shares, given by name, outside of [0, 1).

    Raises
    ------
    InputError
        Naming the first of them.
    """
    for name, value in values.items():
        if not 0 <= value < 1:
            raise InputError(f"{name} is {value}: it is a share, at least 0 and below 1")


def check_rows(x: Any, name: str) -> None:
    """Refuse fewer than 2 rows, NaN, infinity and constant columns in x (N, D).

    Raises
    ------
    InputError
        Naming the row and the column.
    """
    if _is_jax(x, "core.Tracer"):
        return  # inside a transformation there are no values to look at
    x = _in_memory(x)
    if x.ndim != 2:
        raise InputError(f"{name} has shape {x.shape}: rows and columns (N, D) are needed")
    if x.shape[0] < 2:
        raise InputError(f"{name} has {x.shape[0]} row(s): at least 2 are needed")
    lowest, highest = _ranges(x, name)
    constant = np.flatnonzero(lowest == highest)
    if constant.size:
        raise InputError(
            f"{name}: column {constant[0]} has no variance (every row is {lowest[constant[0]]:g}): drop it"
        )


def check_finite(x: Any, name: str) -> None:
    """Refuse NaN and infinity in x (N, D).

    Raises
    ------
    InputError
        Naming the row and the column.
    """
    _ranges(_in_memory(x), name)


def _in_memory(x: Any) -> Any:
    """Rows as NumPy has them, those of CPUs without a copy; where they are on devices, they stay there."""
    elsewhere = _is_jax(x, "Array") and (len(x.devices()) > 1 or x.platform() != "cpu")
    return x if elsewhere else np.asarray(x)


def _is_jax(x: Any, kind: str) -> bool:
    """Whether x is an instance of a class of JAX, which is not imported for the sake of asking."""
    known: Any = sys.modules.get("jax")
    for part in kind.split("."):
        known = getattr(known, part, None)
    return known is not None and isinstance(x, known)


def _ranges(x: Any, name: str) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest value (D,) of each column, where all are finite."""
    with np.errstate(invalid="ignore"):
        lowest, highest = np.asarray(x.min(0)), np.asarray(x.max(0))
    # XLA's least value passes over NaN on some backends, NumPy's doesn't
    finite = _compiled_all_finite()(x) if _is_jax(x, "Array") else np.isfinite(lowest) & np.isfinite(highest)
    if not np.all(finite):
        row, column = np.argwhere(~np.isfinite(x))[0]
        raise InputError(
            f"{name}: there is {x[row, column]} in row {row}, column {column}; "
            "every value must be finite: drop or fill such rows first"
        )
    return lowest, highest


@cache
def _compiled_all_finite() -> Any:
    import jax
    import jax.numpy as jnp

    return jax.jit(lambda x: jnp.isfinite(x).all())
