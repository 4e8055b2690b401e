"""The figure of a sweep that varies N: test loss against layers, and the layer where it turns against N."""

from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from gscale.analysis import Curve, OptimalDepth, half_width, turns
from gscale.figures.style import styled
from gscale.results.tables import short

_INTERVALS = 8  # error bars on a curve
_SHOWN = 0.3  # of the lowest mean test loss
_THEORY: dict[str, Any] = {"lw": 5, "alpha": 0.3, "solid_capstyle": "round"}


def draw_turning(table: pd.DataFrame, title: str) -> Figure:
    """Draw one sweep: a row for each kind of data and layer and D; left its losses, right where they turn.

    Means over seeds with 95 % intervals. A seed whose test loss is lowest at the last layer has not turned;
    where there is one, no mean is drawn for that N.
    """
    rows: dict[str, list[OptimalDepth]] = {}
    for turn in turns(table):
        rows.setdefault(_name(turn), []).append(turn)
    with styled():
        figure = Figure(figsize=(14, 5 * len(rows) + 0.5), layout="constrained")
        panels = figure.subplots(len(rows), 2, squeeze=False)
        for (left, right), (name, found) in zip(panels, rows.items(), strict=True):
            colours = dict(
                zip([turn.n_samples for turn in found], sns.color_palette("colorblind"), strict=False)
            )
            left.set_title(name)
            _draw_losses(left, found, colours)
            _draw_turns(right, found, colours)
        figure.suptitle(title, fontweight="bold")
    return figure


def _name(turn: OptimalDepth) -> str:
    parts = [turn.setting[part] for part in ("rotation", "marginal", "coupling")]
    layer = " + ".join(short(part) for part in parts if not pd.isna(part))
    return f"{short(turn.setting['dataset'])}: layers of {layer}, D = {turn.dim}"


def _draw_losses(axes: Axes, found: list[OptimalDepth], colours: dict[int, Any]) -> None:
    lowest = np.inf
    for turn in found:
        colour, theory = colours[turn.n_samples], turn.expected_curves()
        test, train = (_mean(turn.sampled, part) for part in ("excess", "excess_train"))
        if theory is not None:
            for losses in theory:
                axes.plot(losses, color=colour, **_THEORY)
            at = int(theory[1].argmin())
            axes.plot(at, theory[1][at], "D", color="white", markeredgecolor=colour, markersize=9, zorder=3)
        axes.plot(train, "--", color=colour, lw=1)
        every = max(len(test) // _INTERVALS, 1)
        axes.errorbar(range(len(test)), test, _half_widths(turn.sampled), color=colour, errorevery=every)
        at = int(test.argmin())
        axes.plot(at, test[at], "v", color=colour, markeredgecolor="black", markersize=9, zorder=4)
        lowest = min(lowest, test[at])
    _scale_losses(axes, found, lowest)
    axes.legend(handles=_keys(found, colours), fontsize="x-small")


def _mean(drawn: list[Curve], part: str) -> np.ndarray:
    return np.mean([getattr(curve, part) for curve in drawn], 0)


def _half_widths(drawn: list[Curve]) -> list[float]:
    return [half_width(losses) for losses in np.stack([curve.excess for curve in drawn], 1)]


def _scale_losses(axes: Axes, found: list[OptimalDepth], lowest: float) -> None:
    known = found[0].setting["metric"] == "kl"
    if lowest > 0:
        axes.set_yscale("log")
        highest = max(_mean(turn.sampled, "excess").max() for turn in found)
        axes.set_ylim(lowest * _SHOWN, highest * 1.5)
    axes.set_xlabel("layers")
    axes.set_ylabel("KL to the normal distribution (nats)" if known else "loss over the lowest (nats)")


def _keys(found: list[OptimalDepth], colours: dict[int, Any]) -> list[Line2D]:
    handles = [Line2D([], [], color=colours[turn.n_samples], label=_rows(turn)) for turn in found]
    handles.append(Line2D([], [], color="0.3", ls="--", lw=1, label="on the rows fitted to"))
    lowest: dict[str, Any] = {
        "color": "0.5",
        "marker": "v",
        "ls": "",
        "markeredgecolor": "black",
        "label": "lowest test loss",
    }
    handles.append(Line2D([], [], **lowest))
    if any(turn.expected is not None for turn in found):
        handles.append(Line2D([], [], color="0.5", label="theory", **_THEORY))
        diamond: dict[str, Any] = {"color": "white", "marker": "D", "ls": "", "markeredgecolor": "0.3"}
        handles.append(Line2D([], [], label="lowest in theory", **diamond))
    return handles


def _rows(turn: OptimalDepth) -> str:
    return f"N = {turn.n_samples:,}, {len(turn.sampled)} seeds"


def _draw_turns(axes: Axes, found: list[OptimalDepth], colours: dict[int, Any]) -> None:
    for turn in found:
        if not np.isnan(turn.layers).any():
            axes.errorbar(
                turn.n_samples,
                turn.layers.mean(),
                half_width(turn.layers),
                fmt="v",
                color=colours[turn.n_samples],
                markeredgecolor="black",
                markersize=9,
                capsize=4,
            )
        if turn.expected is not None and not np.isnan(turn.expected).any():
            axes.plot(
                turn.n_samples,
                turn.expected.mean(),
                "D",
                color="white",
                markeredgecolor=colours[turn.n_samples],
                markersize=9,
            )
    handles = [
        Line2D(
            [], [], color="0.5", marker="v", ls="", markeredgecolor="black", label="measured, mean of seeds"
        ),
    ]
    if any(turn.expected is not None for turn in found):
        handles += _draw_expected(axes, found)
    axes.set_xscale("log")
    axes.set_ylim(bottom=0)
    axes.set_title("Where does the test loss turn, as rows are added?")
    axes.set_xlabel("rows N")
    axes.set_ylabel("layers of the lowest test loss")
    axes.legend(handles=handles, fontsize="x-small", loc="upper left")


def _draw_expected(axes: Axes, found: list[OptimalDepth]) -> list[Line2D]:
    """Theory between the N at hand, on the exact curves of all seeds."""
    most = max(found, key=lambda turn: len(turn.exact))
    n_samples = [turn.n_samples for turn in found]
    span = np.geomspace(min(n_samples), max(n_samples), 60)
    axes.plot(span, [most.expected_at(round(n)) for n in span], color="0.5", **_THEORY)
    slope = f"theory; far along it is {(most.dim + 1) / 2:g} layers for each e-fold of N"
    return [
        Line2D(
            [],
            [],
            color="white",
            marker="D",
            ls="",
            markeredgecolor="0.3",
            label="theory, for the same seeds",
        ),
        Line2D([], [], color="0.5", label=slope, **_THEORY),
    ]
