"""What models are called in tables and figures for people."""

from collections.abc import Iterable

import pandas as pd

from gscale.analysis import Curve
from gscale.results.tables import short

_MODES = {
    "LayerwiseTrained": "each layer trained",
    "EndToEnd": "trained end to end",
    "EndToEndScales": "scales trained end to end",
}


def name_of(curve: Curve) -> str:
    """The way to a flow: its layer, and how it is trained where that is not layer by layer."""
    parts = [curve.setting[part] for part in ("rotation", "coupling", "marginal")]
    layer = " + ".join(short(part) for part in parts if not pd.isna(part))
    mode = _MODES.get(str(curve.setting["training"]).split("(")[0])
    return layer if mode is None else f"{layer}, {mode}"


def brief(names: Iterable[str]) -> dict[str, str]:
    """Names without what stands in inner parentheses, where they are still told apart.

    Examples
    --------
    >>> brief(["Haar + Coupling(AffineTransformer(2.0), MLP(32, 2), None) + Quantiles(16)"]).popitem()[1]
    'Haar + Coupling(AffineTransformer, MLP) + Quantiles(16)'
    """
    shorter = {name: _without_inner(name) for name in names}
    found = list(shorter.values())
    return {name: short if found.count(short) == 1 else name for name, short in shorter.items()}


def _without_inner(name: str) -> str:
    kept, depth = "", 0
    for letter in name:
        depth += (letter == "(") - (letter == ")")
        if depth < 2 and not (depth == 1 and letter == ")"):
            kept += letter
    return kept.replace(", None", "")
