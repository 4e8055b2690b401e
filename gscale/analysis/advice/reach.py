"""Where the curves of one model come down to a loss, and where depth brings them no further."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from gscale.analysis.curves import Curve, ExcessTarget
from gscale.analysis.intervals import UNKNOWN, Estimate
from gscale.analysis.prediction import Prediction, predict_layers
from gscale.analysis.replicates import Counts, Sample

# A curve that needs more than so many times its depth, at the pace of its second half, is out of reach.
_HOPELESS = 10

# An interval whose upper end is so many times the value (and a layer at least) leaves everything open.
_OPEN = 10


@dataclass(frozen=True, eq=False)
class Reach:
    """The curves of one model at each D, rising, and the loss they are to come down to."""

    by_dim: Mapping[int, list[Curve]]
    loss: float

    @cached_property
    def beyond(self) -> tuple[int, ...]:
        """The D from the first on at which most seeds are not there at their end.

        Of exact curves, those at which they don't fall: they lack but depth. Others may come to a floor below
        their last layer, and are not extrapolated.
        """
        allowed = math.inf if self._is_population else 1.0
        far = [d for d, seeds in self.by_dim.items() if self._median_pace(seeds) > allowed]
        far += [d for d, seeds in self.by_dim.items() if math.isinf(self._median_pace(seeds))]
        return tuple(d for d in self.by_dim if far and d >= min(far))

    @cached_property
    def counts(self) -> dict[int, np.ndarray]:
        """Layers (S,) of the seeds to the loss at each D before `beyond`, NaN where they do not reach it."""
        target = ExcessTarget(self.loss)
        near = {d: seeds for d, seeds in self.by_dim.items() if d not in self.beyond}
        return {d: np.array([target(one) for one in seeds]) for d, seeds in near.items()}

    @cached_property
    def times(self) -> dict[int, np.ndarray]:
        """Seconds (S,) of fitting the layers of `counts`."""
        return {d: np.array(list(map(_time, self.by_dim[d], n))) for d, n in self.counts.items()}

    def layers(self, dim: int) -> tuple[Prediction | None, str]:
        """The layers at some D, and what to beware of; or None, and why."""
        if self._none_at and dim <= self._none_at[-1]:
            return Prediction(dim, Estimate(0.0, 0.0, 0.0), dim < self._none_at[0]), ""
        if reason := self._missing_reason(dim):
            return None, reason
        depths = {d: np.array([len(one.excess) - 1.0 for one in self.by_dim[d]]) for d in self.counts}
        sample = Sample.of(self._needing_layers(self.counts), self._needing_layers(depths))
        prediction = predict_layers(sample, dim)
        if _is_open(prediction.layers, 1.0):
            low, high = prediction.layers.low, prediction.layers.high
            return None, f"not told: {low:.2g} to {high:.2g} layers, by D = {self._span}"
        dims = list(self._needing_layers(self.counts))
        return prediction, "" if dims[0] <= dim <= dims[-1] else f"extrapolated from D = {self._span}"

    def seconds(self, dim: int) -> Estimate | None:
        """Seconds of fitting at some D; None where they are unknown, as for exact curves."""
        if self._is_population:
            return None
        ends = {d: np.array([one.seconds[-1] for one in self.by_dim[d]]) for d in self.counts}
        seconds = _scaled(self._needing_layers(self.times), self._needing_layers(ends), dim)
        return None if math.isnan(seconds.value) or _is_open(seconds) else seconds

    def left(self, dim: int) -> float:
        """Nats that are left, at best, at the nearest D that was run."""
        return float(_least(self.by_dim[min(self.by_dim, key=lambda d: abs(math.log(d / dim)))]).mean())

    @property
    def _is_population(self) -> bool:
        return next(iter(self.by_dim.values()))[0].is_population

    @property
    def _none_at(self) -> list[int]:
        """The D at which the loss is reached without a layer."""
        return [d for d, n in self.counts.items() if (n == 0).all()]

    def _needing_layers(self, values: Counts) -> Counts:
        """What tells how layers grow: where some are needed."""
        return {d: n for d, n in values.items() if d not in self._none_at}

    @property
    def _span(self) -> str:
        dims = list(self._needing_layers(self.counts))
        return f"{dims[0]} … {dims[-1]}"

    def _missing_reason(self, dim: int) -> str:
        reached = [d for d, n in self._needing_layers(self.counts).items() if not np.isnan(n).all()]
        if self.beyond and (len(reached) < 2 or dim > reached[-1]):
            first = self.by_dim[self.beyond[0]]
            short = "out of reach" if self._median_pace(first) > _HOPELESS else "not reached"
            depth, left = len(first[0].excess) - 1, _least(first).mean()
            return f"{short}: at D = {self.beyond[0]}, {depth} layers leave {left:.3g} nats"
        if len(self.by_dim) == 1:
            return f"no data: D = {next(iter(self.by_dim))} alone was run"
        if self._none_at and len(reached) < 2:
            return f"no data: reached without a layer up to D = {self._none_at[-1]}, run larger ones"
        if len(reached) < 2:
            return f"no data: reached at {f'D = {reached[0]} alone' if reached else 'no D'}, run deeper"
        least = self._least(dim)
        if dim > max(self.by_dim) and not least.high <= self.loss:
            return f"not told: by extrapolation {least} nats are left at best at D = {dim}"
        return ""

    def _median_pace(self, seeds: list[Curve]) -> float:
        return float(np.median([_pace(one, self.loss) for one in seeds]))

    def _least(self, dim: int) -> Estimate:
        """The loss that is left at best at some larger D, with the depths that were run; NaN if unknown.

        0 where it is 0 at the largest D, as of the best of rivals, or of losses that are exact.
        """
        lowest = {d: _least(seeds) for d, seeds in self.by_dim.items()}
        if self._is_population or (lowest[max(lowest)] <= 0).any():
            return Estimate(0.0, 0.0, 0.0)
        return _scaled({d: least for d, least in lowest.items() if (least > 0).all()}, None, dim)


def _pace(curve: Curve, loss: float) -> float:
    """Times its depth that a curve needs to come down to a loss, at the pace of its second half.

    1 where it is there, infinity where it does not fall.
    """
    lowest = np.minimum.accumulate(curve.excess)
    middle, depth = len(lowest) // 2, len(lowest) - 1
    half, end = lowest[middle], lowest[-1]
    if end <= loss:
        return 1.0
    if end >= half:
        return math.inf
    return 1 + math.log(end / loss) / math.log(half / end) * (depth - middle) / depth


def _time(curve: Curve, layers: float) -> float:
    """Seconds of fitting so many layers."""
    return float(np.interp(layers, range(len(curve.seconds)), curve.seconds))


def _least(seeds: list[Curve]) -> np.ndarray:
    return np.array([one.excess.min() for one in seeds])


def _is_open(estimate: Estimate, unit: float = 0.0) -> bool:
    return estimate.high > _OPEN * max(estimate.value, unit)


def _scaled(values: Counts, ends: Counts | None, dim: int) -> Estimate:
    """Predict positive numbers that are no counts, in units of the smallest of their means."""
    known = [float(np.nanmean(n)) for n in values.values() if not np.isnan(n).all()]
    if len(known) < 2:
        return UNKNOWN
    unit = min(known)
    scaled = {d: n / unit for d, n in values.items()}
    limits = None if ends is None else {d: n / unit for d, n in ends.items()}
    layers = predict_layers(Sample.of(scaled, limits), dim).layers
    return Estimate(unit * layers.value, unit * layers.low, unit * layers.high)
