"""Advice: the layers and seconds in which each model of a table comes down to a loss, at any D."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd

from gscale.analysis.advice.reach import Reach
from gscale.analysis.curves import Curve, loss_curves
from gscale.analysis.intervals import Estimate
from gscale.analysis.labels import model_label
from gscale.analysis.prediction import Prediction
from gscale.analysis.scaling_laws import crossing, exponent
from gscale.errors import InputError
from gscale.results.settings import label

# Expectations, bounds and constructions are no models that could be fitted to rows.
_NO_MODELS = ("expected", "bound", "construction")

# Crossings further out than this are where two lines are nearly parallel.
_FURTHEST = 1e5


@dataclass(frozen=True, eq=False)
class Model:
    """What a table says of one model at one D and loss.

    Attributes
    ----------
    name : str
    coupled : bool
        Whether its layers have a coupling.
    layers : Prediction or None
        For a run of one seed; None where there is nothing to predict from.
    seconds : Estimate or None
        Of fitting so many layers; None too where losses are exact and no model was fitted.
    missing_reason : str
        Why there is no prediction, or what to beware of.
    left : float
        The nats that all its layers leave at the nearest D that was run.
    counts, times : dict of int to array, shape (S,)
        Layers and seconds of the seeds at each D that all reached.
    """

    name: str
    coupled: bool
    layers: Prediction | None
    seconds: Estimate | None
    missing_reason: str
    left: float
    counts: dict[int, np.ndarray]
    times: dict[int, np.ndarray]

    def within(self, budget: float) -> bool:
        """Whether it surely takes no more seconds than that."""
        return self.seconds is not None and self.seconds.high <= budget


class Crossing(NamedTuple):
    """The D where the best Gaussianization and the best coupling meet, and who needs less beyond it."""

    measure: str
    alone: str
    coupled: str
    at: Estimate
    less_beyond: str


@dataclass(frozen=True)
class Advice:
    """Models of one sweep, data set and N, None where it is infinite; those that need the least first."""

    sweep: str
    dataset: str
    n_samples: int | None
    dim: int
    loss: float
    models: tuple[Model, ...]
    crossings: tuple[Crossing, ...]

    @property
    def known(self) -> tuple[Model, ...]:
        """The models that have a prediction."""
        return tuple(model for model in self.models if model.layers is not None)

    @property
    def weight(self) -> tuple[int, int, float]:
        """How much it says: the models that have a prediction, the D that one is from, and N."""
        n_dims = max((len(model.counts) for model in self.known), default=0)
        return len(self.known), n_dims, math.inf if self.n_samples is None else self.n_samples


def advise(table: pd.DataFrame, dim: int, loss: float, only: str = "") -> list[Advice]:
    """Predict what every model of a table needs to come down to a loss.

    Parameters
    ----------
    table : DataFrame
        Of one results folder.
    dim : int
        The D to predict for.
    loss : float
        Nats left for the whole vector: of the KL where it is known, else over the lowest test loss that any
        model of the same sweep reached on the same rows.
    only : str
        The sweeps and data sets that have this in their name.

    Raises
    ------
    InputError
        If the dimension is below 1, the loss not above 0, or nothing has that in its name.
    """
    if dim < 1:
        raise InputError(f"dim is {dim}: a dimension is at least 1")
    if not (math.isfinite(loss) and loss > 0):
        raise InputError(f"loss is {loss:g}: the nats that may be left are above 0")
    groups: dict[tuple[str, str, int | None], dict[str, list[Curve]]] = {}
    for curve in loss_curves(table):
        if curve.kind not in _NO_MODELS:
            models = groups.setdefault(_group(curve), {})
            models.setdefault(f"{model_label(curve)}{curve.setting}", []).append(curve)
    chosen = {key: models for key, models in groups.items() if only in f"{key[0]}: {label(key[1])}"}
    if not chosen:
        missing = (
            f"--only {only}: no sweep or data set has this in its name" if only else "no losses of models"
        )
        raise InputError(f"{missing}; run gscale run models for some")
    advice = []
    for key, curves in chosen.items():
        rivals = [_model(group, dim, loss) for group in curves.values()]
        rivals.sort(key=lambda model: math.inf if model.layers is None else _seconds(model))
        advice.append(Advice(*key, dim, loss, tuple(rivals), tuple(_crossings(rivals))))
    return advice


def best(models: Sequence[Model], budget: float | None = None) -> Model | None:
    """The model of least time, or of the fewest layers within a budget of seconds; None if there is none.

    Where losses are exact there is no time, and it is the model of the fewest layers.
    """
    known = [model for model in models if model.layers is not None]
    if all(model.seconds is None for model in known):
        return min(known, key=_layers, default=None)
    if budget is None:
        return min(known, key=_seconds)
    return min((model for model in known if model.within(budget)), key=_layers, default=None)


def _group(curve: Curve) -> tuple[str, str, int | None]:
    return str(curve.setting["sweep"]), str(curve.setting["dataset"]), curve.n_samples or None


def _model(group: list[Curve], dim: int, loss: float) -> Model:
    dims = sorted({curve.dim for curve in group})
    reach = Reach({d: [curve for curve in group if curve.dim == d] for d in dims}, loss)
    layers, missing_reason = reach.layers(dim)
    whole = {d: n for d, n in reach.counts.items() if not np.isnan(n).any()}
    return Model(
        name=model_label(group[0]),
        coupled=not pd.isna(group[0].setting["coupling"]),
        layers=layers,
        seconds=None if layers is None else reach.seconds(dim),
        missing_reason=missing_reason,
        left=reach.left(dim),
        counts=whole,
        times={d: reach.times[d] for d in whole},
    )


def _crossings(models: Sequence[Model]) -> Iterator[Crossing]:
    """Of the fewest layers and the least time of either kind; none where it can't be told."""
    for measure, order in (("layers", _layers), ("seconds", _seconds)):
        kinds = [
            [m for m in models if m.coupled is coupled and (m.layers if measure == "layers" else m.seconds)]
            for coupled in (False, True)
        ]
        if not all(kinds):
            continue
        alone, coupled = (min(kind, key=order) for kind in kinds)
        first, second = ((m.counts if measure == "layers" else m.times) for m in (alone, coupled))
        at = crossing(first, second)
        if 1 <= at.value <= _FURTHEST:
            steeper = exponent(first) > exponent(second)
            yield Crossing(measure, alone.name, coupled.name, at, (coupled if steeper else alone).name)


def _layers(model: Model) -> float:
    return math.inf if model.layers is None else model.layers.layers.value


def _seconds(model: Model) -> float:
    return _layers(model) if model.seconds is None else model.seconds.value
