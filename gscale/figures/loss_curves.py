"""Panels of losses against layers: means over seeds with intervals, and theory's curves behind them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from gscale.analysis import Curve, half_width
from gscale.analysis.labels import dataset_label, model_label, seeds_text
from gscale.figures.spec import Axis, Panel, Series, category, thinned

_KL = "KL to the normal distribution (nats)"

# What kinds of curves are called, and their dashes where they are not solid.
_WORDS = {
    "sampled": "test loss",
    "train": "loss on the rows fitted to",
    "population": "without sampling noise",
    "expected": "expected",
    "bound": "lower bound",
    "scales": "scales trained together",
    "construction": "by construction",
}
_DASHES = {"train": "dash", "bound": "dash", "population": "dot"}
_STYLES = {"solid": "solid", "dash": "dashed", "dot": "dotted"}

_ROUNDING = 1e-14  # nats; a population's loss below is drawn there
_SHOWN = 1e-4  # of the first loss at first; a population's curves go on far below
_LINEAR = 1e-2  # nats; a sampled loss below has sampling noise of its own size


def losses_panel(title: str, curves: Sequence[Curve], series: Sequence[Series], remark: str = "") -> Panel:
    """A panel of the losses of curves, with the number of their seeds and their dashes in its note."""
    kinds = stacked_losses(curves)
    dashes = [f"{_WORDS[kind]}: {_STYLES[_DASHES.get(kind, 'solid')]}" for kind in kinds]
    dashes = dashes if len(kinds) > 1 else [_WORDS[kind] for kind in kinds]
    note = f"Means over {seeds_of(curves)}, with 95 % intervals. {'; '.join(dashes).capitalize()}.{remark}"
    if all(curve.per_depth for curve in curves):
        depths = Axis("layers / dimension" if in_dims(curves) else "layers")
    else:
        depths = Axis("layers", log=max(len(curve.excess) for curve in curves) > 10)
    return Panel(title, note, depths, _loss_axis(curves), tuple(series))


def mean_losses(
    name: str, curves: Sequence[Curve], colour: str, n_points: int, unit: int = 1
) -> list[Series]:
    """The mean loss of each kind of curve of one D, with its interval; the first solid one is in the legend.

    Depth is in units of some layers. A training loss has an interval where it is that of noise, from 0 on.
    """
    series: list[Series] = []
    stacks = stacked_losses(curves)
    for kind, stack in sorted(stacks.items(), key=lambda item: item[0] in _DASHES):
        at = thinned(stack.shape[1], n_points)
        mean, halves = stack.mean(0)[at], np.array([half_width(losses) for losses in stack.T[at]])
        series.append(
            Series(
                name,
                at / unit,
                mean if kind in ("sampled", "train") else np.maximum(mean, _ROUNDING),
                None if kind == "train" and mean[0] > _LINEAR else halves,
                colour,
                "lines+markers" if curves[0].per_depth else "lines",
                _DASHES.get(kind, "solid"),
                band=True,
                width=1.5 if kind == "train" else 2,
                listed=not series,
                notes=f"{_WORDS[kind]}, {seeds_text(len(stack))}",
            )
        )
    return series


def stacked_losses(curves: Sequence[Curve]) -> dict[str, np.ndarray]:
    """The losses (S, L + 1) of each kind, cut to the shallowest; sampled curves bring those of training.

    In nats where the floor is known, else as shares of the first.
    """
    stacks: dict[str, list[np.ndarray]] = {}
    for curve in curves:
        unit = 1.0 if curve.setting["metric"] == "kl" else curve.excess[0] or 1.0
        stacks.setdefault(curve.kind, []).append(curve.excess / unit)
        if curve.excess_train is not None:
            stacks.setdefault("train", []).append(curve.excess_train / unit)
    return {kind: np.stack([one[: min(map(len, all_))] for one in all_]) for kind, all_ in stacks.items()}


def theory_losses(
    name: str, losses: tuple[np.ndarray, np.ndarray] | None, colour: str, n_points: int
) -> list[Series]:
    """Theory's train and test loss (L + 1,) as wide lines of a group; none where they are unknown."""
    series = []
    for kind, loss in zip(("train", "test"), losses or (), strict=False):
        at = thinned(len(loss), n_points)
        line = Series(f"theory, {kind}", at, loss[at], colour=colour, width=6, notes=name)
        series.append(replace(line, group=name, listed=False))
    return series


def losses_by_model(curves: Sequence[Curve], names: dict[str, str], n_points: int) -> list[Panel]:
    """A panel for each D of one data set, with a colour for each model; names are by its label."""
    panels = []
    for dim in sorted({curve.dim for curve in curves}):
        at_dim = [curve for curve in curves if curve.dim == dim]
        sizes = ", ".join(f"{n:,}" for n in sorted({curve.n_samples for curve in at_dim} - {0}))
        title = f"Loss: {dataset_label(curves[0].setting)}, D = {dim}{sizes and f', N = {sizes}'}"
        series: list[Series] = []
        for i, (model, name) in enumerate(names.items()):
            group = [curve for curve in at_dim if model_label(curve) == model]
            series += mean_losses(name, group, category(i), n_points)
        panels.append(losses_panel(title, at_dim, series))
    return panels


def in_dims(curves: Sequence[Curve]) -> bool:
    """Whether depth is drawn in units of D: for scales trained together."""
    return all(curve.kind == "scales" for curve in curves)


def seeds_of(curves: Sequence[Curve]) -> str:
    """How many seeds the curves of one setting and D have, in words."""
    counts = Counter(str((curve.dim, curve.setting)) for curve in curves).values()
    low, high = min(counts), max(counts)
    return seeds_text(low) if low == high else f"{low} to {high} seeds"


def _loss_axis(curves: Sequence[Curve]) -> Axis:
    if curves[0].setting["metric"] != "kl":
        return Axis("share left of the loss that can be removed", range=(-0.3, 1.03))
    if any(curve.per_depth for curve in curves):
        return Axis(_KL, log=True)
    firsts = [curve.excess[0] for curve in curves if curve.excess[0] > 0] or [1.0]
    if all(curve.is_population for curve in curves):
        return Axis(_KL, log=True, range=(min(firsts) * _SHOWN, max(firsts) * 2))
    lowest, highest = (float(end([end(curve.excess) for curve in curves])) for end in (np.min, np.max))
    if max(firsts) < _LINEAR:  # layers fitted to noise begin at rounding, and rise
        return Axis(_KL)
    range_ = (lowest * 0.3, highest * 1.5) if lowest > 0 else None
    return Axis(_KL, lowest > 0, range=range_, linear_within=0.0 if lowest > _LINEAR else _LINEAR)
