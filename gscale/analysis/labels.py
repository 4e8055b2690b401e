"""What models, settings and targets are called in tables and figures for people."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from gscale.analysis.curves import Curve
from gscale.results.settings import label, parts

# Ways of training that are named beside a layer; the others follow from the kind of curve.
_MODES = {
    "Layerwise": "",
    "LayerwiseTrained": "each layer trained",
    "EndToEnd": "trained end to end",
    "EndToEndScales": "scales trained end to end",
}


def layer_label(setting: Mapping[str, Any]) -> str:
    """What the layers of a setting are made of, such as "Haar + Quantiles(n_bins=16)"."""
    names = (setting["rotation"], setting["coupling"], setting["marginal"])
    return " + ".join(label(name) for name in names if not pd.isna(name))


def mode_label(setting: Mapping[str, Any]) -> str:
    """How the layers of a setting are trained, where it is not one by one without a loss."""
    name = parts(setting["training"])[0]
    if setting["kind"] in ("population", "expected", "bound", "construction"):
        return ""
    return _MODES.get(name, label(setting["training"]))


def model_label(curve: Curve) -> str:
    """A model: its layers, and how they are trained where that is not one by one."""
    return ", ".join(filter(None, [layer_label(curve.setting), mode_label(curve.setting)]))


def dataset_label(setting: Mapping[str, Any]) -> str:
    """The data set of a setting."""
    return label(setting["dataset"])


def brief(names: Iterable[str]) -> dict[str, str]:
    """Names without what stands in inner parentheses, where they are still told apart.

    Examples
    --------
    >>> brief(["Haar + Coupling(MLP(width=32), Training(n_steps=200)) + Quantiles(n_bins=16)"]).popitem()[1]
    'Haar + Coupling(MLP, Training) + Quantiles(n_bins=16)'
    """
    shorter = {name: _without_inner(name) for name in names}
    all_shorter = list(shorter.values())
    return {name: one if all_shorter.count(one) == 1 else name for name, one in shorter.items()}


def target_text(target: str) -> str:
    """What a target counts, in words.

    Examples
    --------
    >>> target_text("10")
    'layers until 1/10 of the loss is left'
    """
    if target == "tail":
        return "layers per e-fold, once the decay is geometric"
    if target.endswith("nats"):
        return f"layers to lower the loss by {target}"
    if target.endswith("left"):
        return f"layers until {target.removesuffix('left')} nats of the loss are left"
    return f"layers until 1/{target} of the loss is left"


def seeds_text(n: int) -> str:
    """A number of seeds in words."""
    return f"{n} seed" if n == 1 else f"{n} seeds"


def _without_inner(name: str) -> str:
    letters, depth = [], 0
    for letter in name:
        depth += (letter == "(") - (letter == ")")
        if depth < 2 and not (depth == 1 and letter == ")"):
            letters.append(letter)
    return "".join(letters)
