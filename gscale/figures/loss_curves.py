"""Figures of losses against layers: of one kind of layer by D, of rivals by layer, and by N."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from gscale.analysis import Curve, OptimalDepth, expected_in, half_width
from gscale.analysis.labels import name_of
from gscale.analysis.summary import turn_heading
from gscale.figures.mean_curves import in_dims, stacked_curves
from gscale.figures.spec import Axis, Figure, Series, category, shade, thinned
from gscale.results.tables import short

_KIND = ("dataset", "rotation", "marginal", "coupling")
_DASHES = {"train": "dash", "exact": "dot", "bound": "dash"}
_WORDS = {
    "test": "test loss",
    "train": "loss on the rows fitted to",
    "exact": "without sampling noise",
    "expected": "expected",
    "bound": "lower bound",
    "whole": "trained together",
}
_STYLES = {"test": "solid", "train": "dashed", "exact": "dotted", "bound": "dashed"}
_DIM_DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot", "2px,2px", "12px,3px,3px,3px")
_EXACT = 1e-14  # nats; a loss below is rounding
_SHOWN = 1e-4  # of the first loss at first; the curves go on far below
_KL = "KL to the normal distribution (nats)"
_SHARE = "share left of the loss that can be removed"


def kinds_of(drawn: list[Curve]) -> Iterator[tuple[str, list[Curve]]]:
    """The curves of each kind of data, layer and N, with a title; those without N are in each of these."""
    groups: dict[tuple[str, ...], list[Curve]] = {}
    for curve in drawn:
        groups.setdefault(tuple(str(curve.setting[part]) for part in _KIND), []).append(curve)
    for group in groups.values():
        title = f"{short(group[0].setting['dataset'])}, layers of {_layer(group[0])}"
        sizes = sorted({curve.n_samples for curve in group} - {0})
        if len(sizes) < 2:
            yield title, group
        for n in sizes if len(sizes) > 1 else ():
            yield f"{title}, N = {n:,}", [curve for curve in group if curve.n_samples in (0, n)]


def _layer(curve: Curve) -> str:
    parts = (curve.setting[part] for part in _KIND[1:])
    return " + ".join(short(part) for part in parts if not pd.isna(part))


def losses_by_dim(title: str, drawn: list[Curve], most: int) -> Figure:
    """The loss curves of one kind of layer, a colour for each D."""
    relative = drawn[0].setting["metric"] != "kl"
    dims = sorted({curve.dim for curve in drawn})
    series: list[Series] = []
    kinds: list[str] = []
    for i, dim in enumerate(dims):
        group = [curve for curve in drawn if curve.dim == dim]
        stacks = stacked_curves(group, relative)
        kinds += [kind for kind in stacks if kind not in kinds]
        unit = dim if in_dims(drawn) else 1
        found = [
            _curve(f"D = {dim}", kind, stack, shade(i, len(dims)), most, unit)
            for kind, stack in stacks.items()
        ]
        series += _listed_once(found) + _expected(group, stacks, shade(i, len(dims)), most)
    if in_dims(drawn):
        series.append(_half(drawn))
    note = f"Means over {seeds_of(drawn)}, with 95 % intervals. {_legend(kinds)}"
    if any(one.width > 4 for one in series):
        note += " The wide lines behind are theory's, for test and train loss."
    return Figure(f"Loss: {title}", note, _depth_axis(drawn), _loss_axis(drawn, relative), tuple(series))


def _curve(
    group: str, kind: str, stack: np.ndarray, colour: str, most: int, unit: int = 1, dash: str = ""
) -> Series:
    """Mean and interval of a stack (S, L + 1); a loss of rounding size is exact."""
    at = thinned(stack.shape[1], most)
    mean = stack.mean(0)[at]
    exact = kind in ("whole", "exact", "expected", "bound")
    return Series(
        group,
        at / unit,
        np.maximum(mean, _EXACT) if exact else mean,
        None if kind == "train" else np.array([half_width(losses) for losses in stack.T[at]]),
        colour,
        "lines+markers" if kind == "whole" else "lines",
        dash or _DASHES.get(kind, "solid"),
        band=kind != "train",
        group=group,
        width=1.5 if kind == "train" else 2,
        notes=f"{_WORDS[kind]}, {seeds_text(len(stack))}",
    )


def _listed_once(series: list[Series]) -> list[Series]:
    return [replace(one, listed=i == 0) for i, one in enumerate(series)]


def _expected(group: list[Curve], stacks: dict[str, np.ndarray], colour: str, most: int) -> list[Series]:
    """Theory's train and test loss, where sampled curves are beside exact ones."""
    sampled = [curve for curve in group if curve.excess_train is not None]
    if "exact" not in stacks or not sampled:
        return []
    losses = expected_in(sampled[0].setting, sampled[0].dim, sampled[0].n_samples, stacks["exact"].mean(0))
    return theory_curves(f"D = {group[0].dim}", losses, colour, most)


def theory_curves(
    group: str, losses: tuple[np.ndarray, np.ndarray] | None, colour: str, most: int
) -> list[Series]:
    """Theory's train and test loss as wide lines, behind the curves of a group; none where it knows none."""
    found = []
    for kind, loss in zip(("train", "test"), losses or (), strict=bool(losses)):
        at = thinned(len(loss), most)
        found.append(
            Series(
                f"theory, {kind}",
                at,
                loss[at],
                colour=colour,
                width=6,
                group=group,
                listed=False,
                notes=group,
            )
        )
    return found


