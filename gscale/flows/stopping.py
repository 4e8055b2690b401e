"""When a layer-wise fit has enough layers: rules that look at the losses so far."""

from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from gscale.bijections.base import Spec
from gscale.errors import InputError


class History(NamedTuple):
    """What a fit has come to: losses with 0 … l layers in nats, (l + 1,), and what they are of.

    ``test`` is None where no rows are held out; ``marginal`` is the spec of the layers' marginal.
    """

    train: np.ndarray
    test: np.ndarray | None
    marginal: Spec
    dim: int
    n_samples: int

    @property
    def n_layers(self) -> int:
        return len(self.train) - 1


class Stopping(Protocol):
    """A rule without arrays, frozen and hashable, that ends a layer-wise fit."""

    def ended(self, history: History) -> bool:
        """Whether to add no more layers."""
        ...

    def kept(self, history: History) -> int:
        """How many of the layers to keep, once no more are added."""
        ...


@dataclass(frozen=True)
class InformationCriterion:
    """Go on while layers gain more on new rows than their parameters lose there.

    With k parameters a coordinate, the gains of a layer on the N rows it is fitted to and on new rows differ
    by k·D/N nats, however they share them (docs/theory.md): the layer pays while the gain on the
    fitted rows is above k·D/N. No row is held out for it. The gain is the mean over the last ``window``
    layers; those are given up when it is too low.

    Parameters
    ----------
    window : int
        Layers to take the mean over, at least 1: random rotations gain unevenly.

    Raises
    ------
    InputError
        If ``window`` is below 1; at fitting, if the marginal lacks ``n_parameters(n_samples)``.

    References
    ----------
    Akaike, "A new look at the statistical model identification", IEEE Transactions on Automatic Control 19
    (1974). Efron, "The estimation of prediction error", Journal of the American Statistical Association 99
    (2004), for fits that are no maximum of the likelihood.

    Examples
    --------
    >>> from gscale.bijections.marginals import Moments
    >>> rule = InformationCriterion(window=2)
    >>> history = History(np.array([5.0, 4.0, 3.5, 3.494, 3.488]), None, Moments(), dim=10, n_samples=1000)
    >>> rule.ended(history), rule.kept(history)
    (True, 2)
    """

    window: int = 5

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InputError(f"window is {self.window}: the mean is over at least 1 layer")

    def ended(self, history: History) -> bool:
        """Whether the last layers were not worth their parameters."""
        cost = _n_parameters(history) * history.dim / history.n_samples
        if history.n_layers < self.window:
            return False
        return bool(history.train[-1 - self.window] - history.train[-1] <= self.window * cost)

    def kept(self, history: History) -> int:
        """All layers, or all before the window that ended the fit."""
        return history.n_layers - self.window if self.ended(history) else history.n_layers


@dataclass(frozen=True)
class EarlyStopping:
    """Go on until the loss on held-out rows has had no new minimum for some layers, and cut back to it.

    These rows choose the depth: for a loss that nothing was chosen by, keep others.

    Parameters
    ----------
    patience : int
        Layers to wait for a new minimum, at least 1.

    Raises
    ------
    InputError
        If ``patience`` is below 1; at fitting, if no rows are held out.

    Examples
    --------
    >>> from gscale.bijections.marginals import Moments
    >>> rule, losses = EarlyStopping(patience=2), np.array([5.0, 4.0, 4.1, 4.2])
    >>> history = History(losses, losses, Moments(), dim=10, n_samples=1000)
    >>> rule.ended(history), rule.kept(history)
    (True, 1)
    """

    patience: int = 10

    def __post_init__(self) -> None:
        if self.patience < 1:
            raise InputError(f"patience is {self.patience}: it is at least 1 layer")

    def ended(self, history: History) -> bool:
        """Whether the minimum lies ``patience`` layers back."""
        return history.n_layers - self.kept(history) >= self.patience

    def kept(self, history: History) -> int:
        """The layers up to the minimum."""
        if history.test is None:
            raise InputError(f"{self!r} looks at rows that are not fitted to: give x_test")
        return int(history.test.argmin())


def _n_parameters(history: History) -> int:
    count = getattr(history.marginal, "n_parameters", None)
    if count is None:
        raise InputError(f"{history.marginal!r} has no n_parameters(n_samples): GainAboveCost needs it")
    return int(count(history.n_samples))
