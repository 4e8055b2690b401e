"""The gate: whether slopes and levels are still what they were, beyond tolerance and chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.stats import norm, pearson3
from scipy.stats import t as student_t

from gscale.analysis.regression.baseline import Entry
from gscale.analysis.regression.quantities import Gauge, position

# The chance that anything at all is called moved while nothing has: one run in 500.
LEVEL = 0.002

Quantity = Literal["slope", "level"]
Ruling = Literal["same", "moved", "no result", "new"]


@dataclass(frozen=True)
class Verdict:
    """One slope, or level (a mean over all D), beside its baseline.

    ``difference`` is measured minus baseline and ``half_width`` what chance makes of it on that side, at the
    level that `LEVEL` leaves each of the many: it is "moved" where it is beyond that and the tolerance.
    ``why`` says what is missing where there is no result.
    """

    gauge: str
    quantity: Quantity
    baseline: float
    measured: float
    half_width: float
    tolerance: float
    ruling: Ruling
    seconds: float
    seconds_before: float
    why: str = ""

    @property
    def difference(self) -> float:
        return self.measured - self.baseline

    @property
    def failed(self) -> bool:
        return self.ruling in ("moved", "no result")


def judge(found: Sequence[Gauge], baseline: Sequence[Entry]) -> list[Verdict]:
    """Compare every baseline with what was found, and name what has none.

    Means at each D (or log N) are weighed as in the baseline, for slopes and levels alike. Their
    scatter is the pooled one of both; the interval is Student's, with Satterthwaite's degrees of freedom, at
    `LEVEL` divided by the number of comparisons (Bonferroni), and wider on the side to which the baseline's
    seeds are skewed, as of a Pearson law of type III with the skewness of the difference: of a few seeds, one
    that is far out is rare but not as rare as a normal law has it.
    """
    by_name = {gauge.name: gauge for gauge in found}
    n_comparisons = sum(len(_quantities(entry)) for entry in baseline)
    verdicts = [
        _judge(entry, quantity, by_name.get(entry.name), LEVEL / n_comparisons)
        for entry in baseline
        for quantity in _quantities(entry)
    ]
    known = {entry.name for entry in baseline}
    new = [_new(gauge) for gauge in found if gauge.name not in known]
    return verdicts + new


def weights(at: np.ndarray, means: np.ndarray, quantity: Quantity) -> np.ndarray:
    """What each mean counts in a slope, or in the level, weighted by 1/max(mean, 1)."""
    share = 1 / np.maximum(means, 1)
    share = share / share.sum()
    if quantity == "level":
        return share
    centred = at - share @ at
    return share * centred / (share @ centred**2)


def _quantities(entry: Entry) -> tuple[Quantity, ...]:
    return ("slope", "level") if len(entry.at) > 1 else ("level",)


def _judge(entry: Entry, quantity: Quantity, gauge: Gauge | None, level: float) -> Verdict:
    share = weights(position(entry.along, entry.at), entry.means, quantity)
    before, tolerance = float(share @ entry.means), entry.tolerance[quantity]
    missing = _missing(entry, gauge)
    if gauge is None or missing:
        seconds = math.nan if gauge is None else gauge.seconds
        return Verdict(
            entry.name,
            quantity,
            before,
            math.nan,
            math.nan,
            tolerance,
            "no result",
            seconds,
            entry.seconds,
            missing,
        )
    numbers = [gauge.numbers[int(at)] for at in entry.at]
    after = float(share @ [n.mean() for n in numbers])
    half_width = _half_width(share, entry, numbers, level, 1 if after > before else -1)
    moved = abs(after - before) > max(half_width, tolerance)
    ruling: Ruling = "moved" if moved else "same"
    return Verdict(
        entry.name, quantity, before, after, half_width, tolerance, ruling, gauge.seconds, entry.seconds
    )


def _missing(entry: Entry, gauge: Gauge | None) -> str:
    if gauge is None:
        return "the results have no such setting"
    lost = [f"{at:g}" for at in entry.at if at not in gauge.numbers]
    return f"no value at {', '.join(lost)}" if lost else ""


def _half_width(
    share: np.ndarray, entry: Entry, numbers: list[np.ndarray], level: float, side: Literal[1, -1]
) -> float:
    """What chance makes of a difference of two weighted sums of means, on one side."""
    n = np.array([len(one) for one in numbers])
    own = np.array([((one - one.mean()) ** 2).sum() for one in numbers])
    freedom = entry.n_seeds - 1 + n - 1
    variances = ((entry.n_seeds - 1) * entry.scatter**2 + own) / np.maximum(freedom, 1)
    # numbers that never differed may: by a layer in one of so many seeds
    variances = np.where(variances == 0, 1 / (entry.n_seeds + n), variances)
    parts = share**2 * variances * (1 / n + 1 / entry.n_seeds)
    total = parts.sum()
    wider = student_t.ppf(1 - level / 2, total**2 / (parts**2 / np.maximum(freedom, 1)).sum())
    thirds = side * share**3 * entry.skewness * variances**1.5 * (1 / n**2 - 1 / entry.n_seeds**2)
    # those to the other side make no tail on this one shorter
    skewness = np.maximum(thirds, 0).sum() / total**1.5
    skewed = pearson3.ppf(1 - level / 2, skewness) / norm.ppf(1 - level / 2)
    return float(wider * skewed * math.sqrt(total))


def _new(gauge: Gauge) -> Verdict:
    at = position(gauge.along, np.array(list(gauge.numbers), float))
    means = np.array([n.mean() for n in gauge.numbers.values()])
    quantity: Quantity = "slope" if len(at) > 1 else "level"
    measured = float(weights(at, means, quantity) @ means)
    nan = math.nan
    return Verdict(gauge.name, quantity, nan, measured, nan, nan, "new", gauge.seconds, nan)