def _half(drawn: list[Curve]) -> Series:
    """Theorem 1: scales are exact at a depth of half of D."""
    highest = max(float(curve.excess[0]) for curve in drawn)
    return Series("half of D", np.array([0.5, 0.5]), np.array([_EXACT, highest]), dash="dash", width=1.5)


def losses_by_layer(drawn: list[Curve], looks: dict[str, str], most: int) -> Figure:
    """The losses of rivals on one data set, a colour for each way to a flow, a dash for each of several D."""
    relative = drawn[0].setting["metric"] != "kl"
    dims = sorted({curve.dim for curve in drawn})
    dashes = {dim: _DIM_DASHES[i % len(_DIM_DASHES)] for i, dim in enumerate(dims)}
    if len(dims) == 1:
        dashes = {dims[0]: ""}  # they are free to tell test from train
    series: list[Series] = []
    for name, colour in looks.items():
        found = []
        for dim, dash in dashes.items():
            group = [curve for curve in drawn if curve.dim == dim and name_of(curve) == name]
            stacks = stacked_curves(group, relative)
            if len(dims) > 1:
                stacks.pop("train", None)
            found += [
                _noted(_curve(name, kind, stack, colour, most, dash=dash), f"D = {dim}")
                for kind, stack in stacks.items()
            ]
        series += _listed_once(found)
    widths = "; ".join(f"D = {dim}: {_DASH_WORDS.get(dash, 'short dashes')}" for dim, dash in dashes.items())
    if len(dims) == 1:
        widths = f"D = {dims[0]}; test loss: solid; loss on the rows fitted to: dashed"
    note = f"Means over {seeds_of(drawn)}, with 95 % intervals. {widths}."
    title = f"Loss: {short(drawn[0].setting['dataset'])}"
    return Figure(title, note, _depth_axis(drawn), _loss_axis(drawn, relative), tuple(series))


_DASH_WORDS = {
    "solid": "solid",
    "dash": "dashed",
    "dot": "dotted",
    "dashdot": "dash and dot",
    "longdash": "long dashes",
    "longdashdot": "long dash and dot",
    "2px,2px": "fine dots",
}


def _noted(series: Series, note: str) -> Series:
    return replace(series, notes=f"{note}, {series.notes}")


def losses_by_rows(found: list[OptimalDepth], most: int) -> Figure:
    """The losses of one kind of layer at one D, a colour for each N, and where the test loss turns."""
    series: list[Series] = []
    for i, turn in enumerate(found):
        group, colour = f"N = {turn.n_samples:,}", category(i)
        stacks = stacked_curves(turn.sampled, turn.setting["metric"] != "kl")
        curves = [_curve(group, kind, stack, colour, most) for kind, stack in stacks.items()]
        series += theory_curves(group, turn.expected_curves(), colour, most)
        series += _listed_once(curves)
        mean = stacks["test"].mean(0)
        at = np.array([mean.argmin()])
        name = f"{group}, lowest mean test loss"
        lowest = Series(name, at, mean[at], None, colour, "markers", symbol="triangle-down", group=group)
        series.append(replace(lowest, listed=False))
    drawn = [curve for turn in found for curve in turn.sampled]
    note = (
        f"Means over {seeds_of(drawn)}, with 95 % intervals. Test loss is solid, the loss on the rows "
        "fitted to dashed; triangles mark the lowest mean test loss; wide lines behind are theory's, where "
        "it is known."
    )
    axis = Axis("layers")
    relative = drawn[0].setting["metric"] != "kl"
    return Figure(
        f"Loss: {turn_heading(found[0]).split(': ', 1)[1]}",
        note,
        axis,
        _loss_axis(drawn, relative),
        tuple(series),
    )


def _depth_axis(drawn: list[Curve]) -> Axis:
    if all(curve.whole for curve in drawn):
        return Axis("layers / dimension" if in_dims(drawn) else "layers")
    return Axis("layers", log=max(len(curve.excess) for curve in drawn) > 10)


def _loss_axis(drawn: list[Curve], relative: bool) -> Axis:
    if relative:
        return Axis(_SHARE, range=(-0.1, 1.03))
    firsts = [curve.excess[0] for curve in drawn if curve.excess[0] > 0] or [1.0]
    if all(curve.whole for curve in drawn):
        return Axis(_KL, log=True)
    if all(curve.exact for curve in drawn):
        return Axis(_KL, log=True, range=(min(firsts) * _SHOWN, max(firsts) * 2))
    lowest, highest = (float(end([end(curve.excess) for curve in drawn])) for end in (np.min, np.max))
    # layers fitted to noise begin at rounding, and rise
    if lowest <= 0 or highest > 2 * max(firsts):
        return Axis(_KL)
    return Axis(_KL, log=True, range=(lowest * 0.3, highest * 1.5))


def seeds_of(drawn: list[Curve]) -> str:
    """How many seeds the curves of one setting and D have, in words."""
    counts: dict[str, int] = {}
    for curve in drawn:
        key = str((curve.dim, curve.setting))
        counts[key] = counts.get(key, 0) + 1
    low, high = min(counts.values()), max(counts.values())
    return seeds_text(low) if low == high else f"{low} to {high} seeds"


def seeds_text(n: int) -> str:
    """A number of seeds in words."""
    return f"{n} seed" if n == 1 else f"{n} seeds"


def _legend(kinds: list[str]) -> str:
    """What the dashes mean, where there are several kinds of curves."""
    if len(kinds) < 2:
        return f"Shown is the {_WORDS[kinds[0]]}." if kinds[0] == "test" else ""
    return "; ".join(f"{_WORDS[kind]}: {_STYLES.get(kind, 'solid')}" for kind in kinds).capitalize() + "."
