"""The regression check: whether slopes and levels are still what they were, beyond tolerance and chance."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.special import ndtri, stdtrit

from gscale.analysis.regression.baseline import Entry
from gscale.analysis.regression.quantities import MonitoredQuantity, position

# The chance that anything at all is called moved while nothing has: one run in 500.
LEVEL = 0.002

Quantity = Literal["slope", "level"]
Ruling = Literal["same", "moved", "no result", "new"]


@dataclass(frozen=True)
class Comparison:
    """One slope, or level (a mean over all D), beside its baseline.

    Attributes
    ----------
    name : str
        Of the `MonitoredQuantity`.
    quantity : str
        "slope" or "level".
    baseline, measured : float
    half_width : float
        What chance makes of measured minus baseline on that side, at the level that `LEVEL` leaves each of
        the many comparisons.
    tolerance : float
    ruling : str
        "moved" where the difference is beyond both chance and tolerance.
    seconds, seconds_before : float
        What a seed took, now and in the baseline.
    why : str
        What is missing where there is no result.
    """

    name: str
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


def compare(measured: Sequence[MonitoredQuantity], baseline: Sequence[Entry]) -> list[Comparison]:
    """Compare every baseline with what was measured, and name what has none.

    Means at each D (or log N) are weighed as in the baseline, for slopes and levels alike. Their
    scatter is the pooled one of both; the interval is Student's, with Satterthwaite's degrees of freedom, at
    `LEVEL` divided by the number of comparisons (Bonferroni), and wider on the side to which the baseline's
    seeds are skewed, as of a Pearson law of type III with the skewness of the difference: of a few seeds, one
    that is far out is rare but not as rare as a normal law has it.

    References
    ----------
    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics 2 (1946).
    docs/gate.md has the measured rate of false alarms.
    """
    by_name = {one.name: one for one in measured}
    n_comparisons = sum(len(_quantities(entry)) for entry in baseline)
    comparisons = [
        _compare(entry, quantity, by_name.get(entry.name), LEVEL / n_comparisons)
        for entry in baseline
        for quantity in _quantities(entry)
    ]
    known = {entry.name for entry in baseline}
    new = [_new(one) for one in measured if one.name not in known]
    return comparisons + new


def weights(at: np.ndarray, means: np.ndarray, quantity: Quantity) -> np.ndarray:
    """Weights (n,) of the means (n,) in a slope, or in the level: 1/max(mean, 1)."""
    share = 1 / np.maximum(means, 1)
    share = share / share.sum()
    if quantity == "level":
        return share
    centred = at - share @ at
    return share * centred / (share @ centred**2)


def _quantities(entry: Entry) -> tuple[Quantity, ...]:
    return ("slope", "level") if len(entry.at) > 1 else ("level",)


def _compare(
    entry: Entry, quantity: Quantity, measured: MonitoredQuantity | None, level: float
) -> Comparison:
    share = weights(position(entry.along, entry.at), entry.means, quantity)
    before, tolerance = float(share @ entry.means), entry.tolerance[quantity]
    missing = _missing(entry, measured)
    if measured is None or missing:
        nan, seconds = math.nan, math.nan if measured is None else measured.seconds
        values = before, nan, nan, tolerance
        return Comparison(entry.name, quantity, *values, "no result", seconds, entry.seconds, missing)
    numbers = [measured.numbers[int(at)] for at in entry.at]
    after = float(share @ [n.mean() for n in numbers])
    half_width = _half_width(share, entry, numbers, level, 1 if after > before else -1)
    moved = abs(after - before) > max(half_width, tolerance)
    ruling: Ruling = "moved" if moved else "same"
    return Comparison(
        entry.name, quantity, before, after, half_width, tolerance, ruling, measured.seconds, entry.seconds
    )


def _missing(entry: Entry, measured: MonitoredQuantity | None) -> str:
    if measured is None:
        return "the results have no such setting"
    lost = [f"{at:g}" for at in entry.at if at not in measured.numbers]
    return f"no value at {', '.join(lost)}" if lost else ""


def _half_width(
    share: np.ndarray, entry: Entry, numbers: list[np.ndarray], level: float, side: Literal[1, -1]
) -> float:
    """What chance makes of a difference of two weighted sums of means, on one side."""
    from scipy.stats import pearson3  # half a second, for this alone

    n = np.array([len(one) for one in numbers])
    squares = np.array([((one - one.mean()) ** 2).sum() for one in numbers])
    freedom = entry.n_seeds - 1 + n - 1
    variances = ((entry.n_seeds - 1) * entry.scatter**2 + squares) / np.maximum(freedom, 1)
    # numbers that never differed may: by a layer in one of so many seeds
    variances = np.where(variances == 0, 1 / (entry.n_seeds + n), variances)
    parts = share**2 * variances * (1 / n + 1 / entry.n_seeds)
    total = parts.sum()
    wider = stdtrit(total**2 / (parts**2 / np.maximum(freedom, 1)).sum(), 1 - level / 2)
    thirds = side * share**3 * entry.skewness * variances**1.5 * (1 / n**2 - 1 / entry.n_seeds**2)
    # those to the other side make no tail on this one shorter
    skewness = np.maximum(thirds, 0).sum() / total**1.5
    skewed = pearson3.ppf(1 - level / 2, skewness) / ndtri(1 - level / 2)
    return float(wider * skewed * math.sqrt(total))


def _new(measured: MonitoredQuantity) -> Comparison:
    at = position(measured.along, np.array(list(measured.numbers), float))
    means = np.array([n.mean() for n in measured.numbers.values()])
    quantity: Quantity = "slope" if len(at) > 1 else "level"
    value, nan = float(weights(at, means, quantity) @ means), math.nan
    return Comparison(measured.name, quantity, nan, value, nan, nan, "new", measured.seconds, nan)
