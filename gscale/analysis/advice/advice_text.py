"""Advice as text for people and as records for machines."""

import math
from collections.abc import Iterator, Sequence
from typing import Any

from gscale.analysis.advice.advisor import Advice, Model, best
from gscale.analysis.intervals import Estimate
from gscale.analysis.labels import brief
from gscale.results.settings import label

_ROW = "  {:<24} {:<26} {}"


def lines(
    advice: Sequence[Advice], budget: float | None, devices: Sequence[str], whole: bool = False
) -> Iterator[str]:
    """A table of models for each data set, from the sweep that says most of it; of all sweeps if whole.

    The sweeps that have nothing to say get a line each.
    """
    by_dataset: dict[str, list[Advice]] = {}
    for one in advice:
        by_dataset.setdefault(one.dataset, []).append(one)
    timed = False
    for group in by_dataset.values():
        order = sorted(group, key=lambda one: one.weight, reverse=True)
        shown = order if whole else order[:1]
        for one in shown:
            yield from _table(one, budget) if one.known else [f"{_heading(one)}: {_nearest(one)}"]
            timed = timed or any(model.seconds for model in one.known)
        others = sorted({one.sweep for one in order} - {one.sweep for one in shown})
        if others:
            yield f"  also in {', '.join(others)} (--only NAME)"
    if timed:
        yield f"seconds are those of fitting on {', '.join(devices)}"


def records(advice: Sequence[Advice], budget: float | None) -> list[dict[str, Any]]:
    """The same as JSON would have it."""
    return [
        {
            "sweep": one.sweep,
            "dataset": label(one.dataset),
            "n_samples": one.n_samples,
            "dim": one.dim,
            "loss": one.loss,
            "models": [_record(model) for model in one.models],
            "best": None if (model := best(one.models, budget)) is None else model.name,
            "crossings": [{**crossing._asdict(), "at": _numbers(crossing.at)} for crossing in one.crossings],
        }
        for one in advice
    ]


def _table(advice: Advice, budget: float | None) -> Iterator[str]:
    yield _heading(advice)
    yield _ROW.format("layers [95 %]", "seconds [95 %]", "model")
    names = brief(model.name for model in advice.models)
    for model in advice.models:
        yield _ROW.format(*_cells(model, names, budget))
    for crossing in advice.crossings:
        alone, coupled, less = (names[n] for n in (crossing.alone, crossing.coupled, crossing.less_beyond))
        same = f"need the same {crossing.measure} at D = {_text(crossing.at)}"
        yield f"  {alone} and {coupled} {same}; beyond, {less} needs less"
    yield f"  → {_choice(advice, names, budget)}"


def _nearest(advice: Advice) -> str:
    """Why there is no prediction of the model that comes nearest to one."""
    model = min(advice.models, key=lambda model: model.left)
    return f"{model.missing_reason} ({brief([model.name])[model.name]})"


def _heading(advice: Advice) -> str:
    rows = "infinitely many rows" if advice.n_samples is None else f"N = {advice.n_samples}"
    return f"{advice.sweep}: {label(advice.dataset)}, {rows}, D = {advice.dim}, {advice.loss:g} nats left"


def _cells(model: Model, names: dict[str, str], budget: float | None) -> tuple[str, str, str]:
    layers = "" if model.layers is None else _text(model.layers.layers)
    seconds = "" if model.seconds is None else _text(model.seconds)
    remarks = "; ".join(filter(None, [model.missing_reason, _over(model, budget)]))
    return layers, seconds, f"{names[model.name]}{f' ({remarks})' if remarks else ''}"


def _over(model: Model, budget: float | None) -> str:
    if budget is None or model.seconds is None or model.within(budget):
        return ""
    sure = model.seconds.low > budget
    return f"{'takes' if sure else 'may take'} more than {budget:g} s"


def _choice(advice: Advice, names: dict[str, str], budget: float | None) -> str:
    one = best(advice.models, budget)
    if one is None:
        return f"no model is sure to take no more than {budget:g} s"
    if one.seconds is None:
        return f"fewest layers: {names[one.name]}"
    if budget is not None:
        return f"fewest layers within {budget:g} s: {names[one.name]}"
    fewest = min(advice.known, key=lambda model: model.layers.layers.value if model.layers else math.inf)
    if fewest is one:
        return f"least time and fewest layers: {names[one.name]}"
    return f"least time: {names[one.name]}; fewest layers: {names[fewest.name]}"


def _text(estimate: Estimate) -> str:
    return f"{estimate.value:.3g} [{estimate.low:.3g}, {estimate.high:.3g}]"


def _record(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "coupled": model.coupled,
        "layers": None if model.layers is None else _numbers(model.layers.layers),
        "seconds": None if model.seconds is None else _numbers(model.seconds),
        "extrapolated": None if model.layers is None else model.layers.extrapolated,
        "missing_reason": model.missing_reason,
    }


def _numbers(estimate: Estimate) -> dict[str, float | None]:
    pairs = {"value": estimate.value, "low": estimate.low, "high": estimate.high}
    return {name: x if math.isfinite(x) else None for name, x in pairs.items()}
