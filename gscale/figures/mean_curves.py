"""Curves of several seeds, stacked by what they are, to be drawn as means."""

import numpy as np

from gscale.analysis import Curve

_KINDS = {"Population": "exact", "Expected": "expected", "LowerBound": "bound"}


def stacked_curves(drawn: list[Curve], relative: bool) -> dict[str, np.ndarray]:
    """The curves (S, L + 1) of one D by kind, as shares of the first excess if relative.

    Cut to the shallowest. A curve of test losses brings its training losses, of the kind ``train``.
    """
    parts: dict[str, list[np.ndarray]] = {}
    for curve in drawn:
        unit = (curve.excess[0] or 1.0) if relative else 1.0
        parts.setdefault(_kind(curve), []).append(curve.excess / unit)
        if curve.excess_train is not None:
            parts.setdefault("train", []).append(curve.excess_train / unit)
    return {kind: np.array([c[: min(map(len, found))] for c in found]) for kind, found in parts.items()}


def in_dims(drawn: list[Curve]) -> bool:
    """Whether depth is drawn in units of D: for scales trained together."""
    return all(str(curve.setting["training"]).startswith("EndToEndScales(") for curve in drawn)


def _kind(curve: Curve) -> str:
    if curve.whole:
        return "whole"
    return _KINDS[str(curve.setting["training"]).split("(")[0]] if curve.exact else "test"
